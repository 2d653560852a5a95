"""Record what became of downloads, and which folders are durable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, insert, or_, select, update

from reelkeep.catalog.announce import announce
from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import all_of_recording, chunks, holdings
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import attempt, file, recording
from reelkeep.core.lifecycle import FINAL, FileState, RecordingState
from reelkeep.core.model import Failed, Holding, Outcome, Stored
from reelkeep.core.retry import Policy, Verdict, judge
from reelkeep.ports import Clock, Dice, Report

SWEEP = 1000
"""Recordings moved on by one sweep; the rest follow in the next."""


class SqlLedger:
    """See `ports.Ledger`."""

    def __init__(
        self, database: Database, *, policy: Policy, clock: Clock, dice: Dice, report: Report
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._dice = dice
        self._report = report

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        """Commit `outcomes` in one transaction; report each once it is durable."""
        now = self._clock()
        verdicts = [
            (failed, judge(failed, now=now, policy=self._policy, dice=self._dice()))
            for failed in outcomes
            if isinstance(failed, Failed)
        ]
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        steps = await self._database.write(lambda c: _record(c, stored, verdicts, now))
        for good in stored:
            self._say_stored(good)
        for failed, verdict in verdicts:
            self._say_failed(failed, verdict, now)
        announce(self._report, steps)

    async def publishable(self, limit: int) -> Sequence[Holding]:
        """Return recordings whose folder or manifest is behind what is stored."""
        pending = exists().where(
            file.c.recording == recording.c.row, file.c.state.not_in(list(FINAL))
        )
        stored = exists().where(
            file.c.recording == recording.c.row, file.c.state == FileState.STORED
        )
        query = (
            all_of_recording()
            .where(recording.c.revision > recording.c.published, stored, ~pending)
            .order_by(recording.c.row)
            .limit(limit)
        )
        return await self._database.read(lambda c: holdings(c, query))

    async def published(self, done: Sequence[tuple[Holding, str]]) -> None:
        """Commit the folders that are durable now, each for the holding it was made from."""
        now = self._clock()

        def work(connection: Connection) -> list[Step]:
            connection.execute(
                update(recording)
                .where(recording.c.row == bindparam("at"))
                .values(folder=bindparam("where"), published=bindparam("upto")),
                [{"at": h.row, "where": folder, "upto": h.revision} for h, folder in done],
            )
            return restate(connection, [holding.row for holding, _ in done], now)

        steps = await self._database.write(work)
        for holding, folder in done:
            self._report(
                "recording.published",
                provider=holding.provider,
                recording=holding.id,
                folder=folder,
                files=sum(held.state == FileState.STORED for held in holding.files),
            )
        announce(self._report, steps)

    async def sweep(self) -> None:
        """Move on what time alone moves on."""
        now = self._clock()
        steps = await self._database.write(lambda c: _sweep(c, now))
        announce(self._report, steps)

    def _say_stored(self, stored: Stored) -> None:
        self._report(
            "file.stored",
            provider=stored.download.provider,
            recording=stored.download.recording,
            file=stored.download.name,
            bytes=stored.size,
            seconds=round(stored.seconds, 3),
            sha256=stored.sha256,
            verified=stored.verified.value,
        )

    def _say_failed(self, failed: Failed, verdict: Verdict, now: datetime) -> None:
        common: dict[str, Any] = {
            "provider": failed.download.provider,
            "recording": failed.download.recording,
            "file": failed.download.name,
        }
        if verdict.state is FileState.GONE:
            self._report("recording.vanished", **common)
        elif verdict.state is FileState.FAILED:
            self._report(
                "file.failed",
                **common,
                code=verdict.code,
                reason=describe(failed.error),
                attempt=verdict.tries,
            )
        elif verdict.counted and verdict.due_at is not None:
            self._report(
                "file.retry",
                **common,
                code=verdict.code,
                reason=describe(failed.error),
                attempt=verdict.tries,
                delay=round((verdict.due_at - now).total_seconds(), 3),
            )


def describe(error: Exception) -> str:
    """Return `error` in a sentence; of a bug, its class too."""
    text = str(error) or type(error).__name__
    ours = type(error).__module__ == "reelkeep.errors"
    return text[:500] if ours else f"{type(error).__name__}: {text}"[:500]


def _record(
    connection: Connection,
    stored: Sequence[Stored],
    verdicts: Sequence[tuple[Failed, Verdict]],
    now: datetime,
) -> list[Step]:
    if stored:
        connection.execute(_claimed_file().values(_STORED), [_stored_row(s, now) for s in stored])
    if verdicts:
        connection.execute(_claimed_file().values(_FAILED), [_failed_row(*v) for v in verdicts])
        history = [_attempt_row(failed, verdict, now) for failed, verdict in verdicts]
        connection.execute(insert(attempt), history)
    final = [s.download.row for s in stored]
    final += [f.download.row for f, verdict in verdicts if verdict.state in FINAL]
    rows = _recordings_of(connection, final)
    revise(connection, rows)
    return restate(connection, rows, now)


def _claimed_file() -> Any:
    """A file that we hold: what the operator did to it meanwhile is not undone."""
    held = (file.c.row == bindparam("at")) & (file.c.state == FileState.ACTIVE)
    return update(file).where(held)


_STORED: dict[str, Any] = {
    "state": FileState.STORED.value,
    "due_at": None,
    "attempts": 0,
    "reason": None,
    "detail": None,
    **{
        name: bindparam(f"b_{name}")
        for name in ("size", "sha256", "verified", "source", "stored_at")
    },
}

_FAILED: dict[str, Any] = {
    name: bindparam(f"b_{name}")
    for name in ("state", "due_at", "attempts", "tries", "reason", "detail")
}


def _stored_row(stored: Stored, now: datetime) -> dict[str, Any]:
    return {
        "at": stored.download.row,
        "b_size": stored.size,
        "b_sha256": stored.sha256,
        "b_verified": stored.verified.value,
        "b_source": stored.source,
        "b_stored_at": now,
    }


def _failed_row(failed: Failed, verdict: Verdict) -> dict[str, Any]:
    return {
        "at": failed.download.row,
        "b_state": verdict.state.value,
        "b_due_at": verdict.due_at,
        "b_attempts": verdict.attempts,
        "b_tries": verdict.tries,
        "b_reason": verdict.code,
        "b_detail": describe(failed.error),
    }


def _attempt_row(failed: Failed, verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "file": failed.download.row,
        "at": now,
        "code": verdict.code,
        "detail": describe(failed.error),
    }


def _recordings_of(connection: Connection, files: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(files):
        query = select(file.c.recording).where(file.c.row.in_(some))
        found.update(connection.execute(query).scalars())
    return found


def _sweep(connection: Connection, now: datetime) -> list[Step]:
    pending = exists().where(file.c.recording == recording.c.row, file.c.state.not_in(list(FINAL)))
    settled = and_(
        recording.c.state == RecordingState.OPEN,
        recording.c.settles.is_(None) | (recording.c.settles <= now),
        ~pending,
    )
    overdue = and_(
        recording.c.state == RecordingState.WAITING,
        recording.c.overdue_at <= now,
    )
    query = select(recording.c.row).where(or_(settled, overdue)).limit(SWEEP)
    return restate(connection, connection.execute(query).scalars(), now)
