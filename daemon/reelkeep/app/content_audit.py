"""Fetch archived files again from their providers, and compare what comes with what is here.

For each file its archived bytes are read, then it is fetched and hashed on the way; no byte of it
is kept. What differs is fetched a second time. Nothing is changed here: `content_repair` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import DigestPart
from reelkeep.core.audit import Comparison, compare
from reelkeep.core.digests import broken, needed
from reelkeep.core.integrity import Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ANY_BYTES, Download, Failed, HeldFile, Holding, ProviderName
from reelkeep.core.retry import Policy, judge
from reelkeep.errors import DigestMismatch, ProviderError, Remedy, TransferError, Unreachable
from reelkeep.ports import Clean, Clock, Part, Report, Rng
from reelkeep.stages.stream import Arrived, PartCompleter, resumable, say_discarded
from reelkeep.stages.worker_pool import ActiveTransfers

ABSENT = frozenset({"not_found", "refused"})
"""Codes of what its provider does not give; asking again at once would change nothing."""

LONGEST_PAUSE = 600.0
"""Seconds; a host that asks for more is left, and the file is not compared in this run."""

T = TypeVar("T")


class Refetcher:
    """Fetches into any part. One attempt follows the other until one is believed, or is the last.

    The limits of hosts, the bandwidth and the rules about stalls are those of every transfer.
    """

    def __init__(
        self, bring: PartCompleter, transfers: ActiveTransfers, *, policy: Policy, clock: Clock,
        rng: Rng,
        report: Report,
    ) -> None:  # fmt: skip
        self._bring = bring
        self._transfers = transfers
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._report = report

    async def hashed(self, download: Download) -> str:
        """Return the SHA-256 of what is given for `download`; nothing is kept.

        Raises:
            ProviderError, TransferError: It cannot be had, or not be believed.
        """
        part = DigestPart()

        async def believe(arrived: Arrived) -> str:
            return await _believed(download, part, arrived)

        return await self(download, part, believe)

    async def __call__(
        self, download: Download, part: Part, believe: Callable[[Arrived], Awaitable[T]]
    ) -> T:
        """Return what `believe` returns for all bytes of `download`, which are in `part` then.

        Raises:
            ProviderError, TransferError: The last attempt failed.
        """
        with self._transfers.begin_transfer(download, anyio.current_time()) as transfer:
            for attempt in count(1):
                try:
                    return await believe(await self._bring(part, transfer))
                except (ProviderError, TransferError) as error:
                    if isinstance(error, TransferError) and error.remedy is Remedy.DISCARD:
                        say_discarded(self._report, error, part, download)
                    pause = self._pause(error, download, attempt)
                    if pause is None:
                        raise
                    if _is_worthless(error, part):
                        await part.begin(validator=None, total=None, promises={})
                await anyio.sleep(pause)
        raise AssertionError("unreachable")  # it returns or raises

    def _pause(
        self, error: ProviderError | TransferError, download: Download, attempt: int
    ) -> float | None:
        """Return for how many seconds to wait before the next attempt; None: there is none."""
        if attempt >= self._policy.attempts or error.code in ABSENT:
            return None
        now, before = self._clock(), attempt - 1
        failed = Failed(download=replace(download, attempts=before, tries=before), error=error)
        verdict = judge(failed, now=now, policy=self._policy, rng=self._rng())
        if verdict.state is not FileState.DUE or verdict.due_at is None:
            return None
        pause = (verdict.due_at - now).total_seconds()
        return pause if pause <= LONGEST_PAUSE else None


def _is_worthless(error: ProviderError | TransferError, part: Part) -> bool:
    """Whether the next attempt has to begin with the first byte."""
    worthless = (Remedy.RESTART, Remedy.DISCARD, Remedy.QUARANTINE)
    return error.remedy in worthless or not resumable(part.held)


async def _believed(download: Download, part: DigestPart, arrived: Arrived) -> str:
    """Return the digest of what came, if that is a whole reply that kept its promises.

    Where nothing tells the end, it is taken for whole: who compares it decides.
    """
    held = part.held
    found = await part.inspect(needed(held.promises))
    name = broken(held.promises, {**found.digests, "sha256": found.sha256})
    if name is not None:
        raise DigestMismatch(f"the {name} of what came is not the promised one")
    promised = None if download.accepts else download.size
    if not arrived.framed and held.total is None and promised not in (None, found.size):
        raise Unreachable(f"the stream ended {found.size} bytes into {promised}")
    return found.sha256


NOT_CONFIGURED = "not_configured"
"""The code of a file whose provider is not configured, or not enabled."""

NOT_READABLE = "not_readable"
"""The code of a file whose archived bytes are missing or cannot be read."""

NOT_TO_BE_HAD = ABSENT | {NOT_CONFIGURED}
"""Codes of what cannot be fetched whoever tries; it is counted, and does not fail the command."""

GIVE_UP_AFTER = 5
"""Errors of a provider in a row after which it is asked no more in this run."""


@dataclass(frozen=True, slots=True)
class Archived:
    """One archived file that is to be compared; `number` is its place in the order of the run."""

    number: int
    holding: Holding
    file: HeldFile

    @property
    def download(self) -> Download:
        """How it is asked for; what an operator or a check let pass is not looked at again.

        How many bytes are archived is no promise: that is what is in question.
        """
        file = self.file
        return Download(
            row=file.row,
            provider=self.holding.provider,
            recording=self.holding.id,
            file=file.id,
            key=self.holding.key,
            name=file.name,
            file_type=file.file_type,
            size=file.promised,
            asked_as=file.asked_as,
            accepts=None if file.reason is None else ANY_BYTES,
        )

    def slim(self) -> Archived:
        """Return as much of it as is told at the end: there may be very many."""
        holding = replace(self.holding, facts={}, files=())
        return replace(self, holding=holding, file=replace(self.file, facts=None))

    @property
    def where(self) -> dict[str, str]:
        """The keys by which events name it."""
        return {
            "provider": self.holding.provider,
            "recording": self.holding.id,
            "file": self.file.name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What became of one file."""

    archived: Archived
    comparison: Comparison
    code: str | None = None  #: Why it was not compared.
    reason: str | None = None  #: The same, or what was seen, in a sentence.
    here: str | None = None  #: SHA-256 of the archived bytes.
    fetched: tuple[str, ...] = ()  #: SHA-256 of each fetch.
    repair: str | None = None  #: `replaced`, `queued` or `refused`, if one was tried.

    @property
    def ok(self) -> bool:
        """Whether nothing is left to be done about it."""
        if self.comparison is Comparison.NOT_COMPARED:
            return self.code in NOT_TO_BE_HAD
        return self.comparison is Comparison.MATCHES or self.repair == "replaced"

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        holding = self.archived.holding
        said: dict[str, Any] = {
            **self.archived.where,
            "folder": holding.folder,
            "code": self.code,
            "reason": self.reason,
            "archived": self.here,
            "fetched": list(self.fetched),
            "repair": self.repair,
        }
        return {key: value for key, value in said.items() if value}


