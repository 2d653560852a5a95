"""Read boxes of an MP4 file, their tables of numbers, and the units of its samples."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from reelkeep.core.examination import ReadAt

MOST_ENTRIES: Final = 3_000_000
"""Entries of all tables of a kind that are looked at: 24 hours at 30 pictures a second."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of tables that are read."""


class WrongBox(ValueError):
    """Boxes or tables contradict each other."""


class NotTold(Exception):
    """The tables are too large or too foreign to say anything."""


def is_box_name(kind: bytes) -> bool:
    """Whether these are four printable characters; QuickTime also has the copyright sign."""
    return len(kind) == 4 and all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def inner_boxes(content: memoryview, name: str) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and payload of each box that `content`, the payload of `name`, consists of.

    QuickTime may end a list of boxes with four zero bytes.

    Raises:
        WrongBox: It does not consist of boxes.
    """
    at, size = 0, len(content)
    while size - at >= 8:
        length, header = int.from_bytes(content[at : at + 4], "big"), 8
        kind = bytes(content[at + 4 : at + 8])
        if length == 1 and size - at >= 16:
            length, header = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        elif length == 0:
            length = size - at
        if length < header or at + length > size or not is_box_name(kind):
            raise WrongBox(f"no box at byte {at} of {name} ({size} bytes)")
        yield kind, content[at + header : at + length]
        at += length
    if any(content[at:]):
        raise WrongBox(f"{size - at} bytes are left over at the end of {name}")


def number(content: memoryview, at: int, width: int = 4) -> int:
    """Return the unsigned number of `width` bytes at `at`.

    Raises:
        WrongBox: The box ends before.
    """
    if at + width > len(content):
        raise WrongBox(f"a box of {len(content)} bytes is too short")
    return int.from_bytes(content[at : at + width], "big")


def numbers(content: memoryview, at: int, count: int, width: int = 4) -> array[int]:
    """Return `count` unsigned numbers of `width` bytes each, from `at`.

    Raises:
        WrongBox: The table has no room for them.
        NotTold: There are too many.
    """
    if count * width > len(content) - at:
        raise WrongBox(f"a table announces {count} entries and has {len(content) - at} bytes")
    if count > MOST_ENTRIES:
        raise NotTold
    found = array({1: "B", 2: "H", 4: "I", 8: "Q"}[width])
    found.frombytes(content[at : at + count * width])
    if sys.byteorder == "little":
        found.byteswap()
    return found


_UNITS: Mapping[bytes, tuple[bytes, int]] = {
    b"avc1": (b"avcC", 4), b"avc3": (b"avcC", 4), b"hvc1": (b"hvcC", 21), b"hev1": (b"hvcC", 21),
}  # fmt: skip
"""Sample entries whose samples consist of units behind their lengths (ISO/IEC 14496-15), with the
box and the byte that says how long a length is."""
AAC: Final = -1
"""In the place of the bytes of a length: samples are frames of AAC, which have none."""
FRAMES: Final = 4
"""Neighbours among frames of AAC that are looked into: one alone may fit by chance."""
_ROW = 12  # hits that are no chance
_MISSES = 3
_END = 7  # the name of the last element
_VISUAL = 78  # bytes of a visual sample entry before its boxes
_READ_WHOLE = 8192
_MOST_UNITS = 256


def unit_length(stsd: memoryview) -> int:
    """Return how many bytes say the length of a unit of the samples, `AAC`, or 0 for others."""
    if number(stsd, 4) != 1:
        return 0
    for kind, entry in inner_boxes(stsd[8:], "stsd"):
        if kind == b"mp4a":
            return AAC
        name, at = _UNITS.get(kind, (b"", 0))
        if not name or len(entry) < _VISUAL:
            return 0
        for inner, payload in inner_boxes(entry[_VISUAL:], "a sample entry"):
            if inner == name:
                return (number(payload, at, 1) & 3) + 1
    return 0


def look_into(
    read_at: ReadAt, samples: Iterable[tuple[int, int]], unit: int
) -> tuple[bool, int | None]:
    """Return whether the samples, place and size of each, can tell; and where one is wrong."""
    if unit == AAC:
        return _frames(read_at, samples)
    for at, size in samples:
        if not _is_filled(read_at, at, size, unit):
            return True, at
    return True, None


def _frames(read_at: ReadAt, samples: Iterable[tuple[int, int]]) -> tuple[bool, int | None]:
    """Look for frames in a row that are unlike most (ISO/IEC 14496-3, 4.4.2.1).

    A frame begins with three bits that name its first element, mostly the same in a file, and ends
    with three that are set, and zeros to the next byte. Where no row of frames does, it is another
    coding.
    """
    found = [
        (at, _first_element(read_at(at, size) if size <= _READ_WHOLE else b""))
        for at, size in samples
        if size
    ]
    names = [name for _, name in found]
    usual = max(set(names) - {None}, key=names.count, default=None)
    rows = (len(list(row)) for name, row in groupby(names) if name == usual)
    if usual is None or max(rows) < min(_ROW, (len(found) + 1) // 2):
        return False, None
    misses = 0
    for at, name in found:
        misses = 0 if name == usual else misses + 1
        if misses == _MISSES:
            return True, at
    return True, None


def _first_element(frame: bytes) -> int | None:
    """Return the name of the first element of what looks like a frame of AAC."""
    end = int.from_bytes(frame[-2:], "big")
    zeros = (end & -end).bit_length() - 1
    fits = 0 <= zeros < 8 and end >> zeros & 7 == _END != frame[0] >> 5
    return frame[0] >> 5 if fits else None


def _is_filled(read_at: ReadAt, at: int, size: int, width: int) -> bool:
    """Whether a sample is filled exactly by units behind their lengths.

    The first bit of a unit is zero (ITU-T H.264, 7.3.1; H.265, 7.3.1.2). Some encoders write an
    empty one behind another.
    """
    begin, offset, length = read_at(at, min(size, _READ_WHOLE)), 0, 0
    for _ in range(_MOST_UNITS):
        if offset >= size:
            return offset == size
        head = begin[offset : offset + width + 1]
        if len(head) <= width:
            head = read_at(at + offset, min(width + 1, size - offset))
        before, length = length, int.from_bytes(head[:width], "big")
        if (head[width:] >= b"\x80" or len(head) <= width) if length else not before:
            return False
        offset += width + length
    return True  # so far; the rest is not looked at
