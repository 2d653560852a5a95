"""Find and reset instants that a wrong clock has noted; `core.instants` has the table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Update,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import KeyedColumnElement

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import Step, restate
from reelkeep.catalog.tables import NEVER, file, metadata, milestone, provider, recording
from reelkeep.core.audit import AT_RISK
from reelkeep.core.instants import (
    PLAUSIBLE_SINCE,
    TOLERANCE,
    Column,
    Longest,
    Treatment,
    horizon,
    rules,
)


def reset_value(treatment: Treatment, now: datetime, longest: timedelta) -> datetime | None:
    """Return what an instant becomes that cannot be right."""
    match treatment:
        case Treatment.NOW:
            return now
        case Treatment.FROM_NOW:
            return now + longest
        case Treatment.DUE | Treatment.FORGOTTEN:
            return None


async def reset_instants(
    database: Database, now: datetime, longest: Longest, *, thorough: bool = False
) -> tuple[Mapping[str, int], list[Step]]:
    """Reset what a wrong clock has noted; return how many, by column, and what follows.

    Nothing is changed while the clock itself cannot be right. A few columns with an index tell
    whether there is anything to look for; if `thorough`, everything is looked at.
    """
    if now < PLAUSIBLE_SINCE:
        return {}, []

    def work(connection: Connection) -> tuple[Mapping[str, int], list[Step]]:
        if not thorough and not _suspicious(connection, now, longest):
            return {}, []
        counts = {
            f"{column.table}.{column.name}": count
            for column, count in _reset(connection, now, longest).items()
            if count
        }
        connection.execute(update(recording).where(_warned_early(now)).values(warned=0))
        return counts, restate(connection, _moved_by_time(connection, now), now)

    return await database.write(work)


async def latest_noted(database: Database) -> datetime | None:
    """Return the latest instant at which the catalog says that something happened."""
    columns = (provider.c.polled_at, provider.c.broken_since, milestone.c.at, file.c.checked_at)

    def work(connection: Connection) -> datetime | None:
        found = [
            connection.execute(select(func.max(column, type_=column.type))).scalar()
            for column in columns
        ]
        return max((each for each in found if each is not None), default=None)

    return await database.read(work)


def _suspicious(connection: Connection, now: datetime, longest: Longest) -> bool:
    """Return whether something that is found quickly lies too far ahead."""
    known = rules(longest)
    quick = [Column("file", "due_at"), Column("file", "checked_at")]
    quick += [column for column in known if column.table in ("provider", "milestone")]
    for column in quick:
        found = _column(column)
        query = select(found).where(_beyond(column, horizon(known[column], now))).limit(1)
        if connection.execute(query).first() is not None:
            return True
    return False


def _reset(connection: Connection, now: datetime, longest: Longest) -> dict[Column, int]:
    found: dict[Column, int] = {}
    for column, rule in rules(longest).items():
        table, where = metadata.tables[column.table], _beyond(column, horizon(rule, now))
        change: Delete | Update = delete(table).where(where)  # a milestone that is due is forgotten
        if table is not milestone:
            value = reset_value(rule.treatment, now, rule.longest)
            change = update(table).where(where).values({column.name: value})
        found[column] = connection.execute(change).rowcount
    return found


def _beyond(column: Column, latest: datetime) -> ColumnElement[bool]:
    found = _column(column)
    beyond = (found > latest) & (found < NEVER)
    if column == Column("file", "due_at"):
        return (file.c.state == "due") & beyond
    if column == Column("recording", "overdue_at"):  # what a provider said stays
        return beyond & (recording.c.settles.is_(None) | (recording.c.settles != found))
    if column.table == "milestone":
        return beyond & (milestone.c.name == SCRUB)
    return beyond


SCRUB = "scrub"
"""The moment at which the archive is read on; other milestones are history."""


def _column(column: Column) -> KeyedColumnElement[datetime]:
    return metadata.tables[column.table].c[column.name]


def _warned_early(now: datetime) -> ColumnElement[bool]:
    """Return whether a deadline was pointed out that is not near."""
    return (recording.c.warned > 0) & (recording.c.deadline > now + AT_RISK + TOLERANCE)


def _moved_by_time(connection: Connection, now: datetime) -> list[int]:
    """Return recordings whose state may have followed from a wrong time."""
    ahead = or_(recording.c.settles > now, recording.c.overdue_at > now)
    query = select(recording.c.row).where(ahead | recording.c.moves_at.is_not(None))
    return list(connection.execute(query).scalars())
