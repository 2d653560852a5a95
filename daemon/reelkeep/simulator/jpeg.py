"""Encode a small baseline JPEG: a mosaic of flat 8x8 tiles (ITU-T T.81)."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from random import Random

from reelkeep.simulator.bits import BitWriter

WIDTH, HEIGHT = 160, 120
_VARIANTS = 16


def jpeg(key: str, size: int) -> bytes:
    """Return a 160x120 colour picture of `key`, filled up with comments to about `size` bytes."""
    picture = _encoded(zlib.crc32(key.encode()) % _VARIANTS)
    left = size - len(picture)
    comments = [_segment(0xFE, key.encode()[:200])]
    while left > 0:
        comments.append(_segment(0xFE, b"-" * min(left, 65_000)))
        left -= 65_004
    return picture[:20] + b"".join(comments) + picture[20:]  # behind SOI and APP0


@lru_cache(maxsize=_VARIANTS)
def _encoded(seed: int) -> bytes:
    """Encode one picture; each tile carries its mean alone, so two short code tables do."""
    frame = struct.pack(">BHHB", 8, HEIGHT, WIDTH, 3) + b"\x01\x11\0\x02\x11\0\x03\x11\0"
    parts = (
        b"\xff\xd8",
        _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        _segment(0xDB, b"\0" + b"\x08" * 64),
        _segment(0xC0, frame),
        _segment(0xC4, b"\0" + bytes([0, 0, 0, 12]) + bytes(12) + bytes(range(12))),
        _segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\0"),
        _segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\x3f\0"),
        _scan(Random(seed)).replace(b"\xff", b"\xff\0"),
        b"\xff\xd9",
    )
    return b"".join(parts)


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _scan(random: Random) -> bytes:
    writer = BitWriter()
    before = [0, 0, 0]
    hue = [random.randint(-60, 60) for _ in range(3)]
    for tile in range(WIDTH * HEIGHT // 64):
        for component in range(3):
            mean = max(-100, min(100, hue[component] + tile // 8 - 18 + random.randint(-6, 6)))
            _difference(writer, mean - before[component])
            before[component] = mean
            writer.put(0, 1)  # end of block: no AC coefficients
    return writer.done(fill=1)


def _difference(writer: BitWriter, value: int) -> None:
    category = abs(value).bit_length()
    writer.put(category, 4)
    writer.put(value if value > 0 else value + (1 << category) - 1, category)
