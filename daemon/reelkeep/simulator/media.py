"""Encode tiny media files: a film of H.264 in an MP4 file, and a JPEG picture.

Constrained Baseline with I_PCM macroblocks needs no transform and no prediction,
and every decoder, those of browsers included, plays it (ITU-T H.264, 7.3).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random


class BitWriter:
    """Collects bits, most significant first."""

    def __init__(self) -> None:
        self._bits: list[str] = []
        self._count = 0

    def put(self, value: int, width: int) -> BitWriter:
        """Append `value` in `width` bits; a width of 0 appends nothing."""
        if width:
            self._bits.append(format(value, f"0{width}b"))
            self._count += width
        return self

    def unsigned(self, *values: int) -> BitWriter:
        """Append Exp-Golomb codes (ITU-T H.264, 9.1)."""
        for value in values:
            length = (value + 1).bit_length()
            self.put(value + 1, 2 * length - 1)
        return self

    def align(self, fill: int = 0) -> BitWriter:
        """Fill up to the next byte with bits of `fill`."""
        while self._count % 8:
            self.put(fill, 1)
        return self

    def octets(self, data: bytes) -> BitWriter:
        """Append whole bytes."""
        return self.put(int.from_bytes(data), 8 * len(data))

    def done(self, fill: int = 0) -> bytes:
        """Return what was written, filled up to a whole byte."""
        text = "".join(self.align(fill)._bits)  # noqa: SLF001 - it is this very object
        return int(text, 2).to_bytes(len(text) // 8) if text else b""


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


_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_AUDIO_RATE = 44100


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track: how it is described and what it holds."""

    handler: bytes
    header: bytes  #: vmhd or smhd
    entry: bytes  #: the sample entry of stsd
    timescale: int  #: ticks a second
    ticks: int  #: ticks a sample
    samples: list[bytes]
    width: int = 0
    height: int = 0


UNIT_BYTES = 5
"""Bytes at the beginning of each filler sample that `filler_unit` gives."""


def mp4(seed: int, fillers: Sequence[int]) -> bytes:
    """Return ten seconds of video, about 6 kB, up to its `fillers`.

    These are samples of so many bytes in a second track that is turned off. They are to follow,
    each beginning with `filler_unit`: then the file is whole, and plays.
    """
    return _film(b"isom", b"isomiso2avc1mp41", _video(seed), fillers)


def m4a(seed: int, fillers: Sequence[int]) -> bytes:
    """Return a little over a second of AAC silence, about 1 kB; `seed` sets its length.

    `fillers` are as for `mp4`.
    """
    return _film(b"M4A ", b"M4A mp42isom", _audio(44 + seed % 8), fillers)


