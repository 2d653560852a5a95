"""Bring the bytes of one file from a locator into its part."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio

from reelkeep.core.digests import promises
from reelkeep.core.media import HEAD_BYTES, Kind, kind_of
from reelkeep.core.model import Download, Locator
from reelkeep.core.replies import content_problem, encoding_problem, problem
from reelkeep.core.resume import Ask, AskPlainly, Complete, Continue, Fresh, ask, decide
from reelkeep.errors import BadReply, SizeMismatch, Throttled, Unreachable
from reelkeep.ports import Clock, Held, Part, Reply, Report, Request, Transport
from reelkeep.stages.flights import Flight, Flights
from reelkeep.stages.peace import Peace

BATCH = 1 << 20
"""Bytes gathered for one thread hop to the disk."""

CHECKPOINT = 64 << 20
"""Bytes between two durable offsets."""

ROUNDS = 100
"""Requests for one file in one attempt: a server that sends crumbs is left for later."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Nothing is missing any more. `origin` had it; `framed` says that a reply told its end."""

    origin: str
    framed: bool


class Stream:
    """Asks for what is missing of a part until nothing is."""

    def __init__(
        self, transport: Transport, *, clock: Clock, report: Report, flights: Flights
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._report = report
        self._flights = flights
        self._peace = Peace()

    async def complete(self, part: Part, locator: Locator, flight: Flight) -> Arrived:
        """Write what `part` lacks.

        Raises:
            TransferError: The attempt failed; what came before is in the part.
        """
        asked: Ask | Complete = _ask(part.held, flight.download)
        origin, framed = _host(locator), True
        for _ in range(ROUNDS):
            if isinstance(asked, Complete):
                return Arrived(origin, framed)
            before = part.held.size
            async with self._transport.open(self._request(locator, asked)) as reply:
                origin, framed = reply.origin, _framed(reply)
                self._refuse_bad(reply, locator)
                decision = await self._take(part, asked, reply, flight)
            if isinstance(decision, Complete):
                return Arrived(origin, framed)
            if isinstance(decision, AskPlainly):
                asked = Ask(0)
            elif part.held.size <= before:
                raise Unreachable("the host sent nothing of what is missing")
            else:
                asked = _ask(part.held, flight.download)
        raise Unreachable(f"the file did not come in {ROUNDS} requests")

    def _request(self, locator: Locator, asked: Ask) -> Request:
        self._peace.check(_host(locator))
        return Request(
            url=locator.url,
            headers={**asked.headers, "Accept-Encoding": "identity"},
            credentials=locator.credentials,
            kin=locator.kin,
        )

    def _refuse_bad(self, reply: Reply, locator: Locator) -> None:
        credentialed = bool(locator.credentials) and reply.hops == 0
        error = problem(
            reply.status, reply.headers, now=self._clock(), credentialed=credentialed
        ) or encoding_problem(reply.headers)
        if isinstance(error, Throttled):
            self._peace.grant(_host(locator), error)
        if error is not None:
            raise error

    async def _take(
        self, part: Part, asked: Ask, reply: Reply, flight: Flight
    ) -> Continue | Complete | AskPlainly:
        """Write what `reply` brings; return whether that was all of it."""
        held = part.held
        decision = decide(
            asked, reply.status, reply.headers, validator=held.validator, total=held.total
        )
        if isinstance(decision, Complete | AskPlainly):
            return decision
        async with aclosing(reply.chunks()) as body:
            head = await _head(body)
            if isinstance(decision, Fresh) or _is_page(reply):
                _refuse_pages(flight.download, reply, head)
            await self._begin(part, decision, reply, flight)
            await self._write(part, head, body, flight)
        return _result(part, decision)

    async def _begin(
        self, part: Part, decision: Fresh | Continue, reply: Reply, flight: Flight
    ) -> None:
        download = flight.download
        where = {
            "provider": download.provider,
            "recording": download.recording,
            "file": download.name,
            "host": reply.origin,
        }
        if isinstance(decision, Continue):
            flight.total = decision.total
            self._report("file.resumed", **where, offset=decision.offset, bytes=decision.total)
            return
        flight.total = decision.total if decision.total is not None else download.size
        await part.begin(
            validator=decision.validator,
            total=decision.total,
            promises=promises(reply.status, reply.headers),
        )
        self._report("file.started", **where, bytes=flight.total, attempt=download.tries + 1)

    async def _write(
        self, part: Part, head: bytes, body: AsyncGenerator[bytes, None], flight: Flight
    ) -> None:
        limit = part.held.total if part.held.total is not None else flight.download.size
        batch = _Batch()
        batch.add(head)
        durable = part.held.size
        try:
            async for piece in body:
                batch.add(piece)
                if batch.size >= BATCH:
                    await self._flush(part, batch, flight)
                if part.held.size - durable >= CHECKPOINT:
                    await part.checkpoint()
                    durable = part.held.size
                if limit is not None and part.held.size + batch.size > limit:
                    raise SizeMismatch(f"more than the announced {limit} bytes came")
        finally:
            with anyio.CancelScope(shield=True):  # what came is kept, also when we are stopped
                await self._flush(part, batch, flight)

    async def _flush(self, part: Part, batch: _Batch, flight: Flight) -> None:
        pieces, size = batch.take()
        if size:
            await part.write(pieces)
            self._flights.received += size
        flight.done = part.held.size


@dataclass(slots=True)
class _Batch:
    """Pieces on their way to the disk; taking them empties it, so none is written twice."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.size += len(piece)

    def take(self) -> tuple[list[bytes], int]:
        taken = self.pieces, self.size
        self.pieces, self.size = [], 0
        return taken


async def _head(body: AsyncGenerator[bytes, None]) -> bytes:
    """Return the first bytes, as many as it takes to know a file by."""
    head = b""
    while len(head) < HEAD_BYTES:
        piece = await anext(body, None)
        if piece is None:
            break
        head += piece
    return head


def download_kind(download: Download) -> Kind:
    """Return what `download` should look like."""
    return kind_of(download.file_type, download.name.rpartition(".")[2])


def _refuse_pages(download: Download, reply: Reply, head: bytes) -> None:
    error = content_problem(download_kind(download), reply.headers, head)
    if error is not None:
        raise error


def _is_page(reply: Reply) -> bool:
    return "html" in reply.headers.get("Content-Type", "").lower()


def _ask(held: Held, download: Download) -> Ask | Complete:
    total = held.total if held.total is not None else download.size
    return ask(held.size, held.validator, total, checkable=bool(held.promises))


def _result(part: Part, decision: Fresh | Continue) -> Continue | Complete:
    size, total = part.held.size, decision.total
    if total is None or size == total:
        return Complete()
    if isinstance(decision, Fresh):
        raise Unreachable(f"the stream ended {size} bytes into {total}")
    if size > total:
        raise BadReply(f"{size} bytes came of a file of {total}")
    return decision


def _framed(reply: Reply) -> bool:
    """Return whether the reply says where its body ends (rule 17)."""
    return "Content-Length" in reply.headers or "Transfer-Encoding" in reply.headers


def _host(locator: Locator) -> str:
    """Return scheme, host and port of the locator."""
    return "/".join(locator.url.split("/", 3)[:3])
