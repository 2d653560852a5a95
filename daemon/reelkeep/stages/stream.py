"""Bring the bytes of one file from a locator into its part."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from reelkeep.core.coverage import Scale
from reelkeep.core.digests import binding, promises
from reelkeep.core.media import HEAD_BYTES, MediaKind, kind_of
from reelkeep.core.model import Download, Locator, ProviderName
from reelkeep.core.replies import content_problem, foreign_coding
from reelkeep.core.resume import Ask, AskPlainly, Complete, Continue, Fresh, ask, ask_on, decide
from reelkeep.core.segments import Ending
from reelkeep.errors import BadReply, Remedy, SizeMismatch, TransferError, Unavailable, Unreachable
from reelkeep.ports import Clock, DirectReader, Held, Part, Provider, Reply, Report, Transport
from reelkeep.stages.body import BodyWriter, LengthLimit, compared_until
from reelkeep.stages.request import RequestSender
from reelkeep.stages.segments import SegmentedDownload, SegmentedDownloads, Target
from reelkeep.stages.worker_pool import ActiveTransfer, ActiveTransfers, SlotPool

ROUNDS = 100
"""Requests for one file in one attempt: a server that sends crumbs is left for later."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Nothing is missing any more.

    `origin` had it; it is empty if nobody was asked. `framed` says that a reply told its end.
    `promises` are those of ranges, beside what the part was begun with (rule 36).
    """

    origin: str
    framed: bool
    promises: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None  #: A Content-Encoding that names no encoding.


Outcome = Arrived | Complete | Ask
"""What one request has come to: all is here, for its reply or for what was known; or ask on."""


class PartStream:
    """Asks for what is missing of a part until nothing is."""

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock,
        report: Report,
        transfers: ActiveTransfers,
        slots: SlotPool,
        scale: Scale | None = None,
        shares: bool = True,
    ) -> None:
        self._requests = RequestSender(transport, clock=clock, report=report, shares=shares)
        self._segments = SegmentedDownloads(self._requests, transfers, slots, scale or Scale())
        self._report = report
        self._transfers = transfers

    async def complete(self, part: Part, locator: Locator, transfer: ActiveTransfer) -> Arrived:
        """Write what `part` lacks.

        Raises:
            TransferError: The attempt failed; what came before is in the part.
        """
        target = Target(part, locator, transfer)
        outcome: Outcome
        if part.coverage is None:
            outcome = missing(part.held, transfer.download)
        else:
            outcome = await self._fill_gaps(target)
        offered: dict[str, str] = {}
        for _ in range(ROUNDS):
            match outcome:
                case Arrived():
                    return outcome
                case Complete():
                    return Arrived("", framed=True, promises=offered)
                case Ask():
                    outcome, offered = await self._ask(target, outcome, offered)
        if isinstance(outcome, Arrived):
            return outcome
        raise Unreachable(f"the file did not come in {ROUNDS} requests")

    async def _fill_gaps(self, target: Target) -> Outcome:
        """Fill the gaps that earlier attempts left; a host that ignores ranges is asked for all."""
        part, transfer = target.part, target.transfer
        if not await self._segments.prove_seams(target):
            return Ask(0)
        held = part.held
        self._say_resumed(transfer, target.host, held.size + held.beyond, held.total)
        transfer.total = held.total
        async with self._segments.open(target) as segments:
            await segments.begin()
            ended = await segments.finish()
        return Ask(0) if ended is Ending.RANGES_IGNORED else Arrived(segments.origin, framed=True)

    async def _ask(
        self, target: Target, asked: Ask, offered: dict[str, str]
    ) -> tuple[Outcome, dict[str, str]]:
        """Ask for what is missing; return what that came to, and what ranges promised so far."""
        may_gain = self._segments.may_gain(target.download)
        async with self._segments.open(target) if may_gain else nullcontext() as segments:
            asking = self._requests.reply(target.locator, asked, target.download)
            async with asking as reply:
                taken = await self._take(target, asked, reply, segments)
            outcome = taken or await _finished(segments, reply)
        offered = _still_offered(offered, reply)
        if isinstance(outcome, Arrived):
            label = foreign_coding(reply.headers)
            outcome = replace(outcome, promises=offered, label=label)
        return outcome, offered

    async def _take(
        self, target: Target, asked: Ask, reply: Reply, segments: SegmentedDownload | None
    ) -> Outcome | None:
        """Write what `reply` brings; None: the rest of it is for `segments`, which have begun."""
        part, transfer, before = target.part, target.transfer, target.part.held
        decision = decide(
            asked, reply.status, reply.headers, validator=before.validator, total=before.total
        )
        if isinstance(decision, AskPlainly):
            return Ask(0)
        async with aclosing(reply.chunks()) as body:
            head = await _fitting_head(target.download, decision, reply, body)
            if isinstance(decision, Continue):
                at, head = await compared_until(part, asked.start, asked.offset, body)
                if at < asked.offset:
                    return _rest_of_seam(asked, at)
            await self._begin(part, decision, reply, transfer)
            limit = _length_limit(decision, target.download)
            writer = BodyWriter(part, transfer, self._transfers, limit, reply, given=len(head))
            async with reply.tap() as reader:
                if reader is None:
                    await writer.all(head, body)
                else:
                    large = _is_large(segments, reply, reader)
                    await writer.drawn(head, reader, large)
                    if reader.left and segments is not None:
                        await segments.draw_on(reader)
                        return None
        return _result(part, decision, reply, target.download, before=before.size)

    async def _begin(
        self, part: Part, decision: Fresh | Continue, reply: Reply, transfer: ActiveTransfer
    ) -> None:
        if isinstance(decision, Continue):
            transfer.done, transfer.total = part.held.size, decision.total
            self._say_resumed(transfer, reply.origin, part.held.size, decision.total)
            return
        transfer.done = 0
        transfer.total = decision.total if decision.total is not None else transfer.download.size
        await part.begin(
            validator=decision.validator,
            total=decision.total,
            promises=promises(reply.status, reply.headers),
        )
        where, attempt = _where(transfer, reply.origin), transfer.download.tries + 1
        self._report("file.started", **where, bytes=transfer.total, attempt=attempt)

    def _say_resumed(
        self, transfer: ActiveTransfer, host: str, offset: int, total: int | None
    ) -> None:
        self._report("file.resumed", **_where(transfer, host), offset=offset, bytes=total)


def missing(held: Held, download: Download) -> Ask | Complete:
    """Return how to ask for what `held` lacks of `download`."""
    total = held.total if held.total is not None else download.size
    return ask(held.size, held.validator, total, checkable=binding(held.promises))


def resumable(held: Held) -> bool:
    """Return whether another attempt would build on the bytes of `held`, if any (rule 4)."""
    return held.validator is not None or binding(held.promises)


def download_kind(download: Download) -> MediaKind:
    """Return what `download` should look like."""
    return kind_of(download.file_type, download.name.rpartition(".")[2])


def _rest_of_seam(asked: Ask, compared: int) -> Ask:
    """Return how to go on behind a reply that ended within the seam."""
    if compared == asked.start:
        raise Unreachable("the host sent nothing of what is to be compared")
    return ask_on(asked, compared)


def _where(transfer: ActiveTransfer, host: str) -> dict[str, str]:
    download = transfer.download
    return {
        "provider": download.provider,
        "recording": download.recording,
        "file": download.name,
        "host": host,
    }


async def _fitting_head(
    download: Download, decision: Fresh | Continue, reply: Reply, body: AsyncGenerator[bytes, None]
) -> bytes:
    """Return first bytes that have been looked at: none of a page ever gets into a part.

    A range with the right place, total and validator is a part of the file, whatever its label
    says: a page is none of these. What an operator accepts is not looked at.
    """
    if not isinstance(decision, Fresh):
        return b""
    head = await _head(body)
    sized = download.size is not None and decision.total in (None, download.size)
    error = content_problem(download_kind(download), reply.headers, head, sized=sized)
    if error is not None and download.accepts is None:
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


def _still_offered(offered: dict[str, str], reply: Reply) -> dict[str, str]:
    """Return what ranges promise of the whole after `reply`; a 200 begins another one."""
    if reply.status == HTTPStatus.PARTIAL_CONTENT:
        return offered | promises(reply.status, reply.headers)
    return {} if reply.status == HTTPStatus.OK else offered


def _length_limit(decision: Fresh | Continue, download: Download) -> LengthLimit:
    if isinstance(decision, Continue):
        return LengthLimit(decision.offset + decision.length, BadReply)
    if download.accepts is not None:
        return LengthLimit(decision.total, SizeMismatch)
    return LengthLimit(
        decision.total if decision.total is not None else download.size, SizeMismatch
    )


def _result(
    part: Part, decision: Fresh | Continue, reply: Reply, download: Download, *, before: int
) -> Outcome:
    """Return what a reply came to whose body was written to its end."""
    size, total = part.held.size, decision.total
    if total is None:
        return Arrived(reply.origin, framed="Transfer-Encoding" in reply.headers)
    if size == total:
        return Arrived(reply.origin, framed=True)
    if not isinstance(decision, Continue):
        raise Unreachable(f"the stream ended {size} bytes into {total}")
    if size <= before:
        raise Unreachable("the host sent nothing of what is missing")
    return missing(part.held, download)


async def _finished(segments: SegmentedDownload | None, reply: Reply) -> Outcome:
    """Return what `segments`, begun with `reply`, have come to."""
    if segments is None or await segments.finish() is Ending.RANGES_IGNORED:
        return Ask(0)
    return Arrived(reply.origin, framed=True)


def _is_large(
    segments: SegmentedDownload | None, reply: Reply, reader: DirectReader
) -> Callable[[], bool]:
    """Return what says whether the rest of `reply` had better come by several requests."""
    ranges = reply.headers.get("Accept-Ranges", "bytes").strip().lower() == "bytes"
    return lambda: segments is not None and segments.is_worth_it(reader.left, ranges=ranges)


class PartCompleter:
    """Completes parts with what providers give."""

    def __init__(self, providers: Mapping[ProviderName, Provider], stream: PartStream) -> None:
        self._providers = providers
        self._stream = stream

    async def __call__(self, part: Part, transfer: ActiveTransfer) -> Arrived:
        """Complete `part`; a locator that is refused is replaced once, and the bytes stay.

        A replacement that is the same again is not tried: what refused it would do so again
        (rule 23). Later attempts may fare better, and they are few and far between.

        Raises:
            ProviderError, TransferError: The attempt failed; what came is in the part.
        """
        download = transfer.download
        if isinstance(missing(part.held, download), Complete):  # nobody need be asked (rule 14)
            return Arrived("", framed=True)
        locator = await self._locate(download, fresh=False)
        try:
            return await self._stream.complete(part, locator, transfer)
        except TransferError as error:
            if error.remedy is not Remedy.REFRESH:
                raise
            fresh = await self._locate(download, fresh=True)
            if fresh == locator:
                raise
        return await self._stream.complete(part, fresh, transfer)

    async def _locate(self, download: Download, *, fresh: bool) -> Locator:
        """Ask the provider as it is configured now: that may change in the middle of a file."""
        provider = self._providers.get(download.provider)
        if provider is None:
            raise Unavailable("this provider is no longer configured")
        return await provider.locate(
            download.recording, download.asked_as or download.file, fresh=fresh
        )


def say_discarded(report: Report, error: TransferError, part: Part, download: Download) -> None:
    """Report that all that `part` holds is thrown away, for it is not what its host sent."""
    held = part.held
    report(
        "file.discarded",
        provider=download.provider,
        recording=download.recording,
        file=download.name,
        bytes=held.size + held.beyond,
        code=error.code,
        reason=str(error),
    )
