"""Fetch one large file by several requests side by side, while slots are idle.

Each lane claims a piece of the file, asks for just that range, and goes on to the next; at the
end idle lanes take over half of what another has left. A host that ignores a range gets no more
of them: the file goes on in one stream, and nobody failed (rule 56 of the transfer notes).
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import aclosing, nullcontext

import anyio

from reelkeep.core.coverage import Claim, Coverage, Scale
from reelkeep.core.model import Locator
from reelkeep.core.resume import Continue, Decision, ask_between, decide, strong_validator
from reelkeep.core.urls import parse
from reelkeep.errors import BadReply, NotMedia, Remedy, TransferError, Unreachable
from reelkeep.ports import Part, Reply, Source, Tap
from reelkeep.stages.asking import Asker
from reelkeep.stages.bells import Bell
from reelkeep.stages.beside import beside
from reelkeep.stages.flights import Flight, Flights
from reelkeep.stages.hands import Hands
from reelkeep.stages.pour import BATCH, CHECKPOINT

HOSTS = 1000
"""Hosts remembered at most that ignore ranges."""

_FATAL = (Remedy.RESTART, Remedy.QUARANTINE)


class RangesIgnored(Exception):
    """The host sends the whole file whatever it is asked for, and what is here has gaps."""


class Lanes:
    """Lends idle slots to large files."""

    def __init__(self, asker: Asker, flights: Flights, hands: Hands, scale: Scale) -> None:
        self.asker = asker
        self.hands = hands
        self.scale = scale
        self._flights = flights
        self._ignoring: OrderedDict[str, None] = OrderedDict()

    def useful(self, part: Part, locator: Locator, rest: int) -> bool:
        """Whether a file of which `rest` bytes are still to come is worth several requests now."""
        held = part.held
        return (
            self.hands.lanes > 1
            and self.hands.spare > 0
            and rest >= self.scale.rest
            and (held.total or 0) >= self.scale.large
            and held.validator is not None
            and _host(locator) not in self._ignoring
        )

    async def complete(
        self, part: Part, locator: Locator, flight: Flight, tap: Tap | None = None
    ) -> str:
        """Fill the gaps of `part`; return the origin that the last of it came from.

        `tap` draws on from the end of what is there without a gap, if it is given.

        Raises:
            TransferError: Lanes failed, and something is still missing.
            RangesIgnored: There are gaps that this host cannot fill.
        """
        coverage = part.coverage or await part.scatter(part.held.total or 0)
        crew = _Crew(self, part, coverage, locator, flight, tap)
        await crew.work()
        return crew.origin

    def received(self, count: int) -> None:
        """Count bytes of bodies."""
        self._flights.received += count

    def ignores(self, locator: Locator) -> None:
        """Remember that the host of `locator` ignores ranges."""
        self._ignoring[_host(locator)] = None
        while len(self._ignoring) > HOSTS:
            self._ignoring.popitem(last=False)


class _Crew:
    """The lanes at work on one file."""

    def __init__(
        self, lanes: Lanes, part: Part, coverage: Coverage, locator: Locator, flight: Flight,
        tap: Tap | None,
    ) -> None:  # fmt: skip
        self.origin = ""
        self._lanes = lanes
        self._part = part
        self._coverage = coverage
        self._locator = locator
        self._flight = flight
        self._tap = tap
        self._group = anyio.create_task_group()
        self._at_work = 0
        self._errors: list[Exception] = []
        self._alone = False  # the host ignores ranges
        self._over = False
        self._moved = Bell()
        self._since = 0  # bytes since the last checkpoint

    async def work(self) -> None:
        """Work until nothing is missing, or no lane is left."""
        await beside(self._all_lanes, self._books)
        if self._coverage.missing:
            raise self._errors[0] if self._errors else RangesIgnored

    async def _all_lanes(self) -> None:
        try:
            async with self._group:
                self._start(borrowed=False)
        finally:
            self._over = True
            self._moved.ring()

    async def _books(self) -> None:
        """Hash what has no gap before it, and make durable what came, while more comes."""
        while not self._over:
            if not self._part.behind:
                await self._moved.wait()
            await self._part.follow()
            if self._since >= CHECKPOINT:
                self._since = 0
                await self._part.checkpoint()

    def _start(self, *, borrowed: bool) -> None:
        self._at_work += 1
        self._group.start_soon(self._lane, borrowed)

    async def _lane(self, borrowed: bool) -> None:  # noqa: FBT001 - anyio passes by position
        hands = self._lanes.hands
        try:
            with hands.borrowed() if borrowed else nullcontext():
                if self._tap is not None and not borrowed:
                    await self._go_on(self._tap)
                await self._pieces(borrowed=borrowed)
        except RangesIgnored:
            self._alone = True
            self._lanes.ignores(self._locator)
        except Exception as error:  # noqa: BLE001 - raised when all lanes have ended
            self._errors.append(error)
            if getattr(error, "remedy", None) in _FATAL or not isinstance(error, TransferError):
                self._group.cancel_scope.cancel()
        finally:
            self._at_work -= 1

    async def _go_on(self, tap: Tap) -> None:
        """Fill pieces from a body that runs to the end of the file, while they follow it."""
        at = self._coverage.prefix
        while tap.left and (claim := self._claim()) is not None:
            try:
                if claim.start != at:
                    return
                self._recruit()
                await self._draw(tap, claim)
                at = claim.at
            finally:
                self._coverage.release(claim)

    async def _pieces(self, *, borrowed: bool) -> None:
        """Fill piece after piece, each from a reply of its own."""
        while not (borrowed and self._lanes.hands.spare < 0):
            claim = None if self._alone else self._claim()
            if claim is None:
                return
            try:
                while claim.left:
                    self._recruit()
                    await self._ask_for(claim)
            finally:
                self._coverage.release(claim)

    async def _ask_for(self, claim: Claim) -> None:
        held = self._part.held
        asked = ask_between(claim.at, claim.end, held.validator or "")
        download, before = self._flight.download, claim.at
        async with self._lanes.asker.reply(self._locator, asked, download) as reply:
            decision = decide(
                asked, reply.status, reply.headers, validator=held.validator, total=held.total
            )
            _check(decision, reply, held.validator)
            self.origin = reply.origin
            async with reply.tap() as tap:
                await (self._gather(reply, claim) if tap is None else self._draw(tap, claim))
        if claim.at == before:
            raise Unreachable("the host sent nothing of what is missing")

    async def _draw(self, tap: Tap, claim: Claim) -> None:
        while tap.left and claim.left:
            await self._fill(tap, await tap.grant(), claim)

    async def _gather(self, reply: Reply, claim: Claim) -> None:
        """Fill from a body that no thread can draw."""
        batch = _Pieces()
        async with aclosing(reply.chunks()) as body:
            async for piece in body:
                batch.add(piece)
                if batch.size >= BATCH:
                    await self._fill(batch, batch.size, claim)
        await self._fill(batch, batch.size, claim)

    async def _fill(self, source: Source, most: int, claim: Claim) -> None:
        before = claim.at
        try:
            await self._part.fill(source, most, claim)
        finally:
            self._since += claim.at - before
            self._lanes.received(claim.at - before)
            self._flight.done = self._coverage.total - self._coverage.missing
            self._moved.ring()

    def _claim(self) -> Claim | None:
        return self._coverage.claim(self._lanes.scale)

    def _recruit(self) -> None:
        """Add a lane if a slot is idle and there is enough to do."""
        hands = self._lanes.hands
        wanted = self._at_work < hands.lanes and not (self._alone or self._errors)
        if wanted and hands.spare > 0 and self._coverage.missing > 2 * self._lanes.scale.stolen:
            self._start(borrowed=True)


class _Pieces:
    """A `ports.Source` of pieces that are here."""

    def __init__(self) -> None:
        self._content = bytearray()

    @property
    def size(self) -> int:
        return len(self._content)

    def add(self, piece: bytes) -> None:
        self._content += piece

    def draw(self, into: memoryview) -> int:
        count = min(len(into), len(self._content))
        into[:count] = self._content[:count]
        del self._content[:count]
        return count


def _check(decision: Decision, reply: Reply, validator: str | None) -> None:
    """See that a reply to a range is that range.

    Raises:
        RangesIgnored: It is the whole file.
        BadReply, NotMedia: It is another file, or none.
    """
    if isinstance(decision, Continue):
        if "html" in reply.headers.get("Content-Type", "").lower():
            raise NotMedia("an HTML page came instead of a part of the file")
        return
    if strong_validator(reply.headers) not in (None, validator):
        raise BadReply("the file changed between two parts of it")
    raise RangesIgnored


def _host(locator: Locator) -> str:
    return str(parse(locator.url).origin)
