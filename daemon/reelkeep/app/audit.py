"""Compare what the providers hold now with the catalog and the archive; nothing is changed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import anyio

from reelkeep.app.archive_access import make_archive
from reelkeep.app.catalog_access import read_catalog, utc_now
from reelkeep.app.clock_watch import ClockCheck
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.plan import Hearing, scratch_catalog
from reelkeep.app.resources import builder, make_providers, open_wire
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.merging import mark
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.read_only import exists
from reelkeep.catalog.schema import archive_identity
from reelkeep.core.admission import changes
from reelkeep.core.audit import LEFT, UNFINISHED, Item, Tally, is_at_risk, known, unknown
from reelkeep.core.filters import Filter
from reelkeep.core.model import (
    FileId,
    Holding,
    ProviderName,
    Readiness,
    Recording,
    RecordingId,
    Window,
)
from reelkeep.core.poll_window import AHEAD, EPOCH, PartlyDescribed, since_epoch
from reelkeep.errors import ProviderError
from reelkeep.ports import Clean, Clock, Provider
from reelkeep.settings.model import Settings
from reelkeep.stages.discovery import batches, blamed
from reelkeep.telemetry.logs import Log, captured

PAGE = 500
"""Recordings that are taken from the catalog at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """One thing that is not as it should be in the end, or is at risk."""

    recording: str
    item: Item
    day: date | None
    deadline: datetime | None
    at_risk: bool


@dataclass(slots=True)
class Audited:
    """What was found of one provider."""

    name: ProviderName
    days: dict[date | None, Tally] = field(default_factory=dict)  #: Day of the start, in UTC.
    findings: list[AuditFinding] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)  #: Why not all may have been listed.
    error: str | None = None  #: Why the provider could not be read, or not wholly.

    @property
    def ok(self) -> bool:
        """Whether all that the provider holds is surely here, or not wanted."""
        return (
            self.error is None
            and not self.incomplete
            and not any(tally.left for tally in self.days.values())
        )


async def audit(
    settings: Settings, names: Sequence[ProviderName], log: Log, window: Window | None
) -> list[Audited]:
    """Return how what the enabled `names` hold compares with what is here, in their order.

    Without `window` all is compared. A daemon may work meanwhile: what changes under the audit is
    taken as it is at its end.

    Raises:
        CatalogError, IoFailed: Catalog or archive cannot be read.
    """
    found = {name: Audited(name) for name in names}
    hearing = Hearing(log, {name: audited.incomplete for name, audited in found.items()})
    async with AsyncExitStack() as stack:
        stack.enter_context(captured(log))
        if exists(settings.catalog.path):
            database = await stack.enter_async_context(read_catalog(settings))
        else:  # looking shall not begin a catalog
            database = await stack.enter_async_context(scratch_catalog(settings, utc_now))
        wire = await stack.enter_async_context(open_wire(settings))
        archive = make_archive(settings, utc_now)
        archive.identity.expect(await archive_identity(database))
        auditor = Auditor(OperatorCatalog(database, utc_now), archive, utc_now, log.clean)
        clock_check = ClockCheck(utc_now, hearing)
        build = builder(
            settings, wire.transport, hearing, learn=log.learn, clock=utc_now, rng=random.random,
            clock_check=clock_check,
        )  # fmt: skip
        providers = make_providers(settings, build)
        with unwrapped():
            async with anyio.create_task_group() as group:
                for name, audited in found.items():
                    group.start_soon(auditor.one, providers[name], window, audited)
    if clock_check.problem is not None:
        for audited in found.values():
            audited.incomplete.append(clock_check.problem)
    return list(found.values())


@dataclass(slots=True)
class _Seen:
    """What was listed."""

    recordings: set[int] = field(default_factory=set)  #: Rows.
    files: set[int] = field(default_factory=set)  #: Rows.
    unknown: dict[RecordingId, _Unknown] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)  #: Why not all was seen.


@dataclass(slots=True)
class _Unknown:
    """What is listed of a recording, and not known: no more of it than is needed later."""

    started: datetime | None
    deadline: datetime | None
    fingerprint: str | None  #: Of its holding, where there was one.
    items: dict[FileId, Item] = field(default_factory=dict)


