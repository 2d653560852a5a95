"""Examine a JPEG picture to its end (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from typing import Final

from reelkeep.core.examination import Examination, ReadAt, Structure

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
