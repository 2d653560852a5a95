"""Encode a tiny H.264 film: one uncompressed picture, held for some frames.

Constrained Baseline with I_PCM macroblocks needs no transform and no prediction,
and every decoder, those of browsers included, plays it (ITU-T H.264, 7.3).
"""

from __future__ import annotations

import re
from random import Random

from reelkeep.simulator.bits import BitWriter

COLUMNS, ROWS = 4, 3
WIDTH, HEIGHT = COLUMNS * 16, ROWS * 16


def parameter_sets() -> tuple[bytes, bytes]:
    """Return the sequence and the picture parameter set."""
    sequence = BitWriter().octets(b"\x67\x42\xc0\x0a").unsigned(0, 0, 2, 1).put(0, 1)
    sequence.unsigned(COLUMNS - 1, ROWS - 1).put(0b11000, 5)
    picture = BitWriter().octets(b"\x68").unsigned(0, 0).put(0, 2).unsigned(0, 0, 0)
    picture.put(0, 3).unsigned(0, 0, 0).put(0b100, 3)
    return _unit(sequence), _unit(picture)


def frames(seed: int, count: int) -> list[bytes]:
    """Return `count` samples, each one unit behind its length: a picture, then repeats of it."""
    units = [_picture(Random(seed)), *(_repeat(number) for number in range(1, count))]
    return [len(unit).to_bytes(4) + unit for unit in units]


def _picture(random: Random) -> bytes:
    writer = BitWriter().octets(b"\x65").unsigned(0, 7, 0).put(0, 4).unsigned(0).put(0, 2)
    writer.unsigned(0, 1)
    for block in range(COLUMNS * ROWS):
        writer.unsigned(25).align()  # mb_type I_PCM
        light = 40 + 12 * block + random.randint(0, 20)
        writer.octets(bytes(light + line for line in range(16) for _ in range(16)))
        writer.octets(bytes([random.randint(60, 200)]) * 64 + bytes([random.randint(60, 200)]) * 64)
    return _unit(writer)


def _repeat(number: int) -> bytes:
    writer = BitWriter().octets(b"\x61").unsigned(0, 5, 0).put(number % 16, 4).put(0, 3)
    return _unit(writer.unsigned(0, 1, COLUMNS * ROWS))  # every macroblock is skipped


def _unit(writer: BitWriter) -> bytes:
    """Close a unit with its stop bit and keep start codes out of it (7.4.1.1)."""
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", writer.put(1, 1).done())
