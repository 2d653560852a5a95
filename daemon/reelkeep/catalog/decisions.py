"""What an operator decides about files and recordings: retry, waive, accept, tell again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    select,
    update,
)

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import Step, announce, restate, revise
from reelkeep.catalog.tables import (
    FRESH,
    chunks,
    file,
    recording,
    write_rows,
)
from reelkeep.core.lifecycle import ACCEPTABLE, RETRIABLE, FileState, RecordingState, sources
from reelkeep.core.model import ANY_BYTES, Readiness
from reelkeep.ports import Clock, Report


class OperatorDecisions:
    """Writes decisions of an operator into the catalog; whoever works in the archive obeys them."""

    def __init__(self, database: Database, clock: Clock, report: Report) -> None:
        self._database = database
        self._clock = clock
        self._report = report

    async def retry(self, files: Sequence[int]) -> int:
        """Make files due now, with all attempts: also those that wait; return how many.

        So is what is unavailable and has an address. What has none stays so, and its provider is
        asked for the recording at the next poll.
        """
        await self._ask_for(files)
        allowed = RETRIABLE | {FileState.DUE}
        return await self._move(files, allowed, {"state": FileState.DUE, "reason": None, **FRESH})

    async def tell_again(self, rows: Sequence[int]) -> int:
        """Have the providers of recordings told now that refused that before; return how many."""
        put_off = recording.c.row.in_(rows) & recording.c.acknowledge_after.is_not(None)
        mine = put_off & (recording.c.state == RecordingState.ARCHIVED)
        change = update(recording).where(mine).values(acknowledge_after=None)
        return await self._database.write(lambda c: c.execute(change).rowcount)

    async def _ask_for(self, files: Sequence[int]) -> None:
        """Move what no attempt can bring; see that the provider is asked for it."""
        unreachable = file.c.obstacle.is_not(None) & file.c.addressed.is_(False)
        now = self._clock()

        def work(connection: Connection) -> list[Step]:
            touched = set[int]()
            for some in chunks(set(files)):
                known = file.c.row.in_(some)
                waived = known & unreachable & (file.c.state == FileState.WAIVED)
                missed = known & (file.c.state == FileState.UNAVAILABLE)
                mine = connection.execute(select(file.c.recording).where(waived | missed))
                touched |= set(mine.scalars())
                again = {**FRESH, "state": FileState.UNAVAILABLE, "reason": file.c.obstacle}
                connection.execute(update(file).where(waived).values(again))
                due = {**FRESH, "state": FileState.DUE, "reason": None}
                addressed = missed & file.c.addressed.is_(True)
                connection.execute(update(file).where(addressed).values(due))
            rows = [{"row": row, "reviewed_at": None} for row in touched]
            write_rows(connection, recording, rows)
            revise(connection, touched)
            return restate(connection, touched, now)

        announce(self._report, await self._database.write(work))

    async def accept(self, row: int, sha256: str | None) -> int:
        """Accept bytes with this digest as the file `row`, or else what is fetched next.

        It is due again, and whoever works in the archive stores it. Return how many files changed.
        """
        values = {
            "state": FileState.DUE, "due_at": None, "attempts": 0, "tries": 0,
            "accepts": sha256 or ANY_BYTES,
        }  # fmt: skip
        count = await self._move([row], ACCEPTABLE, values)
        if count:
            which = await self._database.read(lambda c: _which(c, row))
            self._report("file.acceptance_requested", **which, sha256=sha256)
        return count

    async def waive(self, files: Sequence[int]) -> int:
        """Accept that the files `files` will never come; return how many are waived now."""
        values = {"state": FileState.WAIVED, "reason": "waived by the operator", "due_at": None}
        return await self._move(files, sources(FileState.WAIVED), values)

    async def waive_unfinished(self, row: int) -> int:
        """Accept that the provider never finishes files of the recording `row`; return how many.

        One stands for a recording of which nothing was ever said. Only of a recording that is
        incomplete for it. The fingerprint stays: the same listing changes nothing, while another
        brings back what it announces.
        """
        now = self._clock()

        def work(connection: Connection) -> tuple[int, list[Step]]:
            late = (
                (recording.c.row == row)
                & (recording.c.state == RecordingState.INCOMPLETE)
                & (
                    (recording.c.unfinished > 0)
                    | (recording.c.readiness != Readiness.READY.value)
                    | recording.c.described.is_(False)
                )
                & (recording.c.overdue_at <= now)
            )
            announced = connection.execute(select(recording.c.unfinished).where(late)).scalar()
            if announced is None:
                return 0, []
            done = {"unfinished": 0, "readiness": Readiness.READY.value, "described": True}
            connection.execute(update(recording).where(late).values(done))
            revise(connection, [row])
            return max(announced, 1), restate(connection, [row], now)

        count, steps = await self._database.write(work)
        announce(self._report, steps)
        return count

    async def _move(
        self, files: Sequence[int], allowed: Collection[FileState], values: Mapping[str, Any]
    ) -> int:
        now = self._clock()

        def work(connection: Connection) -> tuple[int, list[Step]]:
            moved, touched = 0, set[int]()
            for some in chunks(set(files)):
                movable = file.c.row.in_(some) & file.c.state.in_(allowed)
                rows = select(file.c.recording).where(movable)
                touched |= set(connection.execute(rows).scalars())
                moved += connection.execute(update(file).where(movable).values(values)).rowcount
            revise(connection, touched)
            return moved, restate(connection, touched, now)

        moved, steps = await self._database.write(work)
        announce(self._report, steps)
        return moved


def _which(connection: Connection, row: int) -> dict[str, Any]:
    """Return how events name the file `row`, and why it failed."""
    query = (
        select(recording.c.provider, recording.c.id.label("recording"), file.c.name.label("file"))
        .add_columns(file.c.reason.label("code"))
        .join_from(file, recording, recording.c.row == file.c.recording)
        .where(file.c.row == row)
    )
    return dict(connection.execute(query).mappings().one())