@dataclass(slots=True)
class ContentAudit:
    """What was found; it grows while it is being found."""

    files: int = 0  #: To be compared.
    bytes: int = 0  #: Of those, as they are archived.
    done: int = 0  #: Files.
    done_bytes: int = 0
    stopped: bool = False  #: A signal ended it first.
    counts: Counter[Comparison] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  #: Of what was not compared.
    notable: list[Compared] = field(default_factory=list)  #: All that does not simply match.

    @property
    def ok(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.stopped and all(each.ok for each in self.notable)

    def note(self, each: Compared) -> None:
        """Add what became of one file."""
        self.done += 1
        self.done_bytes += each.archived.file.size or 0
        self.counts[each.comparison] += 1
        if each.comparison is Comparison.NOT_COMPARED:
            self.codes[each.code or ""] += 1
        if each.comparison is not Comparison.MATCHES or each.reason is not None:
            self.notable.append(replace(each, archived=each.archived.slim()))

    def listed(self, comparison: Comparison) -> list[Compared]:
        """Return what is notable of this kind, in the order of the run."""
        found = [each for each in self.notable if each.comparison is comparison]
        return sorted(found, key=lambda each: each.archived.number)


Selected = Callable[[], AsyncIterator[Archived]]
"""Yields what is to be compared, in order; may be asked more than once."""

Hashed = Callable[[Download], Awaitable[str]]
"""Returns the SHA-256 of what the provider gives, or raises a `ProviderError`, `TransferError`."""

Mend = Callable[[Compared], Awaitable[Compared]]
"""Repairs what differs from its first fetch; the second one is its own."""


class Comparer:
    """Compares one file after the other."""

    def __init__(
        self, archive: LocalArchive, hashed: Hashed, *, names: frozenset[ProviderName],
        report: Report, clean: Clean, mend: Mend | None = None,
    ) -> None:  # fmt: skip
        self._archive = archive
        self._hashed = hashed
        self._names = names
        self._report = report
        self._clean = clean
        self._mend = mend
        self._errors: Counter[ProviderName] = Counter()  # in a row
        self._given_up: dict[ProviderName, ProviderError] = {}

    async def __call__(self, archived: Archived) -> Compared:
        """Return what fetching `archived` again shows; a repair is included."""
        try:
            found = await self._compared(archived)
        except (ProviderError, TransferError) as error:
            found = _not_compared(archived, error.code, str(error))
        if found.reason is not None:
            found = replace(found, reason=self._clean(found.reason))
        self._say(found)
        return found

    async def _compared(self, archived: Archived) -> Compared:
        provider = archived.holding.provider
        if provider not in self._names:
            reason = "its provider is not configured, not enabled, or not asked in this run"
            return _not_compared(archived, NOT_CONFIGURED, reason)
        if provider in self._given_up:
            raise self._given_up[provider]
        here = await self._read(archived)
        if isinstance(here, Compared):
            return here
        first = await self._once(archived)
        comparison = compare(here, first)
        if comparison is not None:
            return Compared(archived=archived, comparison=comparison, here=here, fetched=(first,))
        begun = Compared(
            archived=archived, comparison=Comparison.DIFFERS, here=here, fetched=(first,)
        )
        if self._mend is not None:
            return await self._mend(begun)
        try:
            return decided(begun, await self._once(archived))
        except (ProviderError, TransferError) as error:
            return undecided(begun, error)

    async def _read(self, archived: Archived) -> str | Compared:
        """Return the digest of the archived bytes."""
        holding, file = archived.holding, archived.file
        others = {each.name for each in holding.files} - {file.name}
        verdict = await self._archive.verify(holding.folder or "", known=others)
        checked = next((each for each in verdict.checked if each.name == file.name), None)
        if checked is None or checked.sha256 is None:
            mark = Mark.MISSING if checked is None else checked.mark
            reason = f"the archived file is {mark}: `reelkeep verify --repair`"
            return _not_compared(archived, NOT_READABLE, reason)
        return checked.sha256

    async def _once(self, archived: Archived) -> str:
        """Return the digest of what the provider gives now."""
        provider = archived.holding.provider
        try:
            sha256 = await self._hashed(archived.download)
        except ProviderError as error:
            self._errors[provider] += 1
            if error.remedy is Remedy.PAUSE or self._errors[provider] >= GIVE_UP_AFTER:
                self._given_up[provider] = error
            raise
        self._errors[provider] = 0
        return sha256

    def _say(self, found: Compared) -> None:
        where, reason = found.archived.where, found.reason
        if found.comparison is Comparison.MATCHES:
            self._report("file.matches", **where, sha256=found.here)
        elif found.comparison is Comparison.NOT_COMPARED:
            self._report("file.not_compared", **where, code=found.code, reason=reason)
        elif found.comparison is Comparison.UNSTEADY:
            self._report("file.unsteady", **where, reason=reason)
        elif found.repair != "replaced":
            self._report(
                "file.differs",
                **where,
                folder=found.archived.holding.folder,
                archived=found.here,
                fetched=found.fetched[0],
                reason=reason,
            )


def decided(begun: Compared, second: str) -> Compared:
    """Return what a second fetch makes of a first one that differs from the archive."""
    comparison = compare(begun.here or "", begun.fetched[0], second)
    reasons: Mapping[Comparison | None, str] = {
        Comparison.DIFFERS: "two fetches are equal, and the archived bytes are not the same",
        Comparison.UNSTEADY: "two fetches differ from each other: nobody can tell which is right",
        Comparison.MATCHES: "one of two fetches differs; the archived bytes equal the other",
    }
    return replace(
        begun,
        comparison=comparison or Comparison.DIFFERS,
        fetched=(*begun.fetched, second),
        reason=reasons[comparison],
    )


def undecided(begun: Compared, error: ProviderError | TransferError) -> Compared:
    """Return what is known if a first fetch differs from the archive, and a second one failed."""
    return replace(begun, reason=f"one fetch differs, and the second one failed: {error}")


async def run_audit(
    selected: Selected, compared: Callable[[Archived], Awaitable[Compared]], *, workers: int,
    found: ContentAudit,
) -> None:  # fmt: skip
    """Compare what is `selected`, `workers` files at a time, and put into `found` what comes."""
    async for each in selected():
        found.files += 1
        found.bytes += each.file.size or 0
    send, receive = anyio.create_memory_object_stream[Archived](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_feed, selected, send)
        async with receive:
            for _ in range(workers):
                group.start_soon(_work, receive.clone(), compared, found)


async def _feed(selected: Selected, send: MemoryObjectSendStream[Archived]) -> None:
    async with send:
        async for each in selected():
            await send.send(each)


async def _work(
    receive: MemoryObjectReceiveStream[Archived],
    compared: Callable[[Archived], Awaitable[Compared]],
    found: ContentAudit,
) -> None:
    async with receive:
        async for each in receive:
            found.note(await compared(each))


def _not_compared(archived: Archived, code: str, reason: str) -> Compared:
    return Compared(archived=archived, comparison=Comparison.NOT_COMPARED, code=code, reason=reason)
