"""Write and read the files that describe a recording: `recording.json`, checksums, BagIt.

The manifest `recording.json` says what the provider said of the recording, where each file came
from, its size, digest and how it was verified, and what is missing and why. It holds no locators
and no passcodes, and all of it follows from the holding alone, so that equal holdings give equal
bytes. Checksums are in `SHA256SUMS`, or, where the folder is a bag (RFC 8493), in:

bagit.txt                 says that it is one
bag-info.txt              says for people what is in it
manifest-sha256.txt       digests of the files in data/
tagmanifest-sha256.txt    digests of all files beside data/ but itself
data/                     the recording's files
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Holding
from reelkeep.core.naming import NAME_BYTES, RESERVED

MANIFEST: Final = "recording.json"
SUMS: Final = "SHA256SUMS"
MANIFEST_BYTES: Final = 64 * 1024 * 1024
"""No manifest of ours is longer; reading one stops there."""

_FORMAT = 1
_DEEPEST = 40  # levels of facts; our own have a handful
_MOST = 2**63 - 1  # bytes: what a catalog can hold
_LACKING = frozenset({"due", "active", "failed", "gone", "unavailable"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-z]{1,64}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file as a manifest lists it; `name` is a safe single component."""

    name: str
    id: str
    state: str
    file_type: str = ""
    recording_type: str = ""
    promised: int | None = None  #: Bytes that the provider announced.
    size: int | None = None  #: Bytes stored; given if it is stored.
    sha256: str | None = None  #: Given if it is stored.
    verified: str | None = None
    source: str | None = None  #: Scheme, host and port it came from.
    stored_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> bool:
        """Whether the file is in the folder, or was when the manifest was written."""
        return self.state == FileState.STORED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A recording as its manifest describes it."""

    provider: str
    id: str
    key: str
    title: str = ""
    user: str = ""
    number: str = ""  #: The meeting number, where there is one.
    started: datetime | None = None
    duration: timedelta | None = None
    first_seen: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Entry, ...] = ()


def is_plain_name(name: str) -> bool:
    """Whether `name` can only mean an entry of the folder it is looked up in."""
    plain = name not in {"", ".", ".."} and not _UNSAFE.search(name)
    return plain and len(name.encode(errors="surrogatepass")) <= NAME_BYTES


def to_manifest(holding: Holding, *, version: str) -> dict[str, Any]:
    """Return the document for `holding`, written by `version` of this program."""
    return {
        "format": _FORMAT,
        "written_by": f"reelkeep {version}",
        "provider": holding.provider,
        "id": holding.id,
        "key": holding.key,
        "title": holding.title,
        "user": holding.user,
        "number": holding.number,
        "started": _time(holding.started),
        "duration": None if holding.duration is None else holding.duration.total_seconds(),
        "first_seen": _time(holding.first_seen),
        "complete": _is_complete(holding),
        "unfinished": holding.unfinished,
        "files": [_entry(file) for file in holding.files],
        "facts": _plain(holding.facts),
    }


def dump(document: Mapping[str, Any]) -> bytes:
    """Return `document` as JSON for people: UTF-8, one value a line, invisible text escaped."""
    text = _indented(document, "\n")
    return (_UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n").encode()


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _indented(value: Any, line: str) -> str:
    """Return what `json.dumps` does with `indent=2`, of which there is no quick version."""
    inner = f"{line}  "
    if isinstance(value, Mapping) and value:
        pairs = [f"{_encode(name)}: {_indented(each, inner)}" for name, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(pairs)}{line}}}"
    if isinstance(value, list | tuple) and value:
        return f"[{inner}{f',{inner}'.join(_indented(each, inner) for each in value)}{line}]"
    return _encode(value)


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest in `content`.

    What only informs is left out where it cannot be read; names, states and digests are what
    is built on, and must be right.

    Raises:
        ValueError: It is no manifest, a newer one than we know, or names no file can have.
    """
    try:
        document = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"it is no manifest of format {_FORMAT}")
    files = tuple(_read_entry(entry) for entry in _list(document.get("files")))
    _check_unique([file.name.casefold() for file in files], "names")
    _check_unique([file.id for file in files], "ids")
    key = _required(document, "key")
    if not _KEY.fullmatch(key):
        raise ValueError("its key is none of ours")
    return Manifest(
        provider=_required(document, "provider"),
        id=_required(document, "id"),
        key=key,
        title=_text(document, "title") or "",
        user=_text(document, "user") or "",
        number=_text(document, "number") or "",
        started=_read_time(document.get("started")),
        duration=_read_duration(document.get("duration")),
        first_seen=_read_time(document.get("first_seen")),
        facts=_read_facts(document.get("facts")),
        files=files,
    )


