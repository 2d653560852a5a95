"""Note that a stored file has other bytes now: those that its provider gave twice."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, update

from reelkeep.catalog.announce import announce
from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import all_of_recording, holdings
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Holding
from reelkeep.ports import Clock, Report


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
