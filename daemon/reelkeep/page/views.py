"""Turn what the catalog says into what the templates show. Text of providers stays text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from reelkeep.catalog.browsing import FailedFiles, is_done
from reelkeep.catalog.operator import Attempt, Selection
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import HeldFile, Holding, Window
from reelkeep.core.poll_window import AHEAD, EPOCH
from reelkeep.core.quantities import meeting_number
from reelkeep.page.charts import DayCount

View = dict[str, Any]

STATES: Final = (*RecordingState, *FileState)
"""What recordings may be searched by."""

LEVELS: Final = ("debug", "info", "warning", "error")
"""Of the log, in order."""

VIDEO: Final = {"mp4": "video/mp4"}
AUDIO: Final = {"m4a": "audio/mp4"}
PICTURES: Final = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"}
CAPTIONS: Final = {"vtt": "text/vtt; charset=utf-8"}
INLINE: Final = {**VIDEO, **AUDIO, **PICTURES, **CAPTIONS}
"""By extension, what a browser may show; everything else is only downloaded."""

_MISSING: Final = frozenset({FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})
_PENDING: Final = frozenset({FileState.DUE, FileState.ACTIVE})


def extension(name: str) -> str:
    """Return the extension of a file's name, in lower case."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def mark_of_file(state: str) -> str:
    """Return the colour of a file's state."""
    if state == FileState.STORED:
        return "stored"
    if state in _MISSING:
        return "failed"
    return "pending" if state in _PENDING else "none"


def mark_of_recording(state: str) -> str:
    """Return the colour of a recording's state."""
    if is_done(state):
        return "stored"
    return "failed" if state == RecordingState.INCOMPLETE else "pending"


def day_counts(days: Mapping[date, Mapping[str, int]]) -> dict[date, DayCount]:
    """Return the counts of each day by colour, from those by state."""
    found: dict[date, DayCount] = {}
    for day, states in days.items():
        counts = {"stored": 0, "pending": 0, "failed": 0}
        for state, many in states.items():
            counts[mark_of_recording(state)] += many
        found[day] = DayCount(**counts)
    return found


def title_of(holding: Holding) -> str:
    """Return the title, or what stands for it."""
    return holding.title or holding.session_key or holding.number or holding.id


def summary(holding: Holding, base: str, *, media: bool) -> View:
    """Return a recording as lists show it."""
    stored = [file for file in holding.files if file.state == FileState.STORED]
    picture = next((file for file in stored if extension(file.name) in PICTURES), None)
    return {
        "key": holding.key,
        "title": title_of(holding),
        "state": holding.state,
        "mark": mark_of_recording(holding.state),
        "began": holding.started or holding.first_seen,
        "user": holding.user,
        "provider": holding.provider,
        "duration": holding.duration,
        "files": len(holding.files),
        "bytes": sum(file.size or 0 for file in stored),
        "thumbnail": media_path(base, holding, picture) if media and picture else None,
    }


def number_of(holding: Holding, file: HeldFile) -> int:
    """Return the number of a file in its recording, counted from 1; it never changes."""
    return holding.files.index(file) + 1


def media_path(base: str, holding: Holding, file: HeldFile) -> str:
    """Return where the bytes of a stored file are had."""
    return f"{base}media/{holding.key}/{number_of(holding, file)}"


def why(file: HeldFile) -> str:
    """Return why a file is not here, in a sentence."""
    told = ": ".join(part for part in (file.reason, file.detail) if part)
    return f"{file.state} ({told})" if told else str(file.state)


def missing(holding: Holding) -> list[View]:
    """Return what of a recording is not here though it is wanted."""
    found = [
        {"name": file.name, "why": why(file)} for file in holding.files if file.state in _MISSING
    ]
    if holding.unfinished:
        told = holding.reason or "the provider has not finished it"
        found.append({"name": f"{holding.unfinished} more", "why": told})
    return found


def file_lines(holding: Holding, base: str, *, media: bool) -> list[View]:
    """Return the files of a recording as its page lists them."""
    return [
        {
            "name": file.name,
            "state": file.state,
            "mark": mark_of_file(file.state),
            "size": file.size if file.size is not None else file.promised,
            "verified": file.verified,
            "sha256": file.sha256,
            "source": media_path(base, holding, file)
            if media and file.state == FileState.STORED
            else None,
        }
        for file in holding.files
    ]


