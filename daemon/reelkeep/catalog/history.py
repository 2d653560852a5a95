"""Say what the catalog knows of the way in which files came."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import chunks
from reelkeep.catalog.tables import ADOPTED, attempt, milestone


async def attempted(database: Database, rows: Iterable[int]) -> frozenset[int]:
    """Return those of the files `rows` at which an attempt has failed, ever."""

    def work(connection: Connection) -> frozenset[int]:
        found: set[int] = set()
        for some in chunks(rows):
            query = select(attempt.c.file).where(attempt.c.file.in_(some)).distinct()
            found |= set(connection.execute(query).scalars())
        return frozenset(found)

    return await database.read(work)


async def adopted_at(database: Database) -> datetime | None:
    """Return when the catalog took over what the archive held; None: it never did."""
    query = select(milestone.c.at).where(milestone.c.name == ADOPTED)
    return await database.read(lambda connection: connection.execute(query).scalar())
