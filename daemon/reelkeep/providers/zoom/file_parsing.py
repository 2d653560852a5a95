"""Turn what is said of one file into a `File`, and tell the files of one answer apart.

What is left out, and what is kept, at any depth:

    name speaks of a secret           left out, unless it is true, false or null
    name speaks of an address         left out if it is a text; where a file lies in the account's
                                      own storage is kept, without query, user and fragment
    text with an address in it        the address is replaced, the other words stay
    text that is an address           left out; one of an object store (`s3://`) is kept as above
    text that looks like a token      replaced
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from reelkeep.core.matching import id_by_kind, kind, own_id, same_file, shared_id
from reelkeep.core.model import File, FileId
from reelkeep.core.naming import safe_name, shorten
from reelkeep.core.unavailable import Obstacle
from reelkeep.providers.zoom.json_values import size, text

_SECRET = re.compile(
    r"passcode|password|passwd|pwd|token|secret|jwt|authorization|credential|signature|"
    r"api_?key|access_?key",
    re.IGNORECASE,
)
_ADDRESS_WORD = re.compile(r"(?:url|uri|link|href)s?$", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*|[0-9]+")
_STORAGE_NAME = re.compile(r"(?:^|_)(?:external_)?storage(?:_|$)", re.IGNORECASE)
_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "wasb", "wasbs"}
)
_ADDRESS = re.compile(r"\b[A-Za-z][\w+.-]*://\S*|\bwww\.\S+|(?<=\s)//\S+|^//\S+")
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]+")
_SIGNED = re.compile(
    r"\b(?:access_token|token|signature|sig|passcode|password|pwd|pass|secret|credential|"
    r"key-pair-id|policy|x-(?:amz|goog)-[\w-]+)=[^\s&]+",
    re.IGNORECASE,
)
_TEXT, _MEMBERS, _DEPTH = 1_000, 200, 6
_LEFT_OUT: Any = object()


def facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `said` without passcodes, tokens and addresses that open anything; bounded."""
    return _members(said, _DEPTH)


