"""Record what became of downloads, and which folders are durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import Step, announce, restate, revise
from reelkeep.catalog.tables import (
    FRESH,
    all_of_recording,
    attempt,
    chunks,
    file,
    holdings,
    recording,
    write_rows,
)
from reelkeep.core.lifecycle import FINAL, UNSETTLED, FileState
from reelkeep.core.model import Download, Failed, HeldFile, Holding, Outcome, Stored
from reelkeep.core.retry import Policy, Verdict, judge
from reelkeep.core.text import describe_error, storable
from reelkeep.core.unavailable import EXPLANATIONS
from reelkeep.ports import Clean, Clock, Report, Rng

SWEEP = 1000
"""Recordings moved on by one sweep; the rest follow in the next."""

_ACTIVE = (
    select(file.c.row, file.c.recording)
    .where(
        file.c.row.in_(bindparam("rows", expanding=True)),
        file.c.state == FileState.ACTIVE,
    )
    .with_for_update()
)
_BEHIND = (
    all_of_recording()
    .where(recording.c.behind.is_(True))
    .order_by(recording.c.row)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class _FailedAttempt:
    """A failed attempt, what follows from it, and what is told of it."""

    download: Download
    verdict: Verdict
    detail: str
    seen: str | None  #: SHA-256 of the last bytes that came whole and were not believed.
    distrusted: bool


class SqlLedger:
    """See `ports.Ledger`. `clean` takes secrets out of what is kept of errors.

    `policy`, how patient it is with files that fail, may be replaced at any time.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Policy,
        clock: Clock,
        rng: Rng,
        report: Report,
        clean: Clean = str,
    ) -> None:
        self._database = database
        self.policy = policy
        self._clock = clock
        self._rng = rng
        self._report = report
        self._clean = clean

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        """Commit `outcomes` in one transaction; report each once it is durable."""
        now = self._clock()
        mishaps = [self._mishap(failed, now) for failed in outcomes if isinstance(failed, Failed)]
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        held, steps = await self._database.write(lambda c: _record(c, stored, mishaps, now))
        for good in stored:
            if good.download.row in held:
                self._say_stored(good)
        for mishap in mishaps:
            if mishap.download.row in held:
                self._say_failed(mishap, now)
        announce(self._report, steps)

    async def publishable(self, limit: int) -> Sequence[Holding]:
        """Return recordings whose folder or manifest is behind what is stored."""
        return await self._database.read(lambda c: holdings(c, _BEHIND, {"most": limit}))

    async def reclaimed(self, holding: Holding, files: Sequence[HeldFile]) -> None:
        """Commit that `files` of `holding`, wanted until now, are stored, in its folder."""
        now = self._clock()
        held, steps = await self._database.write(lambda c: _reclaim(c, holding.row, files, now))
        for each in held:
            self._report(
                "file.intact",
                provider=holding.provider,
                recording=holding.id,
                file=each.name,
                folder=holding.folder,
            )
        announce(self._report, steps)

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

    def _mishap(self, failed: Failed, now: datetime) -> _FailedAttempt:
        verdict = judge(failed, now=now, policy=self.policy, rng=self._rng())
        seen = failed.sha256 or failed.download.seen
        detail = storable(self._clean(_detail(failed, verdict)))
        return _FailedAttempt(failed.download, verdict, detail, seen, failed.distrusted)

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
        if stored.note is not None:
            self._report(
                "file.accepted",
                provider=stored.download.provider,
                recording=stored.download.recording,
                file=stored.download.name,
                code=stored.reason,
                reason=stored.note,
                verified=stored.verified.value,
                sha256=stored.sha256,
            )

    def _say_failed(self, mishap: _FailedAttempt, now: datetime) -> None:
        download, verdict = mishap.download, mishap.verdict
        common: dict[str, Any] = {
            "provider": download.provider,
            "recording": download.recording,
            "file": download.name,
        }
        if verdict.state is FileState.GONE:
            self._report("recording.vanished", **common)
        elif verdict.state is FileState.UNAVAILABLE:
            self._report("file.unavailable", **common, code=verdict.code, reason=mishap.detail)
        elif verdict.state is FileState.FAILED:
            self._report(
                "file.failed",
                **common,
                code=verdict.code,
                reason=mishap.detail,
                attempt=verdict.tries,
            )
        elif verdict.overdue:
            self._report(
                "file.overdue",
                **common,
                code=verdict.code,
                reason=mishap.detail,
                since=verdict.waits_since,
            )
        elif verdict.counted and verdict.due_at is not None:
            self._report(
                "file.retry",
                **common,
                code=verdict.code,
                reason=mishap.detail,
                attempt=verdict.tries,
                delay=round((verdict.due_at - now).total_seconds(), 3),
            )


