"""Take over what an archive holds into a catalog that is new."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.standing import restate
from reelkeep.catalog.tables import NEVER, file, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.manifest import Entry, Manifest
from reelkeep.core.model import Readiness
from reelkeep.core.naming import key
from reelkeep.ports import Clock, Report


class Found(Protocol):
    """One recording's folder, read again from disk."""

    @property
    def folder(self) -> str: ...
    @property
    def manifest(self) -> Manifest | None: ...
    @property
    def matching(self) -> Sequence[Entry]:
        """Files whose bytes were read, and are those of the manifest."""
        ...

    @property
    def refused(self) -> Sequence[Entry]:
        """Files that are missing or altered; they are fetched again."""
        ...


async def adopt(
    database: Database, folders: AsyncIterator[Found], *, clock: Clock, report: Report
) -> None:
    """Enter every recording of `folders`; files that match their digests are never fetched again.

    Only bytes that were read again are believed. What the provider knows of a recording is not:
    it is told again, which is harmless.
    """
    recordings = files = refused = 0
    async for found in folders:
        manifest = found.manifest
        if manifest is None or not found.matching:
            refused += len(found.refused)
            continue
        folder, matching, now = found.folder, found.matching, clock()
        work = partial(_enter, manifest=manifest, folder=folder, matching=matching, now=now)
        fresh = await database.write(work)
        recordings += fresh
        files += len(matching) if fresh else 0
        refused += len(found.refused)
    if recordings or refused:
        report("archive.adopted", recordings=recordings, files=files, refused=refused)


def _enter(
    connection: Connection,
    *,
    manifest: Manifest,
    folder: str,
    matching: Sequence[Entry],
    now: datetime,
) -> bool:
    mine = (recording.c.provider == manifest.provider) & (recording.c.id == manifest.id)
    if connection.execute(select(recording.c.row).where(mine)).first() is not None:
        return False  # two folders of one recording: the first stays, nothing is lost
    statement = insert(recording).values(_row(manifest, folder, now)).returning(recording.c.row)
    number = connection.execute(statement).scalar_one()
    connection.execute(insert(file), [_file(number, entry) for entry in matching])
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
        "started": manifest.started,
        "duration": seconds,
        "deadline": NEVER,
        "facts": dict(manifest.facts),
        "folder": folder,
        "revision": 1,
        "published": 1,
        "first_seen": manifest.first_seen or now,
    }


def _file(row: int, entry: Entry) -> dict[str, Any]:
    return {
        "recording": row,
        "id": entry.id,
        "name": entry.name,
        "file_type": entry.file_type,
        "recording_type": entry.recording_type,
        "promised": entry.promised,
        "state": FileState.STORED.value,
        "size": entry.size,
        "sha256": entry.sha256,
        "verified": entry.verified,
        "source": entry.source,
        "stored_at": entry.stored_at,
    }