def filler_unit(size: int) -> bytes:
    """Return how a filler of `size` bytes begins: a length, and the header of filler data."""
    return struct.pack(">IB", size - 4, 12)


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of that kind around `parts`."""
    payload = b"".join(parts)
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _film(brand: bytes, brands: bytes, track: Track, fillers: Sequence[int]) -> bytes:
    start = box(b"ftyp", brand, struct.pack(">I", 512), brands)
    payload = sum(map(len, track.samples)) + sum(fillers)
    data = struct.pack(">I4sQ", 1, b"mdat", payload + 16)
    if payload + 8 < 2**32:
        data = struct.pack(">I4s", payload + 8, b"mdat")
    offset = len(start) + len(_moov(track, fillers, 0)) + len(data)
    return start + _moov(track, fillers, offset) + data + b"".join(track.samples)


def _moov(track: Track, fillers: Sequence[int], offset: int) -> bytes:
    sizes = [len(sample) for sample in track.samples]
    seconds = track.ticks * len(sizes) * 1000 // track.timescale
    movie = struct.pack(">IIIIIIH", 0, 0, 0, 1000, seconds, 0x10000, 0x100) + bytes(10)
    filler = replace(_video(0), ticks=1, samples=[])
    parts = [
        box(b"mvhd", movie, _MATRIX, bytes(24), struct.pack(">I", 3)),
        box(b"trak", _tkhd(track, 1, seconds), _mdia(track, sizes, offset)),
    ]
    if fillers:
        table = _mdia(filler, fillers, offset + sum(sizes))
        parts.append(box(b"trak", _tkhd(filler, 2, len(fillers)), table))
    return box(b"moov", *parts)


def _tkhd(track: Track, number: int, duration: int) -> bytes:
    """Return the header of a track; only the first is turned on."""
    volume = 0 if track.width else 0x100
    on = 7 if number == 1 else 0
    times = struct.pack(">IIIIII", on, 0, 0, number, 0, duration)
    layer = bytes(8) + struct.pack(">HHHH", 0, 0, volume, 0)
    return box(
        b"tkhd", times, layer, _MATRIX, struct.pack(">II", track.width << 16, track.height << 16)
    )


def _mdia(track: Track, sizes: Sequence[int], offset: int) -> bytes:
    length = track.ticks * len(sizes)
    return box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, track.timescale, length, 0x55C4, 0)),
        box(b"hdlr", bytes(8), track.handler, bytes(12), b"reelkeep\0"),
        box(b"minf", track.header, _dinf(), _stbl(track, sizes, offset)),
    )


def _dinf() -> bytes:
    return box(b"dinf", box(b"dref", struct.pack(">II", 0, 1), box(b"url ", b"\0\0\0\1")))


def _stbl(track: Track, sizes: Sequence[int], offset: int) -> bytes:
    count = len(sizes)
    return box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), track.entry),
        box(b"stts", struct.pack(">IIII", 0, 1, count, track.ticks)),
        box(b"stss", struct.pack(">III", 0, 1, 1)) if track.width else b"",
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, count, 1)),
        box(b"stsz", struct.pack(f">III{count}I", 0, 0, count, *sizes)),
        box(b"stco", struct.pack(">III", 0, 1, offset)),
    )


@lru_cache(maxsize=64)
def _video(seed: int) -> Track:
    sequence, picture = parameter_sets()
    sets = b"\xe1" + struct.pack(">H", len(sequence)) + sequence
    sets += b"\x01" + struct.pack(">H", len(picture)) + picture
    size = struct.pack(">HHIIIH", WIDTH, HEIGHT, 0x480000, 0x480000, 0, 1)
    fields = bytes(6) + struct.pack(">H", 1) + bytes(16) + size + bytes(32)
    configuration = box(b"avcC", b"\x01" + sequence[1:4] + b"\xff", sets)
    return Track(
        handler=b"vide",
        header=box(b"vmhd", struct.pack(">IQ", 1, 0)),
        entry=box(b"avc1", fields, struct.pack(">Hh", 24, -1), configuration),
        timescale=1000,
        ticks=1000,
        samples=frames(seed, 10),
        width=WIDTH,
        height=HEIGHT,
    )


def _audio(count: int) -> Track:
    fields = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">HHI", 1, 16, 0)
    return Track(
        handler=b"soun",
        header=box(b"smhd", bytes(8)),
        entry=box(b"mp4a", fields, struct.pack(">I", _AUDIO_RATE << 16), _esds()),
        timescale=_AUDIO_RATE,
        ticks=1024,
        samples=[_silence()] * count,
    )


def _silence() -> bytes:
    """One AAC-LC frame: a single channel without any coefficient, then END (ISO/IEC 14496-3)."""
    element = BitWriter().put(0, 7).put(100, 8)  # id and tag, global gain
    element.put(0, 4).put(0, 6).put(0, 1)  # long window, max_sfb 0, no prediction
    return element.put(0, 3).put(7, 3).done()  # no pulse, noise shaping or gain control; END


def _esds() -> bytes:
    specific = b"\x05\x02\x12\x08"  # AAC LC, 44100 Hz, mono
    decoder = b"\x40\x15" + bytes(3) + struct.pack(">II", 64000, 64000) + specific
    stream = b"\x00\x01\x00" + b"\x04" + bytes([len(decoder)]) + decoder + b"\x06\x01\x02"
    return box(b"esds", bytes(4), b"\x03" + bytes([len(stream)]) + stream)


PICTURE_WIDTH, PICTURE_HEIGHT = 160, 120
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
    frame = (
        struct.pack(">BHHB", 8, PICTURE_HEIGHT, PICTURE_WIDTH, 3)
        + b"\x01\x11\0\x02\x11\0\x03\x11\0"
    )
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
    for tile in range(PICTURE_WIDTH * PICTURE_HEIGHT // 64):
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
