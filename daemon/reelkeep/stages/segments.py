"""Fetch one large file by several requests side by side, while slots are idle.

Each worker claims a piece of the file, asks for just that range, and goes on to the next; at the
end idle ones take over half of what another has left. A host that ignores a range gets no more
of them: the file goes on in one stream, and nobody failed (rule 56 of the transfer notes). One
that finds them too many gets fewer for a while (rule 57). `core.segments` decides all that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from math import inf

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint_if_cancelled
from cachetools import LRUCache

from reelkeep.core import resume
from reelkeep.core.addresses import parse
from reelkeep.core.coverage import Coverage, Extent, Scale, Segment
from reelkeep.core.media import is_called_page
from reelkeep.core.model import Download, Locator
from reelkeep.core.resume import Ask, Continue, ask_between, decide, strong_validator
from reelkeep.core.segments import (
    SPARED,
    Capacity,
    Ending,
    SegmentState,
    bearable_after,
    ending,
    goes_on,
    is_fatal,
    is_worth_segments,
    next_draw,
    short_reply_error,
    wants_worker,
)
from reelkeep.errors import BadReply, Unreachable, WrongBytes
from reelkeep.ports import DirectReader, Part, Reply, Source
from reelkeep.stages.body import Checkpoints, compared_until, gather
from reelkeep.stages.request import RequestSender
from reelkeep.stages.signals import Signal, raise_wrong_bytes
from reelkeep.stages.worker_pool import ActiveTransfer, ActiveTransfers, SlotPool

HOSTS = 1000
"""Hosts remembered at most that bear fewer workers than we would send."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is fetched: the part to fill, from where, and the transfer that shows how far it is."""

    part: Part
    locator: Locator
    transfer: ActiveTransfer

    @property
    def download(self) -> Download:
        return self.transfer.download

    @property
    def host(self) -> str:
        """Scheme, host and port."""
        return str(parse(self.locator.url).origin)


class SegmentedDownloads:
    """Lends idle slots to large files."""

    def __init__(
        self, requests: RequestSender, transfers: ActiveTransfers, slots: SlotPool, scale: Scale
    ) -> None:
        self.requests = requests
        self.slots = slots
        self.scale = scale
        self._transfers = transfers
        self._bearable: LRUCache[str, tuple[int, float]] = LRUCache(HOSTS)  # workers; until when

    def may_gain(self, download: Download) -> bool:
        """Return whether `download` may be worth several requests, as far as its size is known."""
        return self.slots.lanes > 1 and (download.size is None or download.size >= self.scale.large)

    def capacity(self, host: str) -> Capacity:
        """Return what is free for a file of `host` now."""
        most, until = self._bearable.get(host, (self.slots.lanes, inf))
        bears = min(most, self.slots.lanes) if anyio.current_time() < until else self.slots.lanes
        return Capacity(most=bears, idle=self.slots.spare)

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[SegmentedDownload]:
        """Give what may fetch `target` by several requests; nothing is asked for before `begin`.

        Raises:
            TransferError: What ended all workers at once; else what the caller has raised.
        """
        segments, raised = SegmentedDownload(self, target), None
        try:
            async with anyio.create_task_group() as segments.group:
                try:
                    yield segments
                except Exception as error:  # noqa: BLE001 - raised below, alone
                    raised = error
                    segments.group.cancel_scope.cancel()
        finally:  # also when we are being stopped: wrong bytes must not be kept
            raise_wrong_bytes(segments.state.errors)
        if segments.failure is not None:
            raise segments.failure
        if raised is not None:
            raise raised

    async def prove_seams(self, target: Target) -> bool:
        """Compare the end of each run of bytes that earlier attempts left with what the host has.

        Return False if the host ignores ranges.

        Raises:
            WrongBytes: They differ.
            TransferError: They could not be had.
        """
        coverage = target.part.coverage or Coverage(0)
        for start, end in coverage.filled:
            if not await self.prove_seam(target, (max(start, end - resume.SEAM), end)):
                return False
            coverage.prove(end)
        return True

    async def prove_seam(self, target: Target, seam: Extent) -> bool:
        """Compare the bytes of `seam`, which are here, with what the host has; as `prove_seams`."""
        (at, end), part = seam, target.part
        while at < end:
            asked = ask_between(at, end, part.held.validator or "")
            async with self.requests.reply(target.locator, asked, target.download) as reply:
                if length_of_range(asked, reply, part) is None:
                    return False
                async with aclosing(reply.chunks()) as body:
                    compared, _ = await compared_until(part, at, end, body)
            if compared == at:
                raise Unreachable("the host sent nothing of what is to be compared")
            at = compared
        return True

    def received(self, count: int) -> None:
        """Count bytes of bodies."""
        self._transfers.received += count

    def bears(self, host: str, workers: int, seconds: float = inf) -> None:
        """Remember for `seconds` that `host` bears no more than so many `workers` on one file."""
        self._bearable[host] = max(1, workers), anyio.current_time() + seconds


