"""Tell a recording's file from a page that was sent in its place.

A provider whose token ran out may answer 200 with a login page or a small JSON object, and a
content network with an XML error (providers.md 2.5); these must never be archived as a video.
No text of such a page is repeated in a reason: it is foreign.

Where the bytes and a label contradict each other, the bytes are the better witness; and where what
came has exactly the size that the provider promised, it takes more than a resemblance to call a
text a page.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from reelkeep.core.examination import Examination, ReadAt, examine_jpeg, examine_json, examine_vtt
from reelkeep.core.mp4 import FIRST_BOXES, examine_mp4

HEAD_BYTES: Final = 512
"""How many first bytes `page_instead` and `magic_ok` want; a shorter file is its own head."""

_BOM = codecs.BOM_UTF8
_PAGE_BYTES = 64 * 1024


class MediaKind(Enum):
    """What a file is made of, as far as its bytes can be checked."""

    MP4 = "mp4"  #: Boxes; M4A is the same.
    JPEG = "jpeg"
    VTT = "vtt"
    JSON = "json"
    TEXT = "text"  #: Chats, tables; may be empty.
    PAGE = "page"  #: What its provider itself calls HTML or XML.
    OPAQUE = "opaque"  #: Events, and whatever we have not heard of; may be empty.


_KINDS: Mapping[str, MediaKind] = MappingProxyType(
    dict.fromkeys(("mp4", "m4a", "m4v"), MediaKind.MP4)
    | dict.fromkeys(("jpg", "jpeg", "tb"), MediaKind.JPEG)
    | dict.fromkeys(("vtt", "transcript", "cc"), MediaKind.VTT)
    | dict.fromkeys(("json", "timeline", "summary", "chat_message"), MediaKind.JSON)
    | dict.fromkeys(("txt", "csv", "chat"), MediaKind.TEXT)
)
_PAGE_EXTENSIONS = frozenset({"html", "htm", "xhtml", "xml"})
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_NOT_MEDIA = re.compile(r"(?:application|text)/(?:(?:[\w.-]+\+)?json|xml|problem\+xml)")
_STRICT = frozenset(
    {MediaKind.MP4, MediaKind.JPEG, MediaKind.VTT}
)  # nothing of these begins like an object
_ANYTHING = frozenset(
    {MediaKind.TEXT, MediaKind.PAGE, MediaKind.OPAQUE}
)  # these may begin like anything

_PROLOGUE = rb"(?:\s|<\?xml[^>]*>|<!--.*?-->)*+"
_HTML = re.compile(
    _PROLOGUE + rb"<(?:!doctype\s+html|html|head|body|script|title|meta|style)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_END = re.compile(rb"</(?:html|body)\s*>(?:\s|<!--.*?-->|\0)*\Z", re.IGNORECASE | re.DOTALL)
_XML_ERROR = re.compile(_PROLOGUE + rb"<(?:\w+:)?Error(?:s|Response)?[\s/>]", re.DOTALL)
_XML_END = re.compile(rb"(?:</(?:\w+:)?Error(?:s|Response)?\s*>|/>)\s*\Z")
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
_HTML_INSTEAD = "an HTML page instead of the file"
_XML_INSTEAD = "an XML error instead of the file"
_REFUSAL = re.compile(rb"\s*access[ ]denied[.!]?\s*", re.IGNORECASE)
_REFUSED_INSTEAD = "the words “access denied” instead of the file"
_JSON_INSTEAD = "a JSON error instead of the file"
_OTHERS: Mapping[str, re.Pattern[bytes]] = MappingProxyType(
    {
        "an MP4 file": re.compile(rb".{4}ftyp", re.DOTALL),
        "a JPEG picture": re.compile(rb"\xff\xd8\xff"),
        "a PNG picture": re.compile(rb"\x89PNG\r\n\x1a\n"),
        "a GIF picture": re.compile(rb"GIF8[79]a"),
        "a PDF document": re.compile(rb"%PDF-"),
        "a ZIP archive": re.compile(rb"PK\x03\x04"),
        "gzip data": re.compile(rb"\x1f\x8b\x08"),
        "a Matroska or WebM file": re.compile(rb"\x1aE\xdf\xa3"),
        "an Ogg file": re.compile(rb"OggS\0"),
        "a RIFF file": re.compile(rb"RIFF.{4}(?:WAVE|AVI |WEBP)", re.DOTALL),
        "an MP3 file": re.compile(rb"ID3[\x02-\x04]"),
    }
)
"""Other kinds of files that are known by how they begin."""
_AS_GOOD: Mapping[MediaKind, frozenset[str]] = MappingProxyType(
    {
        MediaKind.JPEG: frozenset({"a PNG picture", "a GIF picture"}),
        MediaKind.MP4: frozenset(
            {"a Matroska or WebM file", "an Ogg file", "a RIFF file", "an MP3 file"}
        ),
    }
)
"""What a provider may send by another name: it is believed if its size was promised."""


def kind_of(file_type: str, extension: str) -> MediaKind:
    """Return what to expect of a file that its provider describes so.

    Both vocabularies are open, and either text may be empty. Nothing is expected where the
    extension is one that we have not heard of, whatever the type, and where both are known and
    contradict each other, as in replies seen of the Video SDK.
    """
    kind, ending = (text.strip().removeprefix(".").lower() for text in (file_type, extension))
    if ending in _PAGE_EXTENSIONS:
        return MediaKind.PAGE
    said = {_KINDS.get(ending, MediaKind.OPAQUE)} if ending else set()
    said |= {_KINDS[kind]} if kind in _KINDS else set()
    return said.pop() if len(said) == 1 else MediaKind.OPAQUE


def is_called_page(content_type: str | None) -> bool:
    """Whether a reply calls its body a page of HTML."""
    return _media_type(content_type) in _PAGES


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def page_instead(
    kind: MediaKind, content_type: str | None, head: bytes, *, sized: bool = False
) -> str | None:
    """Return why this reply is a page or an error instead of the file; None if it is not.

    `head` holds the first bytes of the body, `HEAD_BYTES` if there are as many. `sized` says that
    nothing contradicts the size that the provider promised: then a text that begins like a page
    is looked at again when all of it is here, by `examine`.
    """
    if kind in _STRICT and magic_ok(kind, head):
        return None
    served_as = _media_type(content_type)
    start, labelled = _text_start(head), served_as in _PAGES
    doubted = sized and kind in _ANYTHING
    if _is_html(kind, start, labelled=labelled, doubted=doubted):
        return _HTML_INSTEAD
    if _XML_ERROR.match(start) and not doubted:
        return _XML_INSTEAD
    if start.startswith(b"{") and _is_json_error(head, sized=sized and kind not in _STRICT):
        return _JSON_INSTEAD
    return _other_text(kind, served_as, head, sized=sized)


def _other_text(kind: MediaKind, served_as: str, head: bytes, *, sized: bool) -> str | None:
    if kind in _STRICT and (head.lstrip().startswith(b"{") or _NOT_MEDIA.fullmatch(served_as)):
        return "JSON or XML instead of the file"
    if refusal := _refusal(kind, head, sized=sized):
        return refusal
    if not sized and _is_nothing(kind, head):
        return f"some text, or nothing, instead of the file ({len(head)} bytes seen)"
    return None


def _refusal(kind: MediaKind, head: bytes, *, sized: bool) -> str | None:
    """Return why all of a text is the refusal of a host (GoTo's edge sends it with status 200)."""
    if sized or kind is MediaKind.PAGE or len(head) >= HEAD_BYTES:
        return None
    return _REFUSED_INSTEAD if _REFUSAL.fullmatch(head.removeprefix(_BOM)) else None


def _is_nothing(kind: MediaKind, head: bytes) -> bool:
    """Whether this is a message or nothing in the place of a medium, by its beginning alone."""
    if not head:
        return kind in (MediaKind.MP4, MediaKind.JPEG)
    return kind in _STRICT and _is_message(kind, head, sized=False)


def _is_html(kind: MediaKind, start: bytes, *, labelled: bool, doubted: bool) -> bool:
    """Whether a page begins here: of a text of the right size both must say so, look and label."""
    looks_so = _HTML.match(start) is not None
    if doubted:
        return looks_so and labelled and kind is not MediaKind.PAGE
    is_json = kind is MediaKind.JSON and start.startswith((b"{", b"["))
    return looks_so or (labelled and not is_json)


def magic_ok(kind: MediaKind, head: bytes) -> bool:
    """Whether a file of this kind begins so."""
    match kind:
        case MediaKind.MP4:
            return head[4:8] in FIRST_BOXES
        case MediaKind.JPEG:
            return head.startswith(b"\xff\xd8\xff")
        case MediaKind.VTT:
            return re.match(rb"WEBVTT(?:\s|$)", _text_start(head)) is not None
        case MediaKind.JSON | MediaKind.TEXT | MediaKind.PAGE | MediaKind.OPAQUE:
            return True


def examine(kind: MediaKind, read_at: ReadAt, size: int, *, sized: bool = False) -> Examination:
    """Return what the complete file of `size` bytes shows.

    Meant for the end of a download. `sized` says that this is the size that the provider promised.
    It reads the tables and some samples of a video, all of a text up to a bound.
    """
    if size == 0:
        return _empty(kind, sized=sized)
    head = read_at(0, min(size, HEAD_BYTES))
    page = _refusal(kind, head, sized=sized)
    if kind not in _STRICT:
        page = page or _whole_page(kind, read_at, size, sized=sized)
    if page:
        return Examination(fault=page, is_no_file=True)
    if other := _another_kind(kind, head):
        return _of_another_kind(kind, other, size, sized=sized)
    if not magic_ok(kind, head):
        fault = f"does not begin like {kind.value} ({size} bytes)"
        return Examination(fault=fault, is_no_file=_is_message(kind, head, sized=sized))
    found = _inside(kind, read_at, size, sized=sized)
    if kind is MediaKind.JSON and found.fault and not _text_start(head).startswith((b"{", b"[")):
        return replace(found, is_no_file=found.is_no_file or not sized)
    return found


def _empty(kind: MediaKind, *, sized: bool) -> Examination:
    if kind in _ANYTHING:
        return Examination()
    if sized:
        return Examination(note="it is empty, as its provider announced it")
    fault = f"does not begin like {kind.value} (0 bytes)"
    return Examination(fault=fault, is_no_file=kind in (MediaKind.MP4, MediaKind.JPEG))


def _is_message(kind: MediaKind, head: bytes, *, sized: bool) -> bool:
    """Whether this is markup or, where no size was promised, any text in the place of a medium."""
    if _text_start(head).startswith((b"<", b"{")):
        return True
    subtitles = kind is MediaKind.VTT and b"-->" in head
    return not sized and not subtitles and _BINARY.search(head) is None


def _inside(kind: MediaKind, read_at: ReadAt, size: int, *, sized: bool) -> Examination:
    match kind:
        case MediaKind.MP4:
            return examine_mp4(read_at, size)
        case MediaKind.JPEG:
            return examine_jpeg(read_at, size)
        case MediaKind.VTT:
            return examine_vtt(read_at, size)
        case MediaKind.JSON:
            return examine_json(read_at, size, lambda said: _says_error(said, sized=sized))
        case _:
            return Examination()


def _another_kind(kind: MediaKind, head: bytes) -> str | None:
    if kind in (MediaKind.OPAQUE, MediaKind.PAGE) or (kind in _STRICT and magic_ok(kind, head)):
        return None
    return next((name for name, begins in _OTHERS.items() if begins.match(head)), None)


def _of_another_kind(kind: MediaKind, other: str, size: int, *, sized: bool) -> Examination:
    if sized and other in _AS_GOOD.get(kind, ()):
        return Examination(note=f"it is {other}, not {kind.value}")
    return Examination(fault=f"begins like {other}, not like {kind.value} ({size} bytes)")


def _text_start(head: bytes) -> bytes:
    return head[:HEAD_BYTES].removeprefix(_BOM).lstrip()


def _whole_page(kind: MediaKind, read_at: ReadAt, size: int, *, sized: bool) -> str | None:
    """Return why all of a text is a page: it does not only begin like one."""
    if kind is MediaKind.PAGE and sized:
        return None
    begins = read_at(0, min(size, HEAD_BYTES)).removeprefix(_BOM)
    if not begins.strip():  # a page may begin with many blanks
        begins = read_at(0, min(size, _PAGE_BYTES)).removeprefix(_BOM)
    start = begins.lstrip()[:HEAD_BYTES]
    tail = read_at(max(0, size - HEAD_BYTES), min(size, HEAD_BYTES))
    if _HTML.match(start) and (not sized or kind is MediaKind.JSON or _HTML_END.search(tail)):
        return _HTML_INSTEAD
    if _XML_ERROR.match(start) and (not sized or _XML_END.search(tail)):
        return _XML_INSTEAD
    if start.startswith(b"{") and size <= _PAGE_BYTES and kind is not MediaKind.PAGE:
        try:
            document = json.loads(read_at(0, size))
        except (ValueError, RecursionError):
            return None
        return _JSON_INSTEAD if _says_error(document, sized=sized) else None
    return None


def _is_json_error(head: bytes, *, sized: bool) -> bool:
    try:
        return _says_error(json.loads(head.removeprefix(_BOM)), sized=sized)
    except (ValueError, RecursionError):  # cut, so it is no short error: look at its beginning
        return not sized and _CUT_ERROR.match(_text_start(head)) is not None


def _says_error(document: Any, *, sized: bool = False) -> bool:
    """Whether this is one of the objects with which the providers' hosts refuse a download.

    Zoom: `{"status":false,"errorCode":401,…}` and `{"code":124,"message":…}`; GoTo:
    `{"int_err_code":…,"msg":…}`; gateways: `{"message":…}`, `{"error":…}` and the like. A chat
    may hold what looks like the latter, so that these count only without a promised size.
    """
    if not isinstance(document, dict):
        return False
    said = {name.lower(): value for name, value in document.items()}
    if said.get("status") is False or any(said.get(word) for word in _ERROR_WORDS):
        return True
    alone = said.keys() <= _EXCUSES | _ALONG_WITH
    if isinstance(said.get("code"), int | str) and isinstance(said.get("message"), str):
        return alone or not sized
    return not sized and alone and not _EXCUSES.isdisjoint(said)
