"""See whether anything is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FINAL, FileState, RecordingState
from reelkeep.core.model import ProviderName, Readiness
from reelkeep.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is left to do for some providers."""

    active: bool  #: Files are claimed, under way or waiting to be recorded.
    due: bool  #: Files could be fetched now.
    next_due: datetime | None  #: When the next of the waiting files may be tried.
    unpublished: frozenset[int]  #: Up to 100 rows of recordings whose folder is behind.
    untold: bool  #: Recordings are archived and to be acknowledged.
    transcoding: frozenset[ProviderName]  #: Providers that have yet to finish recordings.


async def look(
    database: Database,
    clock: Clock,
    *,
    names: Sequence[ProviderName],
    telling: Sequence[ProviderName],
) -> Outlook:
    """Return what is left for `names`; of those, `telling` take acknowledgements."""
    now = clock()

    def work(connection: Connection) -> Outlook:
        of_mine = recording.c.provider.in_(names)
        joined = select(file.c.row).join(recording, recording.c.row == file.c.recording)
        ready = joined.where(of_mine, recording.c.described, file.c.state == FileState.DUE)
        due = ready.where(file.c.due_at.is_(None) | (file.c.due_at <= now))
        later = (
            select(func.min(file.c.due_at, type_=file.c.due_at.type))
            .join(recording, recording.c.row == file.c.recording)
            .where(of_mine, recording.c.described, file.c.state == FileState.DUE)
        )
        return Outlook(
            active=_any(connection, select(file.c.row).where(file.c.state == FileState.ACTIVE)),
            due=_any(connection, due),
            next_due=connection.execute(later).scalar(),
            unpublished=_unpublished(connection, names),
            untold=_any(connection, _untold(telling, now)),
            transcoding=_transcoding(connection, names),
        )

    return await database.read(work)


def _any(connection: Connection, query: object) -> bool:
    return connection.execute(query.limit(1)).first() is not None  # type: ignore[attr-defined]


def _untold(telling: Sequence[ProviderName], now: datetime) -> object:
    kept = exists().where(
        file.c.recording == recording.c.row,
        file.c.state.in_([FileState.STORED, FileState.WAIVED]),
    )
    after = recording.c.acknowledge_after
    return select(recording.c.row).where(
        recording.c.provider.in_(telling),
        recording.c.state == RecordingState.ARCHIVED,
        after.is_(None) | (after <= now),
        kept,
    )


def _unpublished(connection: Connection, names: Sequence[ProviderName]) -> frozenset[int]:
    mine = file.c.recording == recording.c.row
    query = (
        select(recording.c.row)
        .where(
            recording.c.provider.in_(names),
            recording.c.revision > recording.c.published,
            exists().where(mine, file.c.state == FileState.STORED),
            ~exists().where(mine, file.c.state.not_in(list(FINAL))),
        )
        .limit(100)
    )
    return frozenset(connection.execute(query).scalars())


def _transcoding(connection: Connection, names: Sequence[ProviderName]) -> frozenset[ProviderName]:
    query = (
        select(recording.c.provider)
        .distinct()
        .where(
            recording.c.provider.in_(names),
            recording.c.state == RecordingState.WAITING,
            recording.c.readiness != Readiness.READY.value,
        )
    )
    pending = (
        select(recording.c.provider)
        .distinct()
        .where(
            recording.c.provider.in_(names),
            recording.c.state == RecordingState.WAITING,
            recording.c.described.is_(False),
        )
    )
    found = [*connection.execute(query).scalars(), *connection.execute(pending).scalars()]
    return frozenset(ProviderName(name) for name in found)
