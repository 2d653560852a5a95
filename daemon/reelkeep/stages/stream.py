"""Bring the bytes of one file from a locator into its part."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from reelkeep.core.digests import binding, promises
from reelkeep.core.media import HEAD_BYTES, Kind, kind_of
from reelkeep.core.model import Download, Locator
from reelkeep.core.replies import content_problem, encoding_problem, problem
from reelkeep.core.resume import Ask, AskPlainly, Complete, Continue, Fresh, ask, decide
from reelkeep.core.urls import parse
from reelkeep.errors import BadReply, SizeMismatch, Throttled, TransferError, Unreachable
from reelkeep.ports import Clock, Held, Part, Reply, Report, Request, Transport
from reelkeep.stages.flights import Flight, Flights
from reelkeep.stages.peace import Peace
from reelkeep.stages.pour import Fence, Pour

ROUNDS = 100
"""Requests for one file in one attempt: a server that sends crumbs is left for later."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Nothing is missing any more.

    `origin` had it; it is empty if nobody was asked. `framed` says that a reply told its end.
    """

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
        host = str(parse(locator.url).origin)
        asked = missing(part.held, flight.download)
        for _ in range(ROUNDS):
            if isinstance(asked, Complete):
                return Arrived("", framed=True)
            before = part.held.size
            self._peace.check(host)
            async with self._transport.open(_request(locator, asked)) as reply:
                self._refuse_bad(reply, locator, flight.download, host)
                arrived = await self._take(part, asked, reply, flight)
            if isinstance(arrived, Arrived):
                return arrived
            if isinstance(arrived, AskPlainly):
                asked = Ask(0)
            elif part.held.size <= before:
                raise Unreachable("the host sent nothing of what is missing")
            else:
                asked = missing(part.held, flight.download)
        raise Unreachable(f"the file did not come in {ROUNDS} requests")

    def _refuse_bad(self, reply: Reply, locator: Locator, download: Download, host: str) -> None:
        credentialed = bool(locator.credentials) and reply.hops == 0
        error: TransferError | None = problem(
            reply.status, reply.headers, now=self._clock(), credentialed=credentialed
        )
        self._heed(error, download, host)
        if error is None and reply.status != 416:  # nobody reads the body of that one
            error = encoding_problem(reply.headers)
        if error is not None:
            raise error

    def _heed(self, error: TransferError | None, download: Download, host: str) -> None:
        """Keep the peace that the host asks for; say when that begins, and when it is over."""
        where = {"provider": download.provider, "host": host}
        if isinstance(error, Throttled):
            pause = self._peace.grant(host, error)
            if pause is not None:
                until = (self._clock() + pause).isoformat()
                self._report("provider.throttled", **where, until=until)
        elif self._peace.is_over(host):
            self._report("provider.throttled", **where)

    async def _take(
        self, part: Part, asked: Ask, reply: Reply, flight: Flight
    ) -> Arrived | Continue | AskPlainly:
        """Write what `reply` brings; return how it goes on."""
        held = part.held
        decision = decide(
            asked, reply.status, reply.headers, validator=held.validator, total=held.total
        )
        if isinstance(decision, Complete):
            return Arrived(reply.origin, framed=True)
        if isinstance(decision, AskPlainly):
            return decision
        async with aclosing(reply.chunks()) as body:
            head = await _fitting_head(flight.download, decision, reply, body)
            await self._begin(part, decision, reply, flight)
            pour = Pour(part, flight, self._flights, _fence(decision, flight.download))
            await pour.all(head, body)
        return _result(part, decision, reply)

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
            flight.done, flight.total = decision.offset, decision.total
            self._report("file.resumed", **where, offset=decision.offset, bytes=decision.total)
            return
        flight.done = 0
        flight.total = decision.total if decision.total is not None else download.size
        await part.begin(
            validator=decision.validator,
            total=decision.total,
            promises=promises(reply.status, reply.headers),
        )
        self._report("file.started", **where, bytes=flight.total, attempt=download.tries + 1)


def missing(held: Held, download: Download) -> Ask | Complete:
    """Return how to ask for what `held` lacks of `download`."""
    total = held.total if held.total is not None else download.size
    return ask(held.size, held.validator, total, checkable=binding(held.promises))


def resumable(held: Held) -> bool:
    """Return whether another attempt would build on the bytes of `held`, if any (rule 4)."""
    return held.validator is not None or binding(held.promises)


def download_kind(download: Download) -> Kind:
    """Return what `download` should look like."""
    return kind_of(download.file_type, download.name.rpartition(".")[2])


def _request(locator: Locator, asked: Ask) -> Request:
    return Request(
        url=locator.url,
        headers={**asked.headers, "Accept-Encoding": "identity"},
        credentials=locator.credentials,
        kin=locator.kin,
    )


async def _fitting_head(
    download: Download, decision: Fresh | Continue, reply: Reply, body: AsyncGenerator[bytes, None]
) -> bytes:
    """Return first bytes that have been looked at: none of a page ever gets into a part.

    The middle of a file tells nothing, so that there only the reply's own word for it counts.
    """
    fresh = isinstance(decision, Fresh)
    head = await _head(body) if fresh else b""
    if fresh or "html" in reply.headers.get("Content-Type", "").lower():
        error = content_problem(download_kind(download), reply.headers, head)
        if error is not None:
            raise error
    return head


async def _head(body: AsyncGenerator[bytes, None]) -> bytes:
    """Return the first bytes, as many as it takes to know a file by."""
    head = b""
    while len(head) < HEAD_BYTES:
        piece = await anext(body, None)
        if piece is None:
            break
        head += piece
    return head


def _fence(decision: Fresh | Continue, download: Download) -> Fence:
    if isinstance(decision, Continue):
        return Fence(decision.offset + decision.length, BadReply)
    return Fence(decision.total if decision.total is not None else download.size, SizeMismatch)


def _result(part: Part, decision: Fresh | Continue, reply: Reply) -> Arrived | Continue:
    size, total = part.held.size, decision.total
    if total is None:
        return Arrived(reply.origin, framed="Transfer-Encoding" in reply.headers)
    if size == total:
        return Arrived(reply.origin, framed=True)
    if isinstance(decision, Continue):
        return decision
    raise Unreachable(f"the stream ended {size} bytes into {total}")
