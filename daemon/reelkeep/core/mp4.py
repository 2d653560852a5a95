"""Walk the top-level boxes of an MP4 file (ISO/IEC 14496-12, section 4.2).

A download that was cut, padded with zeros or joined wrongly rarely tiles into boxes; one that
does, and holds `moov` and `mdat`, has at least its frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

ReadAt = Callable[[int, int], bytes]
"""`read_at(offset, length)`: that many bytes from there, or fewer at the end of the file."""

FIRST_BOXES: Final = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"}
)
"""Types that a file may begin with; old QuickTime has no `ftyp`."""

_NEEDED = (b"moov", b"mdat")  # a fragmented file has moof boxes beside them
_MOST_BOXES = 200_000  # a fragment a second for more than a day
_SHORT, _LONG = 8, 16  # bytes of a header with a 32-bit and with a 64-bit size


def check_boxes(read_at: ReadAt, size: int) -> str | None:
    """Return what is wrong with the MP4 file of `size` bytes, or None if it is whole.

    Reads at most 16 bytes at a time, and the headers of at most 200,000 boxes.
    """
    offset, seen = 0, set[bytes]()
    for _ in range(_MOST_BOXES):
        if offset == size:
            missing = [kind.decode() for kind in _NEEDED if kind not in seen]
            return f"no {missing[0]} box in {size} bytes" if missing else None
        header = read_at(offset, min(_LONG, size - offset))
        kind, length = header[4:8], _length(header, size - offset)
        if fault := _fault(kind, length, offset, size):
            return fault
        seen.add(kind)
        offset += length
    return f"more than {_MOST_BOXES} boxes"


def _length(header: bytes, rest: int) -> int:
    """Return the bytes from this box to the next, 0 if the header does not say."""
    length = int.from_bytes(header[:4], "big")
    if len(header) < _SHORT:
        return 0
    if length == 0:
        return rest  # the last box may run to the end
    if length > 1:
        return length if length >= _SHORT else 0
    length = int.from_bytes(header[_SHORT:_LONG], "big")
    return length if len(header) == _LONG <= length else 0


def _fault(kind: bytes, length: int, offset: int, size: int) -> str | None:
    if offset == 0 and kind not in FIRST_BOXES:
        return "does not begin like an MP4 file"
    if length == 0 or not _is_name(kind):
        return f"no box at byte {offset} of {size}"
    if offset + length > size:
        name = kind.decode("latin-1")
        return f"truncated: {name} at byte {offset} needs {length} bytes, {size - offset} are there"
    return None


def _is_name(kind: bytes) -> bool:
    """Whether these are four printable characters; QuickTime also has the copyright sign."""
    return len(kind) == 4 and all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)
