"""Check that samples of H.264 and H.265 consist of units behind their lengths."""

from __future__ import annotations

from collections.abc import Mapping

from reelkeep.core.examination import ReadAt
from reelkeep.core.mp4_boxes import inner_boxes, number

_UNITS: Mapping[bytes, tuple[bytes, int]] = {
    b"avc1": (b"avcC", 4), b"avc3": (b"avcC", 4), b"hvc1": (b"hvcC", 21), b"hev1": (b"hvcC", 21),
}  # fmt: skip
"""Sample entries whose samples consist of units behind their lengths (ISO/IEC 14496-15), with the
box and the byte that says how long a length is."""
_VISUAL = 78  # bytes of a visual sample entry before its boxes
_READ_WHOLE = 8192
_MOST_UNITS = 256


def unit_length(stsd: memoryview) -> int:
    """Return how many bytes say the length of a unit of the samples; 0 if that is not known."""
    if number(stsd, 4) != 1:
        return 0
    for kind, entry in inner_boxes(stsd[8:], "stsd"):
        name, at = _UNITS.get(kind, (b"", 0))
        if not name or len(entry) < _VISUAL:
            return 0
        for inner, payload in inner_boxes(entry[_VISUAL:], "a sample entry"):
            if inner == name:
                return (number(payload, at, 1) & 3) + 1
    return 0


def units_fit(read_at: ReadAt, at: int, size: int, width: int) -> bool:
    """Whether the sample of `size` bytes at `at` is filled exactly by units behind their lengths.

    The first bit of a unit is zero (ITU-T H.264, 7.3.1; H.265, 7.3.1.2).
    """
    if size <= _READ_WHOLE:
        sample = read_at(at, size)
        return len(sample) == size and _filled(
            lambda offset, n: sample[offset : offset + n], size, width
        )
    return _filled(lambda offset, n: read_at(at + offset, n), size, width)


def _filled(read_at: ReadAt, size: int, width: int) -> bool:
    offset = 0
    for _ in range(_MOST_UNITS):
        if offset == size:
            return True
        head = read_at(offset, width + 1)
        length = int.from_bytes(head[:width], "big")
        if len(head) <= width or length == 0 or head[width] & 0x80:
            return False
        offset += width + length
        if offset > size:
            return False
    return True  # so far; the rest is not looked at
