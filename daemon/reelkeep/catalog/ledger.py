"""Record what became of downloads, and which folders are durable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from reelkeep.catalog.announce import announce
from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import all_of_recording, chunks, holdings, write_rows
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import attempt, file, recording
from reelkeep.core.lifecycle import FINAL, FileState
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
        held, steps = await self._database.write(lambda c: _record(c, stored, verdicts, now))
        for good in stored:
            if good.download.row in held:
                self._say_stored(good)
        for failed, verdict in verdicts:
            if failed.download.row in held:
                self._say_failed(failed, verdict, now)
        announce(self._report, steps)

    async def publishable(self, limit: int) -> Sequence[Holding]:
        """Return recordings whose folder or manifest is behind what is stored."""
        behind = all_of_recording().where(recording.c.behind.is_(True))
        query = behind.order_by(recording.c.row).limit(limit)
        return await self._database.read(lambda c: holdings(c, query))

    async def published(self, done: Sequence[tuple[Holding, str]]) -> None:
        """Commit the folders that are durable now, each for the holding it was made from."""
        now = self._clock()

        def work(connection: Connection) -> list[Step]:
            rows = [
                {"row": holding.row, "folder": folder, "published": holding.revision}
                for holding, folder in done
            ]
            write_rows(connection, recording, rows)
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
) -> tuple[set[int], list[Step]]:
    """Write outcomes; return the files that were ours to write, and what they changed.

    What the operator did to a file meanwhile is not undone.
    """
    rows = [each.download.row for each in stored] + [each.download.row for each, _ in verdicts]
    recordings = _active(connection, rows)
    good = [each for each in stored if each.download.row in recordings]
    bad = [each for each in verdicts if each[0].download.row in recordings]
    write_rows(connection, file, [_stored_row(each, now) for each in good])
    write_rows(connection, file, [_failed_row(*each) for each in bad])
    history = [_attempt_row(*each, now) for each in bad if each[1].counted]
    if history:
        connection.execute(insert(attempt), history)
    final = [each.download.row for each in good]
    final += [failed.download.row for failed, verdict in bad if verdict.state in FINAL]
    touched = {recordings[row] for row in final}
    revise(connection, touched)
    return set(recordings), restate(connection, touched, now)


def _active(connection: Connection, files: Sequence[int]) -> dict[int, int]:
    """Return, of those among `files` that we hold, the recordings they belong to."""
    found: dict[int, int] = {}
    for some in chunks(files):
        query = select(file.c.row, file.c.recording).where(
            file.c.row.in_(some), file.c.state == FileState.ACTIVE
        )
        found |= {row.row: row.recording for row in connection.execute(query.with_for_update())}
    return found


def _stored_row(stored: Stored, now: datetime) -> dict[str, Any]:
    return {
        "row": stored.download.row,
        "state": FileState.STORED.value,
        "due_at": None,
        "attempts": 0,
        "reason": None,
        "detail": None,
        "size": stored.size,
        "sha256": stored.sha256,
        "verified": stored.verified.value,
        "source": stored.source,
        "stored_at": now,
    }


def _failed_row(failed: Failed, verdict: Verdict) -> dict[str, Any]:
    return {
        "row": failed.download.row,
        "state": verdict.state.value,
        "due_at": verdict.due_at,
        "attempts": verdict.attempts,
        "tries": verdict.tries,
        "reason": verdict.code,
        "detail": describe(failed.error),
    }


def _attempt_row(failed: Failed, verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "file": failed.download.row,
        "at": now,
        "code": verdict.code,
        "detail": describe(failed.error),
    }


def _sweep(connection: Connection, now: datetime) -> list[Step]:
    query = select(recording.c.row).where(recording.c.moves_at <= now).limit(SWEEP)
    return restate(connection, connection.execute(query).scalars(), now)
