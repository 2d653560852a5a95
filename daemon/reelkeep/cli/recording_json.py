"""What the catalog knows of recordings, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelkeep.core.checksum_files import BAGIT, DATA

if TYPE_CHECKING:
    from reelkeep.catalog.operator import Attempt
    from reelkeep.core.model import HeldFile, Holding


def recording(holding: Holding, archive: Path) -> dict[str, Any]:
    """Return all that is known of a recording; `path` is that of its folder in `archive`."""
    path = None if holding.folder is None else archive / holding.folder
    files = _files(path)
    return {
        "provider": holding.provider,
        "id": holding.id,
        "key": holding.key,
        "state": holding.state,
        "title": holding.title,
        "user": holding.user,
        "number": holding.number,
        "session_key": holding.session_key,
        "started": _time(holding.started),
        "duration_seconds": None if holding.duration is None else holding.duration.total_seconds(),
        "deadline": _time(holding.deadline),
        "settles": _time(holding.settles),
        "first_seen": _time(holding.first_seen),
        "archived_at": _time(holding.archived_at),
        "acknowledged_at": _time(holding.acknowledged_at),
        "unfinished": holding.unfinished,
        "reason": holding.reason,
        "bytes": sum(file.size or 0 for file in holding.files),
        "folder": holding.folder,
        "path": None if path is None else str(path),
        "files": [_file(file, files) for file in holding.files],
    }


def _files(folder: Path | None) -> Path | None:
    """Return where the files of a folder lie: in a bag it is deeper."""
    is_bag = folder is not None and (folder / BAGIT).exists()
    return folder / DATA if folder is not None and is_bag else folder


def with_attempts(
    found: dict[str, Any], holding: Holding, attempts: dict[int, list[Attempt]]
) -> dict[str, Any]:
    """Return what `recording` found, each file with its failed attempts."""
    files = [
        shown | {"attempts": _attempts(attempts.get(file.row, []))}
        for shown, file in zip(found["files"], holding.files, strict=True)
    ]
    return found | {"files": files}


def _file(file: HeldFile, folder: Path | None) -> dict[str, Any]:
    code, reason = _why(file)
    stored = file.state == "stored" and folder is not None
    return {
        "name": file.name,
        "id": file.id,
        "state": file.state,
        "file_type": file.file_type,
        "recording_type": file.recording_type,
        "promised_bytes": file.promised,
        "bytes": file.size,
        "sha256": file.sha256,
        "verified": file.verified,
        "source": file.source,
        "stored_at": _time(file.stored_at),
        "checked_at": _time(file.checked_at),
        "damage": file.fault,
        "due_at": _time(file.due_at),
        "tries": file.tries,
        "code": code,
        "reason": reason,
        "path": str(folder / file.name) if stored and folder is not None else None,
        "facts": file.facts or {},
    }


def _why(file: HeldFile) -> tuple[str | None, str | None]:
    """Return reason code and sentence; where it was decided not to fetch, there is no code."""
    if file.state in ("skipped", "waived"):
        return None, file.reason
    return file.reason, file.detail


def _attempts(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    return [{"at": _time(each.at), "code": each.code, "reason": each.detail} for each in attempts]


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
