"""What polls write: recordings made known, completed, filtered, transcoded, acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from reelkeep.catalog import merging
from reelkeep.catalog.announce import announce
from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import chunks
from reelkeep.catalog.standing import Step, restate
from reelkeep.catalog.tables import file, provider, recording
from reelkeep.core.admission import fingerprint
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import ProviderName, Readiness, Recording, RecordingId
from reelkeep.ports import Admission, Clock, Report, Scan, Traits

ASK_AGAIN = timedelta(hours=1)
"""How long a request is left to work before it is made again: transcodings, acknowledgements."""


class SqlIntake:
    """See `ports.Intake`."""

    def __init__(self, database: Database, clock: Clock, report: Report) -> None:
        self._database = database
        self._clock = clock
        self._report = report

    async def scan(self, name: ProviderName) -> Scan:
        """Return what was read of the provider so far."""
        query = select(provider).where(provider.c.name == name)
        row = await self._database.read(lambda c: c.execute(query).mappings().first())
        return Scan() if row is None else Scan(**{k: v for k, v in row.items() if k != "name"})

    async def scanned(self, name: ProviderName, scan: Scan) -> None:
        """Replace what was noted of the provider."""
        values: dict[str, Any] = {field: getattr(scan, field) for field in scan.__slots__}
        statement = (
            upsert(provider)
            .values(name=name, **values)
            .on_conflict_do_update(["name"], set_=values)
        )
        await self._database.write(lambda c: c.execute(statement))

    async def admit(
        self, name: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Make `recordings` known; idempotent."""
        distinct = {recording.id: recording for recording in recordings}
        work = partial(_admit, name=name, traits=traits, seen=distinct, now=self._clock())
        admission, steps = await self._database.write(work)
        for id_ in admission.new:
            self._report(
                "recording.discovered",
                provider=name,
                recording=id_,
                started=distinct[id_].started,
                files=len(distinct[id_].files) or None,
            )
        announce(self._report, steps)
        return admission

    async def describe(
        self, name: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Complete admitted recordings; they become open."""
        distinct = {recording.id: recording for recording in recordings}
        work = partial(_describe, name=name, traits=traits, told=distinct, now=self._clock())
        steps = await self._database.write(work)
        announce(self._report, steps)
        return Admission(changed=tuple(distinct))

    async def refilter(self, name: ProviderName, traits: Traits) -> int:
        """Decide anew which known files are wanted; return how many changed."""
        work = partial(merging.refilter, name=name, rules=traits.filter, now=self._clock())
        changed, steps = await self._database.write(work)
        announce(self._report, steps)
        return changed

    async def transcodable(self, name: ProviderName, limit: int) -> Sequence[RecordingId]:
        """Return recordings to ask a transcoding for, first or again."""
        query = (
            select(recording.c.id)
            .where(
                recording.c.provider == name,
                recording.c.readiness == Readiness.TRANSCODABLE.value,
                recording.c.state.in_([RecordingState.WAITING, RecordingState.INCOMPLETE]),
                _before(recording.c.transcode_asked, self._clock() - ASK_AGAIN),
            )
            .limit(limit)
        )
        return await self._database.read(lambda c: _ids(c, query))

    async def transcoding(
        self, name: ProviderName, ids: Sequence[RecordingId], patience: timedelta
    ) -> None:
        """Note that a transcoding was asked for; the first time starts the clock."""
        now = self._clock()

        def work(connection: Connection) -> None:
            for some in chunks(ids):
                mine = (recording.c.provider == name) & recording.c.id.in_(some)
                connection.execute(
                    update(recording)
                    .where(mine, recording.c.overdue_at.is_(None))
                    .values(overdue_at=now + patience)
                )
                connection.execute(update(recording).where(mine).values(transcode_asked=now))

        await self._database.write(work)
        self._report("recording.transcode_requested", provider=name, recordings=len(ids))

    async def acknowledgeable(self, name: ProviderName, limit: int) -> Sequence[RecordingId]:
        """Return archived recordings of which the provider was not told."""
        kept = exists().where(
            file.c.recording == recording.c.row,
            file.c.state.in_([FileState.STORED, FileState.WAIVED]),
        )
        query = (
            select(recording.c.id)
            .where(
                recording.c.provider == name,
                recording.c.state == RecordingState.ARCHIVED,
                _before(recording.c.acknowledge_after, self._clock()),
                kept,
            )
            .order_by(recording.c.deadline, recording.c.started)
            .limit(limit)
        )
        return await self._database.read(lambda c: _ids(c, query))

    async def acknowledged(
        self,
        name: ProviderName,
        accepted: Sequence[RecordingId],
        refused: Sequence[RecordingId],
    ) -> None:
        """Commit what the provider answered; what it refused is asked again later."""
        now = self._clock()

        def work(connection: Connection) -> None:
            _set(connection, name, accepted, told=True, acknowledged_at=now)
            _set(connection, name, refused, acknowledge_after=now + ASK_AGAIN)
            rows = select(recording.c.row).where(
                recording.c.provider == name, recording.c.id.in_(accepted)
            )
            restate(connection, connection.execute(rows).scalars(), now)

        await self._database.write(work)
        if accepted:
            self._report("recording.acknowledged", provider=name, recordings=len(accepted))
        for id_ in refused:
            self._report("recording.acknowledge_refused", provider=name, recording=id_)


def _before(column: Any, moment: datetime) -> Any:
    return column.is_(None) | (column <= moment)


def _ids(connection: Connection, query: Any) -> list[RecordingId]:
    return [RecordingId(id_) for id_ in connection.execute(query).scalars()]


def _set(
    connection: Connection, name: ProviderName, ids: Sequence[RecordingId], **values: Any
) -> None:
    if ids:
        mine = (recording.c.provider == name) & (recording.c.id == bindparam("which"))
        connection.execute(
            update(recording).where(mine).values(**values), [{"which": i} for i in ids]
        )


def _admit(
    connection: Connection,
    *,
    name: ProviderName,
    traits: Traits,
    seen: Mapping[RecordingId, Recording],
    now: datetime,
) -> tuple[Admission, list[Step]]:
    known = merging.known(connection, name, list(seen))
    prints = {id_: fingerprint(found) for id_, found in seen.items()}
    new = [found for id_, found in seen.items() if id_ not in known]
    changed = [
        found
        for id_, found in seen.items()
        if id_ in known
        and (known[id_]["fingerprint"], known[id_]["told"])
        != (prints[id_], found.told or known[id_]["told"])
    ]
    if new:
        connection.execute(
            insert(recording),
            [merging.new_row(name, traits, found, prints[found.id], now) for found in new],
        )
    for found in changed:
        connection.execute(
            update(recording)
            .where(recording.c.row == known[found.id]["row"])
            .values(merging.changed_values(traits, found, prints[found.id], now))
        )
    touched = {found.id: found for found in (*new, *changed)}
    steps = merging.merge(connection, name, traits, touched, now)
    fresh = set(touched) if traits.describes else set()
    undescribed = [
        id_
        for id_, found in seen.items()
        if found.readiness is Readiness.READY
        and (id_ in fresh or (id_ in known and not known[id_]["described"]))
    ]
    return Admission(
        new=tuple(found.id for found in new),
        changed=tuple(found.id for found in changed),
        undescribed=tuple(undescribed),
    ), steps


def _describe(
    connection: Connection,
    *,
    name: ProviderName,
    traits: Traits,
    told: Mapping[RecordingId, Recording],
    now: datetime,
) -> list[Step]:
    known = merging.known(connection, name, list(told))
    present = {id_: found for id_, found in told.items() if id_ in known}
    for id_, found in present.items():
        values = merging.described_values(found)
        connection.execute(
            update(recording).where(recording.c.row == known[id_]["row"]).values(values)
        )
    return merging.merge(connection, name, traits, present, now)