def _members(said: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in list(said.items())[:_MEMBERS]:
        if len(key) > _TEXT or _ADDRESS.search(key):
            continue
        kept = _kept(key, value, depth - 1)
        if kept is not _LEFT_OUT:
            found[key] = kept
    return found


def _kept(key: str, value: Any, depth: int) -> Any:
    """Return what may be kept of a member, or `_LEFT_OUT`."""
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(key):
        return _LEFT_OUT
    if isinstance(value, str):
        return _text(key, value)
    if isinstance(value, Decimal):
        return float(value) if math.isfinite(float(value)) else None
    return _nested(key, value, depth) if isinstance(value, dict | list) else value


def _nested(key: str, value: dict[str, Any] | list[Any], depth: int) -> Any:
    if depth <= 0:
        return None
    if isinstance(value, dict):
        return _members(value, depth)
    items = (_kept(key, each, depth - 1) for each in value[:_MEMBERS])
    return [each for each in items if each is not _LEFT_OUT]


def _text(key: str, value: str) -> Any:
    whole = value.strip()
    stored = _in_storage(whole, anywhere=_is_storage(key))
    if stored is not None:
        return stored
    if _is_address(key) or _ADDRESS.fullmatch(whole) or _TOKEN.fullmatch(whole):
        return _LEFT_OUT
    return _redacted(value)[:_TEXT]


def _redacted(value: str) -> str:
    for pattern, stand_in in ((_ADDRESS, "(address)"), (_TOKEN, "(token)"), (_SIGNED, "(secret)")):
        value = pattern.sub(stand_in, value)
    return value


def _in_storage(value: str, *, anywhere: bool) -> str | None:
    """Return where something lies in the account's own storage, without what could open it.

    With `anywhere`, any address is one of a storage; else only one of an object store.
    """
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    known = parts.scheme.lower() in _OBJECT_STORES or (anywhere and bool(parts.scheme))
    if not known or not host or not (anywhere or value.split() == [value]):
        return None
    return f"{parts.scheme}://{host}{parts.path}"[:_TEXT]


@lru_cache(maxsize=512)
def _is_secret(key: str) -> bool:
    """Return whether what has this name is left out; an API has few names, and repeats them."""
    return _SECRET.search(key) is not None


@lru_cache(maxsize=512)
def _is_address(key: str) -> bool:
    return any(_ADDRESS_WORD.search(word) for word in _WORDS.findall(key))


@lru_cache(maxsize=512)
def _is_storage(key: str) -> bool:
    return _STORAGE_NAME.search(key) is not None and _is_address(key)


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
class SeenFile:
    """A file, whether it is finished, and where it can be had."""

    file: File
    ready: bool
    url: str | None = field(repr=False)
    unusable: str = ""  #: Why the address that is given can never be used, without the address.


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """Where a file was seen, as far as it explains why nothing can be downloaded."""

    group: str = ""  #: Names files that say nothing of their kind: participant_audio.
    on_premise: bool = False
    trashed: bool = False


def seen(said: Mapping[str, Any], source: FileSource) -> SeenFile:
    """Return what the provider says of one file; every member of `said` may be absent.

    Finished is what says so, and of the two types that never say anything of themselves every
    one (provider notes, section 2.3); so is what has address and size and does not say that it is
    still being made. A file without an address is finished only if it never gets one. One with an
    address that can never be used is finished: locating it says why it cannot be had.
    """
    url, unusable = _url(said.get("download_url"))
    obstacle = None if unusable and not source.on_premise else _obstacle(said, url, source)
    file = File(
        id=file_id(said),
        stem=_stem(said, source),
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
    return SeenFile(file, finished and reachable, url, unusable if obstacle is None else "")


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


def _obstacle(said: Mapping[str, Any], url: str | None, source: FileSource) -> Obstacle | None:
    if text(said.get("external_storage_url")):
        return Obstacle.EXTERNAL_STORAGE
    if url is not None:
        return None
    if source.on_premise or text(said.get("file_path")):
        return Obstacle.ON_PREMISE
    return Obstacle.IN_TRASH if source.trashed else None


def _stem(said: Mapping[str, Any], source: FileSource) -> str:
    kind = _kind(said)
    named = (
        (_spoken(said) if source.group else "") or text(said.get("recording_type")) or source.group
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


_COMPARED: Final = 100
"""Files under one id that others are compared with; nobody but an attacker lists more."""


def apart(lists: Iterable[Sequence[SeenFile]]) -> dict[FileId, SeenFile]:
    """Return the files of all `lists` by id, each once.

    Entries under one id are one file if nothing that they say differs: the same file twice in one
    list is seen in the wild. Else each is a file of its own. The first list has its ids to itself,
    so that they do not depend on what else an answer shows.
    """
    found: dict[FileId, SeenFile] = {}
    for entries in lists:
        families: dict[FileId, list[SeenFile]] = {}
        for each in entries:
            _join(families.setdefault(each.file.id, []), each)
        for id_, family in families.items():
            for each in _named(family, alone=len(family) == 1 and id_ not in found):
                found[each.file.id] = each
    return found


def _join(family: list[SeenFile], seen: SeenFile) -> None:
    """Add `seen` to the files under its id, unless it is one of them; a finished one is kept."""
    for number, known in enumerate(family[:_COMPARED]):
        if _are_one(known, seen):
            if seen.ready and not known.ready:
                family[number] = seen
            return
    family.append(seen)


def _are_one(one: SeenFile, other: SeenFile) -> bool:
    sizes = {each.file.size for each in (one, other)} - {None}
    paths = {_path(each) for each in (one, other)} - {""}
    return kind(one.file).agrees(kind(other.file)) and len(sizes) < 2 and len(paths) < 2


def _path(seen: SeenFile) -> str:
    """Return the path of an address: hosts, and what is signed, change from answer to answer."""
    try:
        return urlsplit(seen.url or "").path
    except ValueError:
        return seen.url or ""


def _named(family: Sequence[SeenFile], *, alone: bool) -> list[SeenFile]:
    """Return the files under one id with ids of their own: made of no more than it takes."""
    if alone:
        return list(family)
    kinds = Counter(kind(each.file) for each in family)
    sizes = Counter((kind(each.file), each.file.size) for each in family)
    named: list[SeenFile] = []
    for each in family:
        said, size = kind(each.file), each.file.size
        id_ = id_by_kind(each.file)
        if kinds[said] > 1:
            more = () if sizes[said, size] == 1 else (_path(each),)
            id_ = shared_id(each.file.id, id_, size, *more)
        named.append(replace(each, file=replace(each.file, id=id_)))
    return named


def joined(
    first: Iterable[File], second: Iterable[File]
) -> tuple[dict[FileId, FileId], tuple[File, ...]]:
    """Return the files of two answers, each once, and what those of the second are called now.

    Of what both have, the first is believed. Two files of which each had its id to itself are
    told apart here.
    """
    files = {file.id: file for file in first}
    families: dict[str, list[File]] = {}
    for file in files.values():
        families.setdefault(own_id(file.id), []).append(file)
    names: dict[FileId, FileId] = {}
    for other in second:
        family = families.setdefault(own_id(other.id), [])
        same = next((each for each in family[:_COMPARED] if same_file(each, other)), None)
        if same is not None:
            names[other.id] = same.id
            continue
        added = replace(other, id=id_by_kind(other)) if other.id in files else other
        names[other.id] = added.id
        files[added.id] = added
        family.append(added)
    return names, tuple(files.values())