class Auditor:
    """Compares one provider after the other."""

    def __init__(
        self, operator: OperatorCatalog, archive: LocalArchive, clock: Clock, clean: Clean
    ) -> None:
        self._operator = operator
        self._archive = archive
        self._clock = clock
        self._clean = clean

    async def one(self, provider: Provider, window: Window | None, found: Audited) -> None:
        """Put into `found` how what `provider` holds compares with what is here."""
        seen = _Seen()
        try:
            async with aclosing(batches(provider, self._span(provider, window))) as listed:
                async for batch in listed:
                    await self._see(provider, batch, window, seen)
        except ProviderError as error:
            seen.errors.append(str(error))
        if seen.errors:
            found.error = self._clean("; ".join(dict.fromkeys(seen.errors)))
        found.incomplete = [self._clean(reason) for reason in found.incomplete]
        await self._weigh_strangers(provider, seen, found)
        await self._weigh_known(provider, window, seen, found)

    def _span(self, provider: Provider, window: Window | None) -> Window:
        whole = Window(EPOCH, self._clock() + AHEAD)
        return since_epoch(window or whole, provider.traits.epoch)

    async def _see(
        self, provider: Provider, batch: Sequence[Recording], window: Window | None, seen: _Seen
    ) -> None:
        ids = [each.id for each in batch]
        held = await self._operator.known(provider.name, ids)
        changed = {each.id for each in batch if _has_changed(provider, each, held)}
        found, described = await _described(provider, batch, held, seen.errors)
        for recording in found:
            if not _is_within(recording, window):
                continue
            holding = held.get(recording.id)
            if holding is not None:
                seen.recordings.add(holding.row)
                rules = provider.traits.filter
                seen.files |= _listed(recording, holding, rules, whole=provider.traits.describes)
            whole = not provider.traits.describes or recording.id in described
            for item in unknown(
                recording, holding, provider.traits.filter, whole=whole,
                changed=recording.id in changed,
            ):  # fmt: skip
                before = holding.fingerprint if holding else None
                fresh = _Unknown(recording.started, recording.deadline, before)
                seen.unknown.setdefault(recording.id, fresh).items.setdefault(item.file, item)

    async def _weigh_strangers(self, provider: Provider, seen: _Seen, found: Audited) -> None:
        """Count what is not known, unless it has become so meanwhile."""
        ids = list(seen.unknown)
        for start in range(0, len(ids), PAGE):
            some = ids[start : start + PAGE]
            held = await self._operator.known(provider.name, some)
            for id_ in some:
                unknown, holding = seen.unknown[id_], held.get(id_)
                rows = {each.id: each.row for each in holding.files} if holding else {}
                for item in unknown.items.values():
                    if holding is not None and (
                        holding.fingerprint != unknown.fingerprint
                        if item.file == UNFINISHED
                        else item.file in rows
                    ):
                        seen.recordings.add(holding.row)
                        seen.files.add(rows.get(item.file, 0))
                    else:
                        self._note(found, id_, unknown.started, unknown.deadline, item)

    async def _weigh_known(
        self, provider: Provider, window: Window | None, seen: _Seen, found: Audited
    ) -> None:
        complete = found.error is None and not found.incomplete
        listed, after = frozenset(seen.files), 0
        while page := await self._operator.listing(
            names=[provider.name], span=window, after=after, limit=PAGE
        ):
            after = page[-1].row
            lost = await self._archive.lost(page)
            for holding in page:
                if window and holding.started is None and holding.row not in seen.recordings:
                    continue
                for item, is_listed in known(holding, listed=listed, complete=complete, lost=lost):
                    self._note(
                        found, holding.id, holding.started, holding.deadline, item, listed=is_listed
                    )

    def _note(
        self, found: Audited, recording: str, started: datetime | None, deadline: datetime | None,
        item: Item, *, listed: bool = True,
    ) -> None:  # fmt: skip
        day = None if started is None else started.astimezone(UTC).date()
        at_risk = is_at_risk(item, deadline, self._clock())
        found.days.setdefault(day, Tally()).count(item, listed=listed, at_risk=at_risk)
        if item.mark in LEFT:
            found.findings.append(
                AuditFinding(
                    recording=recording, item=item, day=day, deadline=deadline, at_risk=at_risk
                )
            )


async def _described(
    provider: Provider, batch: Sequence[Recording], held: dict[str, Holding], errors: list[str]
) -> tuple[list[Recording], frozenset[RecordingId]]:
    """Return `batch`, of which what nothing is known of yet is described where that is possible.

    Also return what is; what could not be asked for is added to `errors`.
    """
    if not provider.traits.describes:
        return list(batch), frozenset()
    bare = [
        each
        for each in batch
        if each.readiness is Readiness.READY and not (each.id in held and held[each.id].files)
    ]
    if not bare:
        return list(batch), frozenset()
    try:
        with blamed():
            described = await provider.describe(bare)
    except PartlyDescribed as error:
        described = error.described
        errors.append(str(error))
    told = {each.id: each for each in described}
    return [told.get(each.id, each) for each in batch], frozenset(told)


def _has_changed(provider: Provider, recording: Recording, held: dict[str, Holding]) -> bool:
    holding = held.get(recording.id)
    return holding is None or holding.fingerprint != mark(provider.traits, recording)


def _listed(recording: Recording, holding: Holding, rules: Filter, *, whole: bool) -> set[int]:
    """Return the rows of files that `recording` lists: all, where a listing does not name them."""
    if whole:
        return {file.row for file in holding.files}
    return set(changes(recording, holding.files, rules).listed)


def _is_within(recording: Recording, window: Window | None) -> bool:
    """Whether `recording` began in `window`; a listing of days shows the neighbouring ones, too."""
    started = recording.started
    return window is None or started is None or window.since <= started < window.until