def _is_complete(holding: Holding) -> bool:
    lacking = any(file.state in _LACKING for file in holding.files)
    return not lacking and holding.unfinished == 0


def _entry(file: HeldFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": file.name,
        "id": file.id,
        "state": file.state,
        "file_type": file.file_type,
        "recording_type": file.recording_type,
        "promised": file.promised,
    }
    if file.facts:
        entry["facts"] = _plain(file.facts)
    if file.state == FileState.STORED.value:
        return entry | {
            "size": file.size,
            "sha256": file.sha256,
            "verified": file.verified,
            "source": file.source,
            "stored_at": _time(file.stored_at),
            **({"note": file.detail} if file.detail else {}),
            **({"reason": file.reason} if file.reason else {}),
        }
    return entry | {"reason": file.reason, "detail": file.detail}


def _read_entry(entry: Any) -> Entry:
    if not isinstance(entry, dict):
        raise ValueError("a file of it is no object")  # noqa: TRY004 - the document is wrong
    name, state = _required(entry, "name"), FileState(_required(entry, "state"))
    if not is_plain_name(name) or name.casefold() in RESERVED:
        raise ValueError("it names a file that cannot be")
    size, sha256 = _count(entry, "size"), _text(entry, "sha256")
    if state is FileState.STORED and (size is None or not _SHA256.fullmatch(sha256 or "")):
        raise ValueError("it lists a stored file without size or digest")
    return Entry(
        name=name,
        id=_required(entry, "id"),
        state=state.value,
        file_type=_text(entry, "file_type") or "",
        recording_type=_text(entry, "recording_type") or "",
        promised=_count(entry, "promised"),
        size=size,
        sha256=sha256,
        verified=_text(entry, "verified"),
        source=_text(entry, "source"),
        stored_at=_read_time(entry.get("stored_at")),
        reason=_text(entry, "reason"),
        detail=_text(entry, "note" if state is FileState.STORED else "detail"),
        facts=_read_facts(entry.get("facts")),
    )


def _plain(value: Any) -> Any:
    """Return `value` as JSON can say it: what it cannot becomes text, or null if no number."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case Sequence():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _read_facts(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object that can be kept and written again, else nothing."""
    try:
        return _kept(value, _DEEPEST) if isinstance(value, dict) else {}
    except ValueError:
        return {}


