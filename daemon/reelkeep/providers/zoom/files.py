"""Turn what is said of one file into a `File`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.core.model import File, FileId
from reelkeep.core.naming import safe_name, shorten
from reelkeep.core.obstacles import Obstacle
from reelkeep.providers.zoom.facts import facts
from reelkeep.providers.zoom.json_values import size, text

_UNFINISHED: Final = {"processing", "pending", "in_progress", "uploading", "recording"}
_READY_WITHOUT_STATUS: Final = {"CC", "TIMELINE"}
_EXTENSIONS: Final = {
    "CHAT": "txt",
    "TRANSCRIPT": "vtt",
    "CC": "vtt",
    "TB": "jpg",
    "TIMELINE": "json",
    "SUMMARY": "json",
    "CHAT_MESSAGE": "json",
}
_STEMS: Final = {
    "TIMELINE": "timeline",
    "CC": "closed_caption",
    "TRANSCRIPT": "audio_transcript",
    "CHAT": "chat_file",
    "CHAT_MESSAGE": "chat_message",
    "SUMMARY": "summary",
    "TB": "thumbnail",
    "CSV": "poll",
    "M4A": "audio_only",
    "MP4": "video",
}
_LONGEST_NAME: Final = 100  # bytes of a participant's file name that are kept
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,15}):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file, whether it is finished, and where it can be had."""

    file: File
    ready: bool
    url: str | None = field(repr=False)
    unusable: str = ""  #: Why the address that is given can never be used, without the address.


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a file was seen, as far as it explains why nothing can be downloaded."""

    group: str = ""  #: Names files that say nothing of their kind: participant_audio.
    on_premise: bool = False
    trashed: bool = False


def seen(said: Mapping[str, Any], shelf: Shelf) -> Seen:
    """Return what the provider says of one file; every member of `said` may be absent.

    Finished is what says so, and of the two types that never say anything of themselves every
    one (provider notes, section 2.3); so is what has address and size and does not say that it is
    still being made. A file without an address is finished only if it never gets one. One with an
    address that can never be used is finished: locating it says why it cannot be had.
    """
    url, unusable = _url(said.get("download_url"))
    obstacle = None if unusable and not shelf.on_premise else _obstacle(said, url, shelf)
    file = File(
        id=file_id(said),
        stem=_stem(said, shelf),
        extension=_extension(said),
        file_type=text(said.get("file_type")),
        recording_type=text(said.get("recording_type")),
        size=size(said.get("file_size")),
        obstacle=obstacle,
        addressed=obstacle is not None and url is not None,
        facts=facts(said),
    )
    finished = _finished(said, excused=obstacle is Obstacle.ON_PREMISE)
    reachable = url is not None or obstacle is not None or bool(unusable)
    return Seen(file, finished and reachable, url, unusable if obstacle is None else "")


def file_id(said: Mapping[str, Any]) -> FileId:
    """Return the file's id; one that has none is named by its type and start."""
    made_up = f"{text(said.get('file_type')) or 'file'}@{text(said.get('recording_start'))}"
    return FileId(text(said.get("id")) or made_up)


def _finished(said: Mapping[str, Any], *, excused: bool) -> bool:
    status = text(said.get("status")).lower()
    if status == "completed":
        return True
    if said.get("status") is None and (excused or _kind(said) in _READY_WITHOUT_STATUS):
        return True
    has_address = text(said.get("download_url")) != ""
    return has_address and size(said.get("file_size")) is not None and status not in _UNFINISHED


def _obstacle(said: Mapping[str, Any], url: str | None, shelf: Shelf) -> Obstacle | None:
    if text(said.get("external_storage_url")):
        return Obstacle.EXTERNAL_STORAGE
    if url is not None:
        return None
    if shelf.on_premise or text(said.get("file_path")):
        return Obstacle.ON_PREMISE
    return Obstacle.IN_TRASH if shelf.trashed else None


def _stem(said: Mapping[str, Any], shelf: Shelf) -> str:
    kind = _kind(said)
    named = (
        (_spoken(said) if shelf.group else "") or text(said.get("recording_type")) or shelf.group
    )
    return named or _STEMS.get(kind) or kind.lower() or "file"


def _spoken(said: Mapping[str, Any]) -> str:
    """Return the name of a participant's file, in which the speaker is told; '' if it has none."""
    named, extension = text(said.get("file_name")), f".{_extension(said)}"
    if named.lower().endswith(extension):
        named = named[: -len(extension)]
    return shorten(safe_name(named, fallback=""), _LONGEST_NAME)


def _extension(said: Mapping[str, Any]) -> str:
    """Return the extension that is given, or else the one that belongs to the type.

    One that is given, and is none that a name can have, is not replaced by that of the type: it
    says that the file is something else.
    """
    kind = _kind(said)
    given = text(said.get("file_extension")).lower().strip().lstrip(".")
    for extension in (given,) if given else (_EXTENSIONS.get(kind, ""), kind.lower()):
        if _EXTENSION.fullmatch(extension):
            return extension
    return "bin"


def _kind(said: Mapping[str, Any]) -> str:
    return text(said.get("file_type")).upper()


def _url(value: object) -> tuple[str | None, str]:
    """Return an address, and what is wrong with it; nothing and a blank text are none yet."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, ""
    if not isinstance(value, str):
        return None, "download_url is no text"
    if _WEB.fullmatch(value):
        return value, ""
    scheme = _SCHEME.match(value.strip())
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        return None, f"download_url is a {scheme[1].lower()}: address; only https can be fetched"
    return None, "download_url is not an address that can be fetched"