class SegmentedDownload:
    """One file that is fetched by several workers, of which the caller is one.

    `begin` or `draw_on` comes first, `finish` last.
    """

    group: TaskGroup  #: Of all workers.

    def __init__(self, shared: SegmentedDownloads, target: Target) -> None:
        self.state = SegmentState()
        self.failure: Exception | None = None  #: What has ended all workers.
        self.origin = ""  #: The host that the last of it came from.
        self._shared = shared
        self._target = target
        self._coverage = Coverage(0)
        self._follower = _Follower(target.part)
        self._ended = Signal()  # a worker has
        self._works = True  # the caller has not failed

    def is_worth_it(self, left: int, *, ranges: bool) -> bool:
        """Return whether the `left` bytes had better come by several requests now."""
        held = self._target.part.held
        return ranges and is_worth_segments(
            self._capacity,
            self._shared.scale,
            total=held.total,
            missing=left,
            has_validator=held.validator is not None,
        )

    async def begin(self) -> None:
        """Be the first worker; others join as slots are idle."""
        part = self._target.part
        self._coverage = part.coverage or await part.scatter(part.held.total or 0)
        self.state.workers += 1
        self.group.start_soon(self._follow)

    async def draw_on(self, reader: DirectReader) -> None:
        """Begin, and fill pieces from `reader` while they follow it.

        Its reply is to be left then: its slot may be what the others are waiting for.
        """
        await self.begin()
        try:
            await checkpoint_if_cancelled()  # who is torn away recruits nobody
            await self._fill_from(reader)
        except Exception as error:  # noqa: BLE001 - raised when all workers have ended
            self._note(error)
            self._works = False

    async def finish(self) -> Ending:
        """Work until nothing is missing or no worker is left.

        Raises:
            TransferError: Workers failed, and something is still missing.
        """
        if self._works:
            await self._work(borrowed=False)
        self.state.workers -= 1
        while self.state.workers:
            await self._ended.wait()
        self._follower.end()
        ended = ending(self.state, missing=self._coverage.missing)
        if isinstance(ended, Exception):
            raise ended
        for end in sorted(self._coverage.unproven) if ended is Ending.COMPLETE else ():
            if not await self._prove(end):
                return Ending.RANGES_IGNORED
        return ended

    @property
    def _capacity(self) -> Capacity:
        return self._shared.capacity(self._target.host)

    async def _follow(self) -> None:
        try:
            await self._follower.forever()
        except Exception as error:  # noqa: BLE001 - raised when all workers have ended
            self.state.errors.append(error)
            self._end_all(error)

    async def _borrowed(self) -> None:
        """Work in a slot that is nobody's now."""
        try:
            with self._shared.slots.borrowed():
                await self._work(borrowed=True)
        finally:
            self.state.workers -= 1
            self._ended.notify()

    async def _work(self, *, borrowed: bool) -> None:
        """Fill piece after piece, each from a reply of its own."""
        try:
            await checkpoint_if_cancelled()
            while goes_on(self.state, self._capacity, borrowed=borrowed):
                claim = self._coverage.claim(self._shared.scale)
                if claim is None:
                    return
                try:
                    while claim.left and await self._ask_for(claim):
                        pass
                finally:
                    self._coverage.release(claim)
        except Exception as error:  # noqa: BLE001 - raised when all workers have ended
            self._note(error)

    def _note(self, error: Exception) -> None:
        """Note why a worker ended, and draw from it what it says about the others."""
        self.state.errors.append(error)
        bearable = bearable_after(error, self.state.workers)
        if bearable is not None:
            self._shared.bears(self._target.host, bearable, SPARED)
        if is_fatal(error):
            self._end_all(error)

    def _end_all(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.group.cancel_scope.cancel()

    async def _fill_from(self, reader: DirectReader) -> None:
        at = self._coverage.prefix
        try:
            while reader.left and (claim := self._coverage.claim(self._shared.scale)) is not None:
                try:
                    if claim.start != at:
                        return
                    self._recruit()
                    await self._draw(reader, claim)
                    at = claim.at
                finally:
                    self._coverage.release(claim)
        finally:
            if reader.left and at:
                self._coverage.doubt(at)

    async def _ask_for(self, claim: Segment) -> bool:
        """Ask for what is left of `claim`; return False if the host ignores ranges."""
        self._recruit()
        before, part = claim.at, self._target.part
        if before in self._coverage.unproven and not await self._prove(before):
            return False
        asked = ask_between(before, claim.end, part.held.validator or "")
        reply_to = self._shared.requests.reply(self._target.locator, asked, self._target.download)
        async with reply_to as reply:
            length = length_of_range(asked, reply, part)
            if length is None or is_called_page(reply.headers.get("Content-Type")):
                return self._ignored()  # one stream compares the bytes where they meet
            self.origin = reply.origin
            try:
                async with reply.tap() as reader:
                    if reader is None:
                        await gather(reply, claim, length, self._fill)
                    else:
                        await self._draw(reader, claim)
            finally:
                if before < claim.at < before + length:
                    self._coverage.doubt(claim.at)
        error = short_reply_error(self.state, brought=claim.at - before) if claim.left else None
        if error is not None:
            raise error
        return True

    def _ignored(self) -> bool:
        self.state.ranges_ignored = True
        self._shared.bears(self._target.host, 1)
        return False

    async def _prove(self, end: int) -> bool:
        """Compare the bytes before `end`: if any were lost since their reply began, they differ.

        Return False if the host ignores ranges.
        """
        start = next(start for start, until in self._coverage.filled if until == end)
        seam = max(start, end - resume.SEAM), end
        if not await self._shared.prove_seam(self._target, seam):
            return self._ignored()
        self._coverage.prove(end)
        return True

    async def _draw(self, reader: DirectReader, claim: Segment) -> None:
        """Fill from `reader`, a little at a time, and more the faster it comes."""
        most = next_draw(self._shared.scale, None)
        while reader.left and claim.left:
            before, left = claim.at, reader.left
            await self._fill(reader, min(await reader.grant(), most), claim)
            written, given = claim.at - before, left - reader.left
            if written != given:
                raise WrongBytes(f"the reply gave {given} bytes, {written} were written")
            most = next_draw(self._shared.scale, written)

    async def _fill(self, source: Source, most: int, claim: Segment) -> None:
        before = claim.at
        try:
            await self._target.part.fill(source, most, claim)
        finally:
            self._shared.received(claim.at - before)
            self._target.transfer.done = self._coverage.total - self._coverage.missing
            self._follower.add(claim.at - before)

    def _recruit(self) -> None:
        """Add a worker if a slot is idle and there is enough to do."""
        missing, scale = self._coverage.missing, self._shared.scale
        if wants_worker(self.state, self._capacity, scale, missing=missing):
            self.state.workers += 1
            self.group.start_soon(self._borrowed)


class _Follower:
    """Hashes what has no gap before it, and makes durable what came, while more comes."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._moved = Signal()
        self._since = 0  # bytes since the last checkpoint
        self._is_over = False

    def add(self, count: int) -> None:
        """Note that so many bytes more are here."""
        self._since += count
        self._moved.notify()

    def end(self) -> None:
        """Let `forever` return."""
        self._is_over = True
        self._moved.notify()

    async def forever(self) -> None:
        """Work until `end`."""
        checkpoints = Checkpoints()
        while not self._is_over:
            if not self._part.behind:
                await self._moved.wait()
            await self._part.follow()
            if checkpoints.due(self._since):
                self._since = 0
                await self._part.checkpoint()


def length_of_range(asked: Ask, reply: Reply, part: Part) -> int | None:
    """See that `reply` is the range that was asked for; return how many bytes of it come.

    None: it is the whole file.

    Raises:
        BadReply: It is another file.
    """
    held = part.held
    decision = decide(
        asked, reply.status, reply.headers, validator=held.validator, total=held.total
    )
    if isinstance(decision, Continue):
        return decision.length
    if strong_validator(reply.headers) not in (None, held.validator):
        raise BadReply("the file changed between two parts of it")
    return None
