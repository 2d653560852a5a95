"""What a look into a complete file shows; the looks into pictures and text files.

The check is for what was cut. What is merely untidy is the provider's: it is noted, and kept.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, length)`: that many bytes from there, or fewer at the end of the file."""


class Structure(Enum):
    """How far the inside of a file was found to be whole."""

    NONE = "none"  #: Nothing is known of its inside.
    CONTAINER = "container"  #: Its outer structure is whole, to the last byte.
    SAMPLES = "samples"  #: Tables of an MP4 file agree with its data, and samples were looked into.


@dataclass(frozen=True, slots=True)
class Examination:
    """What was seen. No text of the file is ever repeated.

    A `fault` means that the bytes do not fit: they are fetched once more before they are believed.
    `is_no_file` says that this is an error page, some message or nothing in the place of the file,
    which may well come twice. A `note` says what is unusual about a file that is believed.
    """

    structure: Structure = Structure.NONE
    fault: str | None = None
    is_no_file: bool = False
    note: str | None = None


_START, _END, _SCAN = b"\xff\xd8", 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers that no length follows."""
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""What ends the data of a scan: stuffing and restarts are part of it."""
_MOST_SEGMENTS = 10_000
_PIECE = 256 * 1024
_MOST: Final = 64 * 1024 * 1024
"""Bytes of a picture that are looked at."""


def examine_jpeg(read_at: ReadAt, size: int) -> Examination:
    """Return what the picture of `size` bytes shows: whether it goes on to its end mark.

    What lies behind the mark is none of the picture's business, and noted.
    """
    at = len(_START)
    for _ in range(_MOST_SEGMENTS):
        head = read_at(at, min(4, max(0, size - at)))
        if len(head) < 2:
            return Examination(fault=f"truncated: the picture ends in the middle ({size} bytes)")
        if head[0] != 0xFF:
            return Examination(fault=f"no marker of a picture at byte {at} of {size}")
        if head[1] == _END:
            return _ended(at + 2, size)
        if head[1] == 0xFF or head[1] in _ALONE:
            at += 1 if head[1] == 0xFF else 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if length < 2 and len(head) == 4:
            return Examination(fault=f"no marker of a picture at byte {at} of {size}")
        at += 2 + max(length, 2)
        if head[1] == _SCAN:
            at = _behind_scan(read_at, at, size)
    return Examination()


def _ended(end: int, size: int) -> Examination:
    note = f"{size - end} bytes are behind the end of the picture" if end < size else None
    return Examination(Structure.CONTAINER, note=note)


def _behind_scan(read_at: ReadAt, at: int, size: int) -> int:
    """Return where the marker is that ends the scan at `at`; the end of the file if none does."""
    end = min(size, at + _MOST)
    while at < end:
        piece = read_at(at, min(_PIECE, size - at))
        if (match := _MARKER.search(piece)) is not None:
            return at + match.end() - 2
        if len(piece) < 2:
            break
        at += len(piece) - 1  # a marker may lie across
        if at + 1 >= size:
            break
    return size


JSON_BYTES: Final = 8 * 1024 * 1024
"""JSON files up to this size are parsed as a whole, at worst in some twenty times that memory."""

VTT_BYTES: Final = 64 * 1024 * 1024
"""WebVTT files up to this size are read as a whole, a piece at a time."""

_TEXT_PIECE = 1024 * 1024
_EDGE = 4096
_TIMES = re.compile(rb"\s*[\d:.]+\s*-->\s*([\d:.]*)\s*\Z")
_WHOLE_TIME = re.compile(rb"(?:\d+:)?\d\d:\d\d\.\d{3}")
_NEXT_OUTSIDE = re.compile(rb'["\[\]{}]')
_NEXT_IN_STRING = re.compile(rb'["\\]')