def _detail(failed: Failed, verdict: Verdict) -> str:
    """Return in a sentence why the file is not here; with an obstacle, that first."""
    said = describe_error(failed.error)
    obstacle = failed.download.obstacle
    if verdict.state is not FileState.UNAVAILABLE or obstacle is None:
        return said
    return f"{EXPLANATIONS[obstacle]}; its download address came to nothing: {said}"


def _record(
    connection: Connection,
    stored: Sequence[Stored],
    mishaps: Sequence[_FailedAttempt],
    now: datetime,
) -> tuple[set[int], list[Step]]:
    """Write outcomes; return the files that were ours to write, and what they changed.

    What the operator did to a file meanwhile is not undone.
    """
    rows = [each.download.row for each in stored] + [each.download.row for each in mishaps]
    recordings = _active(connection, rows)
    good = [each for each in stored if each.download.row in recordings]
    bad = [each for each in mishaps if each.download.row in recordings]
    write_rows(connection, file, [_stored_row(each, now) for each in good])
    write_rows(connection, file, [_failed_row(each) for each in bad])
    history = [_attempt_row(each, now) for each in bad if each.verdict.counted]
    if history:
        connection.execute(insert(attempt), history)
    final = [each.download.row for each in good]
    final += [each.download.row for each in bad if each.verdict.state in FINAL]
    touched = {recordings[row] for row in final}
    revise(connection, touched)
    return set(recordings), restate(connection, touched, now)


def _reclaim(
    connection: Connection, row: int, files: Sequence[HeldFile], now: datetime
) -> tuple[list[HeldFile], list[Step]]:
    """Write that `files` are stored again; return those that were wanted, and what follows."""
    mine = select(file.c.row).where(file.c.recording == row, file.c.state.in_(UNSETTLED))
    wanted = set(connection.execute(mine).scalars())
    held = [each for each in files if each.row in wanted]
    write_rows(connection, file, [_reclaimed_row(each, now) for each in held])
    revise(connection, [row])
    return held, restate(connection, [row], now)


def _reclaimed_row(held: HeldFile, now: datetime) -> dict[str, Any]:
    return {
        "row": held.row,
        **FRESH,
        "state": FileState.STORED.value,
        "due_at": None,
        "reason": held.reason,
        "detail": held.detail,
        "size": held.size,
        "sha256": held.sha256,
        "verified": held.verified,
        "source": held.source,
        "stored_at": held.stored_at or now,
        "checked_at": now,
        "fault": None,
    }


def _active(connection: Connection, files: Sequence[int]) -> dict[int, int]:
    """Return, of those among `files` that we hold, the recordings they belong to."""
    found: dict[int, int] = {}
    for some in chunks(files):
        rows = connection.execute(_ACTIVE, {"rows": some})
        found |= {row.row: row.recording for row in rows}
    return found


def _noted(stored: Stored) -> str | None:
    """Return what is kept of a stored file beside its digest: a label alone is no warning."""
    label = stored.label and f"its host labels it as {stored.label}, which is no encoding"
    return "; ".join(filter(None, (stored.note, label))) or None


def _stored_row(stored: Stored, now: datetime) -> dict[str, Any]:
    return {
        "row": stored.download.row,
        "state": FileState.STORED.value,
        "due_at": None,
        "attempts": 0,
        "waits": 0,
        "waits_since": None,
        "reason": stored.reason,
        "detail": _noted(stored),
        "seen": None,
        "accepts": None,
        "distrusted": False,
        "size": stored.size,
        "sha256": stored.sha256,
        "verified": stored.verified.value,
        "source": stored.source,
        "stored_at": now,
        "checked_at": now,
        "fault": None,
    }


def _failed_row(mishap: _FailedAttempt) -> dict[str, Any]:
    verdict = mishap.verdict
    return {
        "row": mishap.download.row,
        "state": verdict.state.value,
        "due_at": verdict.due_at,
        "attempts": verdict.attempts,
        "tries": verdict.tries,
        "waits": verdict.waits,
        "waits_since": verdict.waits_since,
        "reason": verdict.code,
        "detail": mishap.detail,
        "seen": mishap.seen,
        "distrusted": mishap.distrusted,
    }


def _attempt_row(mishap: _FailedAttempt, now: datetime) -> dict[str, Any]:
    return {
        "file": mishap.download.row,
        "at": now,
        "code": mishap.verdict.code,
        "detail": mishap.detail,
    }


def _sweep(connection: Connection, now: datetime) -> list[Step]:
    query = select(recording.c.row).where(recording.c.moves_at <= now).limit(SWEEP)
    return restate(connection, connection.execute(query).scalars(), now)
