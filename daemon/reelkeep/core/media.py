"""Tell a recording's file from a page that was sent in its place.

A provider whose token ran out may answer 200 with a login page or a small JSON object, and a
content network with an XML error (providers.md 2.5); these must never be archived as a video.
No text of such a page is repeated in a reason: it is foreign.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from reelkeep.core.mp4 import FIRST_BOXES, ReadAt, check_boxes

HEAD_BYTES: Final = 512
"""How many first bytes `page_instead` and `magic_ok` want; a shorter file is its own head."""

JSON_BYTES: Final = 8 * 1024 * 1024
"""JSON files up to this size are parsed as a whole, at worst in some twenty times that memory."""

_BOM = codecs.BOM_UTF8
_PIECE = 1024 * 1024
_EDGE = 4096
_JPEG_PADDING = 64


class Kind(Enum):
    """What a file is made of, as far as its bytes can be checked."""

    MP4 = "mp4"  #: Boxes; M4A is the same.
    JPEG = "jpeg"
    VTT = "vtt"
    JSON = "json"
    TEXT = "text"  #: Chats, tables; may be empty.
    OPAQUE = "opaque"  #: Events, and whatever we have not heard of; may be empty.


_KINDS: Mapping[str, Kind] = MappingProxyType(
    dict.fromkeys(("mp4", "m4a", "m4v"), Kind.MP4)
    | dict.fromkeys(("jpg", "jpeg", "tb"), Kind.JPEG)
    | dict.fromkeys(("vtt", "transcript", "cc"), Kind.VTT)
    | dict.fromkeys(("json", "timeline", "summary", "chat_message"), Kind.JSON)
    | dict.fromkeys(("txt", "csv", "chat"), Kind.TEXT)
)
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_NOT_MEDIA = re.compile(r"(?:application|text)/(?:(?:[\w.-]+\+)?json|xml|problem\+xml)")
_STRICT = frozenset({Kind.MP4, Kind.JPEG, Kind.VTT})  # nothing of these begins like an object

_PROLOGUE = rb"(?:\s|<\?xml[^>]*>|<!--.*?-->)*+"
_HTML = re.compile(
    _PROLOGUE + rb"<(?:!doctype\s+html|html|head|body|script|title|meta|style)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML_ERROR = re.compile(_PROLOGUE + rb"<(?:\w+:)?Error(?:s|Response)?[\s/>]", re.DOTALL)
_CUT_ERROR = re.compile(
    rb'\{\s*"(?:(?:errorCode|errorMessage|int_err_code)"\s*:\s*(?!null|0|""|false)\S'
    rb'|status"\s*:\s*false\b)',
    re.IGNORECASE,
)
_ERROR_WORDS = frozenset({"errorcode", "errormessage", "int_err_code"})
_EXCUSES = frozenset({"error", "message", "msg"})
_ALONG_WITH = frozenset(
    {"code", "description", "error_description", "error_uri", "incident", "path", "reason"}
    | {"request_id", "requestid", "status", "success", "timestamp", "type", "__type"}
)


def kind_of(file_type: str, extension: str) -> Kind:
    """Return what to expect of a file that its provider describes so.

    Either text may be empty or unknown; where both are known and contradict each other, as in
    replies seen of the Video SDK, nothing is expected.
    """
    said = {
        kind
        for text in (file_type, extension)
        if (kind := _KINDS.get(text.strip().removeprefix(".").lower()))
    }
    return said.pop() if len(said) == 1 else Kind.OPAQUE


def page_instead(kind: Kind, content_type: str | None, head: bytes) -> str | None:
    """Return why this reply is a page or an error instead of the file; None if it is not.

    `head` holds the first bytes of the body, `HEAD_BYTES` if there are as many.
    """
    served_as = (content_type or "").partition(";")[0].strip().lower()
    start = _text_start(head)
    if served_as in _PAGES or _HTML.match(start):
        return "an HTML page instead of the file"
    if _XML_ERROR.match(start):
        return "an XML error instead of the file"
    if start.startswith(b"{") and _is_json_error(start):
        return "a JSON error instead of the file"
    if kind in _STRICT and (start.startswith(b"{") or _NOT_MEDIA.fullmatch(served_as)):
        return "JSON or XML instead of the file"
    return None


def magic_ok(kind: Kind, head: bytes) -> bool:
    """Whether a file of this kind may begin so; an empty head is an empty file."""
    match kind:
        case Kind.MP4:
            return head[4:8] in FIRST_BOXES
        case Kind.JPEG:
            return head.startswith(b"\xff\xd8\xff")
        case Kind.VTT:
            return re.match(rb"WEBVTT(?:\s|$)", head.removeprefix(_BOM)) is not None
        case Kind.JSON:
            return _text_start(head).startswith((b"{", b"["))
        case Kind.TEXT | Kind.OPAQUE:
            return True


def container_ok(kind: Kind, read_at: ReadAt, size: int) -> str | None:
    """Return what is wrong with the complete file of `size` bytes; None if nothing is seen.

    Meant for the end of a download: it shows a file that was cut, above all where no size was
    promised. It reads little of a video, all of a JSON file of up to `JSON_BYTES`.
    """
    if not magic_ok(kind, read_at(0, min(size, HEAD_BYTES))):
        return f"does not begin like {kind.value} ({size} bytes)"
    match kind:
        case Kind.MP4:
            return check_boxes(read_at, size)
        case Kind.JPEG:
            return _check_jpeg(read_at, size)
        case Kind.VTT:
            return _check_text(read_at, size)
        case Kind.JSON:
            return _check_json(read_at, size)
        case Kind.TEXT | Kind.OPAQUE:
            return None


def _text_start(head: bytes) -> bytes:
    return head[:HEAD_BYTES].removeprefix(_BOM).lstrip()


def _is_json_error(head: bytes) -> bool:
    try:
        return _says_error(json.loads(head))
    except (ValueError, RecursionError):  # cut, so it is no short error: look at its beginning
        return _CUT_ERROR.match(head) is not None


def _says_error(document: Any) -> bool:
    """Whether this is one of the objects with which the providers' hosts refuse a download.

    Zoom: `{"status":false,"errorCode":401,…}` and `{"code":124,"message":…}`; GoTo:
    `{"int_err_code":…,"msg":…}`; gateways: `{"message":…}`, `{"error":…}` and the like.
    """
    if not isinstance(document, dict):
        return False
    said = {name.lower(): value for name, value in document.items()}
    if said.get("status") is False or any(said.get(word) for word in _ERROR_WORDS):
        return True
    if isinstance(said.get("code"), int | str) and isinstance(said.get("message"), str):
        return True
    return not _EXCUSES.isdisjoint(said) and said.keys() <= _EXCUSES | _ALONG_WITH


def _check_jpeg(read_at: ReadAt, size: int) -> str | None:
    tail = min(size, _JPEG_PADDING)
    return None if b"\xff\xd9" in read_at(size - tail, tail) else "truncated: no end of image"


def _check_text(read_at: ReadAt, size: int) -> str | None:
    """Check the first and the last bytes for UTF-8; either slice may cut a character."""
    edge = min(size, _EDGE)
    first, last = read_at(0, edge), read_at(size - edge, edge)
    last = re.sub(rb"\A[\x80-\xbf]{1,3}", b"", last)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)
        last.decode()
    except UnicodeDecodeError:
        return "text that is cut or not UTF-8"
    return None


def _check_json(read_at: ReadAt, size: int) -> str | None:
    if size > JSON_BYTES:
        closed = read_at(size - _EDGE, _EDGE).rstrip().endswith((b"}", b"]"))
        return None if closed else "JSON that is cut"
    pieces = (read_at(at, min(_PIECE, size - at)) for at in range(0, size, _PIECE))
    try:
        document = json.loads(b"".join(pieces))
    except (ValueError, RecursionError):
        return "JSON that is cut or malformed"
    return "a JSON error instead of the file" if _says_error(document) else None