def player(holding: Holding, base: str) -> View | None:
    """Return what is played of a recording: its first video with captions, else its first sound."""
    stored = [file for file in holding.files if file.state == FileState.STORED]
    kinds = {"video": VIDEO, "audio": AUDIO}
    for kind, extensions in kinds.items():
        chosen = next((file for file in stored if extension(file.name) in extensions), None)
        if chosen is not None:
            picture = next((file for file in stored if extension(file.name) in PICTURES), None)
            return {
                "kind": kind,
                "source": media_path(base, holding, chosen),
                "poster": media_path(base, holding, picture) if picture else None,
                "tracks": [
                    {"source": media_path(base, holding, file), "label": file.name}
                    for file in stored
                    if extension(file.name) in CAPTIONS
                ],
            }
    return None


def attempt_lines(holding: Holding, attempts: Mapping[int, Sequence[Attempt]]) -> list[View]:
    """Return the failed attempts at the files of a recording, the newest first."""
    names = {file.row: file.name for file in holding.files}
    found = [
        {"at": each.at, "name": names[row], "code": each.code, "detail": each.detail}
        for row, some in attempts.items()
        if row in names
        for each in some
    ]
    return sorted(found, key=lambda each: each["at"], reverse=True)


def when(moment: datetime | str | None) -> str:
    """Return a time in UTC to the minute; 'never' if there is none."""
    if moment is None:
        return "never"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def details(holding: Holding) -> list[tuple[str, str]]:
    """Return what else is known of a recording."""
    known = {
        "Id": holding.id,
        "Key": holding.key,
        "Meeting number": holding.number,
        "Session": holding.session_key,
        "Folder": holding.folder or "",
        "Archived": holding.archived_at and when(holding.archived_at),
        "Acknowledged": holding.acknowledged_at and when(holding.acknowledged_at),
        "Deleted by the provider": holding.deadline and when(holding.deadline),
    }
    return [(name, value) for name, value in known.items() if value]


def failure_group(group: FailedFiles) -> View:
    """Return files that failed for one reason as the page lists them."""
    return {
        "state": group.state,
        "code": group.code,
        "count": group.count,
        "files": [
            {
                "key": holding.key,
                "title": title_of(holding),
                "began": holding.started or holding.first_seen,
                "provider": holding.provider,
                "name": file.name,
                "number": number_of(holding, file),
                "why": file.detail or why(file),
            }
            for holding, row in group.files
            for file in holding.files
            if file.row == row
        ],
    }


class Asked(dict[str, str]):
    """The fields of a form, each in its text, '' if it was not given."""

    def __missing__(self, key: str) -> str:
        return ""


def selection(asked: Asked, zone: ZoneInfo) -> Selection:
    """Return what a search means.

    Raises:
        ValueError: A date or a number cannot be read; the message says which.
    """
    number = ""
    if asked["number"].strip():
        number = meeting_number(asked["number"].strip()) or asked["number"].strip()
    return Selection(
        title=asked["q"].strip(),
        user=asked["user"].strip(),
        number=number,
        began=_window(asked["from"].strip(), asked["to"].strip(), zone),
    )


def _window(since: str, until: str, zone: ZoneInfo) -> Window | None:
    if not since and not until:
        return None
    begin = _midnight(since, zone) if since else EPOCH
    end = _midnight(until, zone) + timedelta(days=1) if until else datetime.now(zone) + AHEAD
    return Window(begin, max(begin, end))


def _midnight(text: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError as error:
        raise ValueError(f"expected a date such as 2026-01-31, got {text!a}") from error


def log_line(line: Mapping[str, Any]) -> View:
    """Return a line of the log as the page shows it."""
    head = ("timestamp", "level", "event")
    rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in head)
    return {
        "time": line.get("timestamp", ""),
        "level": line.get("level", ""),
        "event": line.get("event", ""),
        "rest": rest,
    }


def is_meant(line: Mapping[str, Any], asked: Asked) -> bool:
    """Return whether a line of the log passes the filter."""
    least = LEVELS.index(asked["level"]) if asked["level"] in LEVELS else 0
    level = str(line.get("level", "info"))
    return (
        (LEVELS.index(level) if level in LEVELS else len(LEVELS)) >= least
        and (not asked["provider"] or line.get("provider") == asked["provider"])
        and (not asked["recording"] or line.get("recording") == asked["recording"])
    )
