"""Recordings as CSV: one line a file, for spreadsheets and databases."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reelkeep.telemetry.text import visible

_OF_RECORDING = {
    "provider": "provider", "recording": "id", "key": "key", "state": "state", "title": "title",
    "user": "user", "started": "started", "duration_seconds": "duration_seconds",
    "first_seen": "first_seen", "archived_at": "archived_at",
    "acknowledged_at": "acknowledged_at", "folder": "folder",
}  # fmt: skip
_OF_FILE = {
    "file": "name", "file_id": "id", "file_state": "state", "file_type": "file_type",
    "recording_type": "recording_type", "promised_bytes": "promised_bytes", "bytes": "bytes",
    "sha256": "sha256", "verified": "verified", "source": "source", "stored_at": "stored_at",
    "checked_at": "checked_at", "damage": "damage", "code": "code", "reason": "reason",
    "path": "path", "facts": "facts",
}  # fmt: skip
# of the recording; behind all others, whose places stay
_ADDED = {"number": "number", "session_key": "session_key"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(found: Mapping[str, Any]) -> str:
    """Return a line for each file of a recording, as `facts.recording` gives it.

    A recording without files has one line. What a spreadsheet would take for a formula gets an
    apostrophe before it: the text is a provider's, and may be an attacker's.
    """
    files = found["files"] or [{}]
    mine = [found[key] for key in _OF_RECORDING.values()]
    added = [found[key] for key in _ADDED.values()]
    return "".join(
        _line([*mine, *(file.get(key) for key in _OF_FILE.values()), *added]) for file in files
    )


def _line(values: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([_cell(value) for value in values])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    if not isinstance(value, str):
        return value
    return visible(f"'{value}" if value.startswith(_FORMULA) else value)


HEAD = _line([*_OF_RECORDING, *_OF_FILE, *_ADDED])
"""The first line: what each column holds."""
