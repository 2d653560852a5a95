"""Recordings of which something is unavailable: when their provider is asked again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from reelkeep.catalog.rows import FRESH, chunks, write_rows
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import FileId, ProviderName, RecordingId
from reelkeep.ports import Missed

MOST = 2000
"""Recordings that are looked at in one poll."""

_ABSENT = "the provider has it no longer: neither among its recordings nor in its trash"


def missed(connection: Connection, name: ProviderName) -> list[Missed]:
    """Return recordings with unavailable files, those longest not asked for first.

    Files whose address was tried are left out: they wait for an operator, or a changed listing.
    """
    rows = connection.execute(
        select(recording.c.row, recording.c.id, recording.c.reviewed_at, file.c.id.label("file"))
        .join(file, file.c.recording == recording.c.row)
        .where(recording.c.provider == name, file.c.state == FileState.UNAVAILABLE)
        .where(file.c.tries == 0)
        .order_by(recording.c.reviewed_at.is_not(None), recording.c.reviewed_at, recording.c.row)
        .limit(MOST)
    ).mappings()
    found: dict[int, tuple[RecordingId, bool, set[FileId]]] = {}
    for row in rows:
        id_, is_new = RecordingId(row["id"]), row["reviewed_at"] is None
        found.setdefault(row["row"], (id_, is_new, set()))[2].add(FileId(row["file"]))
    return [
        Missed(recording=id_, files=frozenset(files), asked=not is_new)
        for id_, is_new, files in found.values()
    ]


def note_asked(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    """Note that the provider was asked for the recordings `rows`."""
    write_rows(connection, recording, [{"row": row, "reviewed_at": now} for row in rows])


def vanish(
    connection: Connection, rows: Sequence[int], now: datetime
) -> tuple[list[tuple[int, str]], list[Step]]:
    """Mark what was unavailable of the recordings `rows` as gone; return those files."""
    lost: list[tuple[int, str]] = []
    values: dict[str, Any] = {
        **FRESH, "state": FileState.GONE.value, "reason": "not_found", "detail": _ABSENT,
    }  # fmt: skip
    for some in chunks(rows):
        mine = file.c.recording.in_(some) & (file.c.state == FileState.UNAVAILABLE)
        found = connection.execute(select(file.c.recording, file.c.name).where(mine))
        lost += [(row.recording, row.name) for row in found]
        connection.execute(update(file).where(mine).values(values))
    revise(connection, [row for row, _ in lost])
    return lost, restate(connection, rows, now)
