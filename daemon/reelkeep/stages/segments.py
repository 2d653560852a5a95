"""Fetch one large file by several requests side by side, while slots are idle.

Each lane claims a piece of the file, asks for just that range, and goes on to the next; at the
end idle lanes take over half of what another has left. A host that ignores a range gets no more
of them: the file goes on in one stream, and nobody failed (rule 56 of the transfer notes). One
that finds them too many gets fewer for a while (rule 57).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass
from math import inf

import anyio
from anyio.lowlevel import checkpoint_if_cancelled
from cachetools import LRUCache

from reelkeep.core import resume
from reelkeep.core.addresses import parse
from reelkeep.core.coverage import Coverage, Extent, Scale, Segment
from reelkeep.core.media import is_called_page
from reelkeep.core.model import Locator
from reelkeep.core.resume import Continue, Decision, ask_between, decide, strong_validator
from reelkeep.errors import BadReply, Parked, Remedy, Throttled, Unreachable, WrongBytes
from reelkeep.ports import DirectReader, Part, Reply, Source
from reelkeep.stages.body import Checkpoints, compared_until, gather
from reelkeep.stages.request import RequestSender
from reelkeep.stages.signals import Signal, beside, raise_wrong_bytes
from reelkeep.stages.worker_pool import ActiveTransfer, ActiveTransfers


class SlotPool:
    """The slots for transfers: each file under way has one, and may borrow idle ones.

    At most `lanes` of them work on one file; 1 means that nothing is ever borrowed.
    """

    def __init__(self, transfers: ActiveTransfers, *, slots: int, lanes: int) -> None:
        self._transfers = transfers
        self._borrowed = 0
        self.resize(slots=slots, lanes=lanes)

    def resize(self, *, slots: int, lanes: int) -> None:
        """Have other numbers from now on; what is borrowed stays so until it is given back."""
        self._slots = slots
        self.lanes = min(lanes, slots)

    @property
    def spare(self) -> int:
        """Slots that are idle; negative while files wait for what was borrowed."""
        return self._slots - len(self._transfers.under_way) - self._borrowed

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Borrow one slot."""
        self._borrowed += 1
        try:
            yield
        finally:
            self._borrowed -= 1


HOSTS = 1000
"""Hosts remembered at most that bear fewer lanes than we would send."""

SPARED = 3600.0
"""Seconds for which a host gets fewer lanes once it found them too many."""

CRUMBS = 100
"""Replies in one attempt that may bring less than was asked for; then it is left for later."""

_FATAL = (Remedy.RESTART, Remedy.DISCARD, Remedy.QUARANTINE)


class RangesIgnored(Exception):
    """The host sends the whole file whatever it is asked for, and what is here has gaps."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A reply whose body runs to the end of the file, drawn so far by `tap`.

    It holds a connection and a slot of its host until somebody calls `leave`.
    """

    tap: DirectReader
    leave: Callable[[], Awaitable[None]]


