"""Know in the catalog which archive it belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import all_of_recording, holdings
from reelkeep.catalog.tables import file, milestone, recording
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding

ARCHIVE = "archive:"
"""What the name of the milestone begins with that holds the identity: a catalog has one at most."""

_MINE = milestone.c.name.startswith(ARCHIVE, autoescape=True)


async def archive_identity(database: Database) -> str | None:
    """Return the identity of the archive that the catalog belongs to, None if it knows none."""
    name = await database.read(lambda c: c.execute(select(milestone.c.name).where(_MINE)).scalar())
    return None if name is None else str(name).removeprefix(ARCHIVE)


async def keep_archive_identity(database: Database, identity: str, now: datetime) -> None:
    """Let the catalog belong to the archive with `identity`, and to no other."""

    def work(connection: Connection) -> None:
        connection.execute(delete(milestone).where(_MINE))
        connection.execute(insert(milestone).values(name=f"{ARCHIVE}{identity}", at=now))

    await database.write(work)


async def newest_published(database: Database, limit: int) -> list[Holding]:
    """Return up to `limit` recordings with stored files in a folder, the newest first."""
    stored = select(file.c.recording).where(file.c.state == FileState.STORED)
    query = all_of_recording().where(recording.c.row.in_(stored), recording.c.folder.is_not(None))
    query = query.order_by(recording.c.row.desc()).limit(limit)
    return await database.read(lambda c: holdings(c, query))


async def first_stored(database: Database, limit: int) -> list[Holding]:
    """Return up to `limit` recordings with stored files, those that were known first."""
    stored = select(file.c.recording).where(file.c.state == FileState.STORED)
    query = all_of_recording().where(recording.c.row.in_(stored))
    query = query.order_by(recording.c.row).limit(limit)
    return await database.read(lambda c: holdings(c, query))
