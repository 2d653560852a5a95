"""Take over what an archive holds into a catalog that is new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import restate
from reelkeep.catalog.tables import ADOPTED, NEVER, file, milestone, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.manifest import Entry, Manifest
from reelkeep.core.model import Readiness
from reelkeep.core.naming import key
from reelkeep.core.unavailable import EXPLANATIONS, NOT_WANTED, read_obstacle
from reelkeep.ports import Clock, Report


class Found(Protocol):
    """One recording's folder, read again from disk."""

    @property
    def folder(self) -> str: ...
    @property
    def manifest(self) -> Manifest | None:
        """What the folder says of itself, None if it cannot be read."""
        ...

    @property
    def matching(self) -> Sequence[Entry]:
        """Files whose bytes were read, and are those of the manifest."""
        ...

    @property
    def refused(self) -> Sequence[Entry]:
        """Files that are missing or altered; they are fetched again."""
        ...

    @property
    def reason(self) -> str | None:
        """Why the manifest cannot be read."""
        ...


@dataclass(slots=True)
class _Tally:
    recordings: int = 0
    files: int = 0
    refused: int = 0


class Hear(Protocol):
    """Hears what became of each folder: whether it is its recording's now."""

    def __call__(self, found: Found, /, *, taken: bool) -> None: ...


def _unheard(_found: Found, /, *, taken: bool) -> None:
    """Leave it at the log's line."""


async def adopt(
    database: Database,
    folders: AsyncIterator[Found],
    *,
    clock: Clock,
    report: Report,
    hear: Hear = _unheard,
) -> None:
    """Enter every recording of `folders`; files that match their digests are never fetched again.

    Only bytes that were read again are believed; a stored file whose bytes are not those of the
    manifest is due. What else the manifest says stays, so that names and an operator's decisions
    do. What the provider knows is not believed: it is asked and told again.
    Being cut short is harmless: the next start begins again with what is missing.
    """
    tally, bare = _Tally(), list[Found]()
    async for found in folders:
        if found.manifest is None:
            tally.refused += 1
            report("archive.folder_refused", folder=found.folder, reason=found.reason)
            hear(found, taken=False)
        elif found.matching:
            hear(found, taken=await _adopt(database, found, clock(), tally))
        else:
            bare.append(found)
    for found in bare:  # a copy of the recording that does hold something came first
        hear(found, taken=await _adopt(database, found, clock(), tally))
    await database.write(lambda c: _finish(c, clock()))
    if tally.recordings or tally.refused:
        report("archive.adopted", **asdict(tally))


async def _adopt(database: Database, found: Found, now: datetime, tally: _Tally) -> bool:
    """Enter one recording, unless it is known; of a copied folder the first stays."""
    if taken := await database.write(lambda c: _enter(c, found, now)):
        tally.recordings += 1
        tally.files += len(found.matching)
        tally.refused += len(found.refused)
    return taken


def _finish(connection: Connection, now: datetime) -> None:
    mine = milestone.c.name == ADOPTED
    if connection.execute(select(milestone).where(mine)).first() is None:
        connection.execute(insert(milestone).values(name=ADOPTED, at=now))


def _enter(connection: Connection, found: Found, now: datetime) -> bool:
    manifest = found.manifest
    if manifest is None:
        return False
    mine = (recording.c.provider == manifest.provider) & (recording.c.id == manifest.id)
    if connection.execute(select(recording.c.row).where(mine)).first() is not None:
        return False
    statement = insert(recording).values(_row(manifest, found.folder, now))
    number = connection.execute(statement.returning(recording.c.row)).scalar_one()
    believed = {entry.name for entry in found.matching}
    files = [
        _file(number, entry, now if entry.name in believed else None) for entry in manifest.files
    ]
    if files:
        connection.execute(insert(file), files)
    restate(connection, [number], now)
    return True


def _row(manifest: Manifest, folder: str, now: datetime) -> dict[str, Any]:
    seconds = None if manifest.duration is None else manifest.duration.total_seconds()
    return {
        "provider": manifest.provider,
        "id": manifest.id,
        "key": key(manifest.provider, manifest.id),
        "state": RecordingState.OPEN.value,
        "readiness": Readiness.READY.value,
        "described": True,
        "title": manifest.title,
        "user": manifest.user,
        "meeting_id": manifest.number,
        "session_key": _text(manifest.facts.get("session_key")),
        "started": manifest.started,
        "duration": seconds,
        "deadline": NEVER,
        "facts": dict(manifest.facts),
        "folder": folder,
        "revision": 1,
        "published": 1,
        "first_seen": manifest.first_seen or now,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _file(row: int, entry: Entry, read_at: datetime | None) -> dict[str, Any]:
    known = {
        "recording": row,
        "id": entry.id,
        "name": entry.name,
        "file_type": entry.file_type,
        "recording_type": entry.recording_type,
        "promised": entry.promised,
        "facts": dict(entry.facts) or None,
    }
    if read_at is not None:
        return known | _stored(entry, read_at)
    state = FileState(entry.state)
    if state in (FileState.DUE, FileState.ACTIVE, FileState.STORED):
        return known | _lacking(FileState.DUE, None, None)
    return known | _lacking(state, entry.reason, entry.detail)


def _stored(entry: Entry, read_at: datetime) -> dict[str, Any]:
    return {
        **_lacking(FileState.STORED, entry.reason, entry.detail),
        "size": entry.size,
        "sha256": entry.sha256,
        "verified": entry.verified,
        "source": entry.source,
        "stored_at": entry.stored_at,
        "checked_at": read_at,
    }


def _lacking(state: FileState, reason: str | None, detail: str | None) -> dict[str, Any]:
    obstacle = None
    if state in (FileState.SKIPPED, FileState.UNAVAILABLE):
        obstacle = read_obstacle(reason)
    if obstacle is not None and obstacle not in NOT_WANTED and state is FileState.SKIPPED:
        # so it was written before there was a state for it
        state, reason, detail = FileState.UNAVAILABLE, obstacle.value, EXPLANATIONS[obstacle]
    return {
        "state": state.value,
        "reason": reason,
        "detail": detail,
        "obstacle": None if obstacle is None else obstacle.value,
        **dict.fromkeys(("size", "sha256", "verified", "source", "stored_at", "checked_at")),
    }
