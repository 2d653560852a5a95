"""Note how stored files were found when they were read again, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import Step, announce, restate, revise
from reelkeep.catalog.tables import (
    FRESH,
    all_of_recording,
    chunks,
    file,
    holdings,
    milestone,
    recording,
    write_rows,
)
from reelkeep.core.integrity import FileHealth, Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Holding
from reelkeep.ports import Clock, Report, Stock

_LOST: Mapping[str, Any] = {
    "state": FileState.DUE.value,
    "reason": None,
    **FRESH,
    **dict.fromkeys(("size", "sha256", "verified", "source", "stored_at", "checked_at", "fault")),
}
"""The columns of a file whose bytes are gone, and are to be fetched again."""


class SqlChecks:
    """See `ports.Checks`."""

    def __init__(self, database: Database, clock: Clock, report: Report) -> None:
        self._database = database
        self._clock = clock
        self._report = report

    async def in_folders(self, folders: Sequence[str]) -> Sequence[Holding]:
        """Return the recordings whose folders these are."""

        def work(connection: Connection) -> list[Holding]:
            return [
                holding
                for some in chunks(folders)
                for holding in holdings(
                    connection, all_of_recording().where(recording.c.folder.in_(some))
                )
            ]

        return await self._database.read(work)

    async def oldest(self, limit: int, *, beside: Collection[str] = ()) -> Sequence[Holding]:
        """Return up to `limit` published recordings, those with the file longest unread first.

        Those in the folders `beside`, however deep, are left out.
        """

        def work(connection: Connection) -> list[Holding]:
            rows = list(connection.execute(_oldest(limit, beside)).scalars())
            order = {row: place for place, row in enumerate(dict.fromkeys(rows))}
            found = holdings(connection, all_of_recording().where(recording.c.row.in_(order)))
            return sorted(found, key=lambda holding: order[holding.row])

        return await self._database.read(work)

    async def stock(self) -> Stock:
        """Return how much is published, and when the file longest unread was read."""

        def work(connection: Connection) -> Stock:
            query = select(
                func.count(recording.c.row.distinct()),
                func.count(),
                func.coalesce(func.sum(file.c.size), 0),
                func.min(file.c.checked_at, type_=file.c.checked_at.type),
            ).select_from(_PUBLISHED)
            recordings, files, size, oldest = connection.execute(query.where(_HELD)).one()
            return Stock(recordings=recordings, files=files, bytes=size, oldest=oldest)

        return await self._database.read(work)

    async def noted(self, found: Sequence[FileHealth]) -> None:
        """Commit how files were found, now; report what became broken, or whole again.

        What was fetched again meanwhile is left alone.
        """
        now = self._clock()
        changed = await self._database.write(lambda c: _note(c, found, now))
        for row, each in changed:
            self._say(row, each)

    async def lost(self, rows: Sequence[int], revised: Sequence[int]) -> int:
        """Make stored files due again, and the manifests of recordings to be written anew.

        Return how many files are due again.
        """
        now = self._clock()

        def work(connection: Connection) -> tuple[int, list[Step]]:
            moved, touched = 0, set(revised)
            for some in chunks(set(rows)):
                stored = file.c.row.in_(some) & (file.c.state == FileState.STORED)
                mine = select(file.c.recording).where(stored)
                touched |= set(connection.execute(mine).scalars())
                moved += connection.execute(update(file).where(stored).values(_LOST)).rowcount
            revise(connection, touched)
            return moved, restate(connection, touched, now)

        moved, steps = await self._database.write(work)
        announce(self._report, steps)
        return moved

    async def moment(self, name: str) -> datetime | None:
        """Return the time that was noted under `name`."""
        query = select(milestone.c.at).where(milestone.c.name == name)
        return await self._database.read(lambda c: c.execute(query).scalar())

    async def keep_moment(self, name: str, at: datetime | None) -> None:
        """Note a time under `name`, or forget it."""

        def work(connection: Connection) -> None:
            connection.execute(delete(milestone).where(milestone.c.name == name))
            if at is not None:
                connection.execute(insert(milestone).values(name=name, at=at))

        await self._database.write(work)

    def _say(self, row: RowMapping, found: FileHealth) -> None:
        which = {
            "provider": row["provider"],
            "recording": row["id"],
            "file": row["name"],
            "folder": row["folder"],
        }
        if found.fault is Mark.ALTERED:
            self._report("file.altered", **which, reason=found.reason)
        elif found.fault is Mark.MISSING:
            self._report("file.missing", **which)
        elif found.fault is Mark.UNREADABLE:
            self._report("file.unreadable", **which, reason=found.reason)
        else:
            self._report("file.intact", **which)


_PUBLISHED = recording.join(file, file.c.recording == recording.c.row)
_HELD: ColumnElement[bool] = (
    file.c.checked_at.is_not(None)
    & (file.c.state == FileState.STORED)
    & recording.c.folder.is_not(None)
    & (recording.c.published >= recording.c.revision)
)
"""What is read a little at a time: recordings whose folder shows all that was stored."""


class UnnotedChecks(SqlChecks):
    """The same of a catalog that this user may only read: nothing is noted."""

    async def noted(self, found: Sequence[FileHealth]) -> None:
        """Do nothing."""

    async def keep_moment(self, name: str, at: datetime | None) -> None:
        """Do nothing."""


def _oldest(limit: int, beside: Collection[str]) -> Any:
    folder = recording.c.folder
    within = [(folder == each) | folder.startswith(f"{each}/", autoescape=True) for each in beside]
    return (
        select(recording.c.row)
        .select_from(_PUBLISHED)
        .where(_HELD, *(~each for each in within))
        .order_by(file.c.checked_at)
        .limit(limit)
    )


def _note(
    connection: Connection, found: Sequence[FileHealth], now: datetime
) -> list[tuple[RowMapping, FileHealth]]:
    """Write how files were found; return those of which something else was known."""
    mine = {each.row: each for each in found}
    changed: list[tuple[RowMapping, FileHealth]] = []
    present: list[int] = []
    for row in _rows(connection, mine):
        present.append(row["row"])
        each = mine[row["row"]]
        if row["fault"] != each.fault:
            changed.append((row, each))
    values = [{"row": row, "checked_at": now, "fault": mine[row].fault} for row in present]
    write_rows(connection, file, values)
    return changed


def _rows(connection: Connection, rows: Iterable[int]) -> Iterator[RowMapping]:
    for some in chunks(rows):
        query = (
            select(
                file.c.row, file.c.name, file.c.fault,
                recording.c.provider, recording.c.id, recording.c.folder,
            )
            .select_from(_PUBLISHED)
            .where(file.c.row.in_(some), file.c.state == FileState.STORED)
        )  # fmt: skip
        yield from connection.execute(query).mappings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The bytes that a stored file is to have; they are durable, and wait to be published."""

    size: int
    sha256: str
    verified: str
    source: str
    note: str | None  #: What is unusual about them, in a sentence.


async def replace_stored(
    database: Database, old: HeldFile, new: Replacement, *, clock: Clock, report: Report
) -> Holding | None:
    """Commit `new` in the place of `old`, and that the manifest is to be written anew.

    Return the recording as it is then; None, and nothing is changed, if the file is not what
    `old` says any more.
    """
    now = clock()

    def work(connection: Connection) -> tuple[Holding | None, list[Step]]:
        mine = (
            (file.c.row == old.row)
            & (file.c.state == FileState.STORED)
            & (file.c.sha256 == old.sha256)
        )
        values = {
            "size": new.size,
            "sha256": new.sha256,
            "verified": new.verified,
            "source": new.source,
            "reason": None,
            "detail": new.note,
            "stored_at": now,
            "checked_at": now,
            "fault": None,
        }
        changed = update(file).where(mine).values(values).returning(file.c.recording)
        row = connection.execute(changed).scalar()
        if row is None:
            return None, []
        revise(connection, [row])
        steps = restate(connection, [row], now)
        return holdings(connection, all_of_recording().where(recording.c.row == row))[0], steps

    holding, steps = await database.write(work)
    announce(report, steps)
    return holding