def _kept(value: Any, depth: int) -> Any:
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {_mended(name): _kept(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_kept(each, depth - 1) for each in value]
    return _mended(value) if isinstance(value, str) else _plain(value)


def _mended(text: str) -> str:
    """Return `text` with U+FFFD for each half of a surrogate pair, which nothing can store."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _read_time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _read_duration(value: Any) -> timedelta | None:
    plausible = type(value) in {int, float} and 0 <= value < 10**9
    return timedelta(seconds=value) if plausible else None


def _required(document: dict[str, Any], name: str) -> str:
    if not (text := _text(document, name)):
        raise ValueError(f"its {name} is missing")
    if text != document[name]:
        raise ValueError(f"its {name} is no text")
    return text


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    return _mended(value) if isinstance(value, str) else None


def _count(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("it lists no files")  # noqa: TRY004 - the document is wrong
    return value


def _check_unique(values: list[str], what: str) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"two files of it share their {what}")


_SUM_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_SUM_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {written: char for char, written in _SUM_ESCAPES.items()}


def encode_sums(sums: Mapping[str, str]) -> bytes:
    """Return the lines for `sums`, hex digests by file name, in the order given."""
    return "".join(_line(name, digest) for name, digest in sums.items()).encode()


def decode_sums(content: bytes) -> dict[str, str]:
    """Return hex digests in lower case by file name.

    Raises:
        ValueError: A line is none that `sha256sum` writes, or names a file again.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(content.decode().split("\n"), start=1):
        if not line:
            continue
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a digest and a name")
        name = _unescaped(match[3]) if match[1] else match[3]
        if name in sums:
            raise ValueError(f"line {number} names a file again")
        sums[name] = match[2].lower()
    return sums


def _line(name: str, digest: str) -> str:
    escaped = re.sub(r"[\\\n\r]", lambda match: _SUM_ESCAPES[match[0]], name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _unescaped(text: str) -> str:
    return re.sub(r"\\[\\nr]", lambda match: _UNESCAPES[match[0]], text)


BAGIT: Final = "bagit.txt"
INFO: Final = "bag-info.txt"
PAYLOAD: Final = "manifest-sha256.txt"
TAGS: Final = "tagmanifest-sha256.txt"
DATA: Final = "data"

BAG_PAPERS: Final = (MANIFEST, BAGIT, PAYLOAD, INFO, TAGS)
"""In the order in which they are written: each speaks only of what is there already."""

PAPERS: Final = frozenset({*BAG_PAPERS, SUMS})
"""All that stands beside a recording's own files, in either format."""

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ESCAPES = {"%": "%25", "\n": "%0A", "\r": "%0D"}


def bag_papers(holding: Holding, manifest: bytes, *, version: str) -> dict[str, bytes]:
    """Return the papers of a bag by name, in the order in which they are to be written.

    All of them follow from the holding and its `manifest` (`recording.json`) alone.
    """
    stored = [file for file in holding.files if file.state == FileState.STORED]
    papers = {
        MANIFEST: manifest,
        BAGIT: _DECLARATION,
        PAYLOAD: encode_payload({file.name: file.sha256 or "" for file in stored}),
        INFO: _info(holding, stored, version),
    }
    digests = {name: sha256(content).hexdigest() for name, content in papers.items()}
    return {**papers, TAGS: _lines(digests)}


def encode_payload(digests: Mapping[str, str]) -> bytes:
    """Return the payload manifest for files in `data/`, hex digests by their names."""
    return _lines({f"{DATA}/{name}": digest for name, digest in digests.items()})


def decode_payload(content: bytes) -> dict[str, str]:
    """Return hex digests of the files in `data/` by their names.

    Raises:
        ValueError: It is no such manifest, or names what is not directly in `data/`.
    """
    found: dict[str, str] = {}
    for path, digest in decode_tags(content).items():
        folder, _, name = path.partition("/")
        if folder != DATA or not is_plain_name(name):
            raise ValueError(f"{path!a} is no file of {DATA}/")
        found[name] = digest
    return found


def decode_tags(content: bytes) -> dict[str, str]:
    """Return hex digests by path.

    Raises:
        ValueError: A line is no digest and path, or names a path again.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode().split("\n"), start=1):
        if not line.strip("\r"):
            continue
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match is None:
            raise ValueError(f"line {number} is not a digest and a path")
        path = re.sub("%(25|0[AaDd])", lambda each: chr(int(each[1], 16)), match[2])
        if path in found:
            raise ValueError(f"line {number} names a path again")
        found[path] = match[1].lower()
    return found


def _lines(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {_escaped(path)}\n" for path, digest in digests.items()).encode()


def _escaped(path: str) -> str:
    return re.sub("[%\n\r]", lambda each: _ESCAPES[each[0]], path)


def _info(holding: Holding, stored: list[HeldFile], version: str) -> bytes:
    octets = sum(file.size or 0 for file in stored)
    last = max((file.stored_at for file in stored if file.stored_at), default=None)
    labels = {
        "Bag-Software-Agent": f"reelkeep {version}",
        "Bagging-Date": last and f"{last:%Y-%m-%d}",
        "External-Identifier": holding.id,
        "External-Description": holding.title,
        "Bag-Group-Identifier": holding.provider,
        "Payload-Oxum": f"{octets}.{len(stored)}",
    }
    shown = {label: _in_one_line(value) for label, value in labels.items() if value}
    return "".join(f"{label}: {value}\n" for label, value in shown.items() if value).encode()


def _in_one_line(value: str) -> str:
    """Return foreign text as one line that begins and ends with ink."""
    return _UNPRINTABLE.sub(" ", value).strip()