class SegmentedDownloads:
    """Lends idle slots to large files."""

    def __init__(
        self, asker: RequestSender, transfers: ActiveTransfers, slots: SlotPool, scale: Scale
    ) -> None:
        self.asker = asker
        self.slots = slots
        self.scale = scale
        self._transfers = transfers
        self._bearable: LRUCache[str, tuple[int, float]] = LRUCache(HOSTS)  # lanes, and until when

    def useful(self, part: Part, locator: Locator, rest: int) -> bool:
        """Whether a file of which `rest` bytes are still to come is worth several requests now."""
        held = part.held
        return (
            self.most(locator) > 1
            and self.slots.spare > 0
            and rest >= self.scale.rest
            and (held.total or 0) >= self.scale.large
            and held.validator is not None
        )

    def most(self, locator: Locator) -> int:
        """Return how many lanes may work on one file at the host of `locator`."""
        lanes, until = self._bearable.get(_host(locator), (self.slots.lanes, inf))
        return min(lanes, self.slots.lanes) if anyio.current_time() < until else self.slots.lanes

    async def complete(
        self, part: Part, locator: Locator, transfer: ActiveTransfer, rest: Rest | None = None
    ) -> str:
        """Fill the gaps of `part`; return the origin that the last of it came from.

        `rest` goes on at the end of what is there without a gap, if it is given. It is left as
        soon as it does so no more: its slot may be what the lanes are waiting for.

        Raises:
            TransferError: Lanes failed, and something is still missing.
            RangesIgnored: There are gaps that this host cannot fill.
        """
        coverage = part.coverage or await part.scatter(part.held.total or 0)
        workers = _SegmentWorkers(self, part, coverage, locator, transfer, rest)
        await workers.work()
        return workers.origin

    async def prove_seams(self, part: Part, locator: Locator, transfer: ActiveTransfer) -> None:
        """Compare the end of each run of bytes that earlier attempts left with what the host has.

        Raises:
            WrongBytes: They differ.
            TransferError: They could not be had.
            RangesIgnored: Nor can any range.
        """
        coverage = part.coverage or Coverage(0)
        for start, end in coverage.filled:
            await self.prove_seam(part, locator, transfer, (max(start, end - resume.SEAM), end))
            coverage.prove(end)

    async def prove_seam(
        self, part: Part, locator: Locator, transfer: ActiveTransfer, seam: Extent
    ) -> None:
        """Compare the bytes of `seam`, which are here, with what the host has."""
        held, (at, end) = part.held, seam
        while at < end:
            asked = ask_between(at, end, held.validator or "")
            async with self.asker.reply(locator, asked, transfer.download) as reply:
                decision = decide(
                    asked, reply.status, reply.headers, validator=held.validator, total=held.total
                )
                _length(decision, reply, held.validator)
                async with aclosing(reply.chunks()) as body:
                    compared, _ = await compared_until(part, at, end, body)
            if compared == at:
                raise Unreachable("the host sent nothing of what is to be compared")
            at = compared

    def received(self, count: int) -> None:
        """Count bytes of bodies."""
        self._transfers.received += count

    def bears(self, locator: Locator, lanes: int, seconds: float = inf) -> None:
        """Remember for `seconds` that the host of `locator` bears no more than so many `lanes`."""
        host = _host(locator)
        self._bearable[host] = max(1, lanes), anyio.current_time() + seconds