def examine_vtt(read_at: ReadAt, size: int) -> Examination:
    """Return what the WebVTT file of `size` bytes shows.

    It is decoded with replacement by whoever reads it (W3C WebVTT, section 4), so that a byte that
    is not UTF-8 is no reason to refuse it, unless it is where the file ends.
    """
    decoder, odd, read = codecs.getincrementaldecoder("utf-8")(), None, 0
    for at, piece in _pieces(read_at, size, VTT_BYTES):
        if odd is None:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                odd = at
        read = at + len(piece)
    tail = read_at(max(0, size - _EDGE), min(size, _EDGE))
    if read == size and odd is None and decoder.getstate()[0]:
        return Examination(fault="the text is cut: it ends within a character")
    if _ends_within_times(tail):
        return Examination(fault="the text is cut: it ends within the times of a cue")
    if odd is not None:
        return Examination(note="the text has bytes that are not UTF-8")
    if b"\0" in tail:
        return Examination(note="the text has zero bytes")
    return Examination(Structure.CONTAINER)


def examine_json(read_at: ReadAt, size: int, is_error: Callable[[Any], bool]) -> Examination:
    """Return what the JSON file of `size` bytes shows; `is_error` knows error objects."""
    if size > JSON_BYTES:
        tail = read_at(size - _EDGE, _EDGE).rstrip(b" \t\r\n\0")
        closed = tail.endswith((b"}", b"]"))
        return Examination(Structure.CONTAINER if closed else Structure.NONE,
                           fault=None if closed else "the JSON is cut")  # fmt: skip
    content = b"".join(piece for _, piece in _pieces(read_at, size, JSON_BYTES))
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _untidy(content)
    if is_error(document):
        return Examination(fault="a JSON error instead of the file", is_no_file=True)
    return Examination(Structure.CONTAINER)


def _pieces(read_at: ReadAt, size: int, most: int) -> Iterator[tuple[int, bytes]]:
    for at in range(0, min(size, most), _TEXT_PIECE):
        yield at, read_at(at, min(_TEXT_PIECE, size - at))


def _ends_within_times(tail: bytes) -> bool:
    last = re.split(rb"[\r\n]", tail)[-1]
    match = _TIMES.match(last)
    return match is not None and _WHOLE_TIME.fullmatch(match[1]) is None


def _untidy(content: bytes) -> Examination:
    """Judge what a strict parser refuses: only what ends in the middle is at fault."""
    text = content.decode("utf-8-sig", "replace").rstrip("\0 \t\r\n")
    notes = []
    if "\ufffd" in text:
        notes.append("bytes that are not UTF-8")
    documents = _documents(text)
    if documents is None:
        if not _is_closed(content):
            return Examination(fault="the JSON is cut: it ends in the middle")
        notes.append("what a strict JSON parser refuses")
    elif documents != 1:
        notes.append(f"{documents} JSON documents, one behind the other")
    elif not notes:
        notes.append("control characters or zero bytes")
    return Examination(note=f"the text has {' and '.join(notes)}")


def _documents(text: str) -> int | None:
    """Return how many JSON values `text` consists of; None if it consists of others, too."""
    decoder, at, count = json.JSONDecoder(strict=False), 0, 0
    space = re.compile(r"[\s,]*")
    try:
        while at < len(text):
            _, at = decoder.raw_decode(text, at)
            count += 1
            at = match.end() if (match := space.match(text, at)) else at
    except (ValueError, RecursionError):
        return None
    return count


def _is_closed(content: bytes) -> bool:
    """Whether every string, object and list that is opened is closed, and there is one."""
    depth, at, seen = 0, 0, False
    while (match := _NEXT_OUTSIDE.search(content, at)) is not None:
        at = match.end()
        sign = match[0]
        if sign == b'"':
            end = _end_of_string(content, at)
            if end is None:
                return False
            at = end
        else:
            seen = True
            depth += 1 if sign in b"[{" else -1
    return seen and depth <= 0


def _end_of_string(content: bytes, at: int) -> int | None:
    while (match := _NEXT_IN_STRING.search(content, at)) is not None:
        if match[0] == b'"':
            return match.end()
        at = match.end() + 1
    return None