class _SegmentWorkers:
    """The lanes at work on one file."""

    def __init__(
        self, lanes: SegmentedDownloads, part: Part, coverage: Coverage, locator: Locator,
        transfer: ActiveTransfer, rest: Rest | None,
    ) -> None:  # fmt: skip
        self.origin = ""
        self._lanes = lanes
        self._part = part
        self._coverage = coverage
        self._locator = locator
        self._transfer = transfer
        self._rest = rest
        self._group = anyio.create_task_group()
        self._at_work = 0
        self._errors: list[Exception] = []
        self._alone = False  # the host ignores ranges
        self._over = False
        self._moved = Signal()
        self._since = 0  # bytes since the last checkpoint
        self._crumbs = 0  # replies that brought less than was asked for

    async def work(self) -> None:
        """Work until nothing is missing, or no lane is left."""
        try:
            await beside(self._all_lanes, self._books)
        finally:  # also when we are being stopped
            raise_wrong_bytes(self._errors)
        fatal = next(filter(_is_fatal, self._errors), None)
        if fatal is not None:
            raise fatal
        if self._coverage.missing:
            raise self._errors[0] if self._errors else RangesIgnored
        for end in sorted(self._coverage.unproven):
            await self._prove(end)

    async def _all_lanes(self) -> None:
        try:
            async with self._group:
                self._start(borrowed=False)
        finally:
            self._over = True
            self._moved.notify()

    async def _books(self) -> None:
        """Hash what has no gap before it, and make durable what came, while more comes."""
        checkpoints = Checkpoints()
        while not self._over:
            if not self._part.behind:
                await self._moved.wait()
            await self._part.follow()
            if checkpoints.due(self._since):
                self._since = 0
                await self._part.checkpoint()

    def _start(self, *, borrowed: bool) -> None:
        self._at_work += 1
        self._group.start_soon(self._lane, borrowed)

    async def _lane(self, borrowed: bool) -> None:  # noqa: FBT001 - anyio passes by position
        slots = self._lanes.slots
        try:
            with slots.borrowed() if borrowed else nullcontext():
                await checkpoint_if_cancelled()  # who is torn away recruits nobody
                if self._rest is not None and not borrowed:
                    await self._go_on(self._rest)
                await self._pieces(borrowed=borrowed)
        except RangesIgnored:
            self._alone = True
            self._lanes.bears(self._locator, 1)
        except Exception as error:  # noqa: BLE001 - raised when all lanes have ended
            self._note(error)
        finally:
            self._at_work -= 1

    def _note(self, error: Exception) -> None:
        """Note why a lane ended, and draw from it what it says about the others."""
        self._errors.append(error)
        if isinstance(error, Throttled) and not isinstance(error, Parked) and self._at_work > 1:
            self._lanes.bears(self._locator, self._at_work - 1, SPARED)
        if _is_fatal(error):
            self._group.cancel_scope.cancel()

    async def _go_on(self, rest: Rest) -> None:
        """Fill pieces from `rest` while they follow it."""
        at, tap = self._coverage.prefix, rest.tap
        try:
            while tap.left and (claim := self._claim()) is not None:
                try:
                    if claim.start != at:
                        return
                    self._recruit()
                    await self._draw(tap, claim)
                    at = claim.at
                finally:
                    self._coverage.release(claim)
        finally:
            if tap.left and at:
                self._coverage.doubt(at)
            await rest.leave()

    async def _pieces(self, *, borrowed: bool) -> None:
        """Fill piece after piece, each from a reply of its own."""
        while not (borrowed and self._lanes.slots.spare < 0):
            claim = None if self._alone else self._claim()
            if claim is None:
                return
            try:
                while claim.left:
                    self._recruit()
                    await self._ask_for(claim)
            finally:
                self._coverage.release(claim)

    async def _ask_for(self, claim: Segment) -> None:
        if claim.at in self._coverage.unproven:
            await self._prove(claim.at)
        held = self._part.held
        asked = ask_between(claim.at, claim.end, held.validator or "")
        download, before = self._transfer.download, claim.at
        async with self._lanes.asker.reply(self._locator, asked, download) as reply:
            decision = decide(
                asked, reply.status, reply.headers, validator=held.validator, total=held.total
            )
            length = _length(decision, reply, held.validator)
            if is_called_page(reply.headers.get("Content-Type")):
                raise RangesIgnored  # one stream compares the bytes where they meet
            self.origin = reply.origin
            try:
                async with reply.tap() as tap:
                    if tap is None:
                        await gather(reply, claim, length, self._fill)
                    else:
                        await self._draw(tap, claim)
            finally:
                if before < claim.at < before + length:
                    self._coverage.doubt(claim.at)
        self._see_that_it_moved(claim, before)

    async def _prove(self, end: int) -> None:
        """Compare the bytes before `end`: if any were lost since their reply began, they differ."""
        start = next(start for start, until in self._coverage.filled if until == end)
        seam = max(start, end - resume.SEAM), end
        await self._lanes.prove_seam(self._part, self._locator, self._transfer, seam)
        self._coverage.prove(end)

    def _see_that_it_moved(self, claim: Segment, before: int) -> None:
        if not claim.left:
            return
        self._crumbs += 1
        if claim.at == before:
            raise Unreachable("the host sent nothing of what is missing")
        if self._crumbs > CRUMBS:
            raise Unreachable(f"{CRUMBS} ranges came shorter than they were asked for")

    async def _draw(self, tap: DirectReader, claim: Segment) -> None:
        """Fill from `tap`, at a time twice what came last: what is on its way nobody can take."""
        least = self._lanes.scale.stolen // 64
        most = 16 * least
        while tap.left and claim.left:
            before, left = claim.at, tap.left
            await self._fill(tap, min(await tap.grant(), most), claim)
            written, given = claim.at - before, left - tap.left
            if written != given:
                raise WrongBytes(f"the reply gave {given} bytes, {written} were written")
            most = max(least, 2 * (claim.at - before))

    async def _fill(self, source: Source, most: int, claim: Segment) -> None:
        before = claim.at
        try:
            await self._part.fill(source, most, claim)
        finally:
            self._since += claim.at - before
            self._lanes.received(claim.at - before)
            self._transfer.done = self._coverage.total - self._coverage.missing
            self._moved.notify()

    def _claim(self) -> Segment | None:
        return self._coverage.claim(self._lanes.scale)

    def _recruit(self) -> None:
        """Add a lane if a slot is idle and there is enough to do."""
        lanes = self._lanes
        wanted = self._at_work < lanes.most(self._locator) and not (self._alone or self._errors)
        if wanted and lanes.slots.spare > 0 and self._coverage.missing > 2 * lanes.scale.stolen:
            self._start(borrowed=True)


def _is_fatal(error: Exception) -> bool:
    """Return whether what is here is not to be built on after `error`."""
    return getattr(error, "remedy", Remedy.RESTART) in _FATAL


def _length(decision: Decision, reply: Reply, validator: str | None) -> int:
    """See that a reply to a range is that range; return how many bytes of it come.

    Raises:
        RangesIgnored: It is the whole file.
        BadReply: It is another file.
    """
    if isinstance(decision, Continue):
        return decision.length
    if strong_validator(reply.headers) not in (None, validator):
        raise BadReply("the file changed between two parts of it")
    raise RangesIgnored


def _host(locator: Locator) -> str:
    return str(parse(locator.url).origin)
