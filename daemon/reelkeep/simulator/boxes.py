"""Put samples of one track into an MP4 file (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reelkeep.simulator import h264
from reelkeep.simulator.bits import BitWriter

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
    sequence, picture = h264.parameter_sets()
    sets = b"\xe1" + struct.pack(">H", len(sequence)) + sequence
    sets += b"\x01" + struct.pack(">H", len(picture)) + picture
    size = struct.pack(">HHIIIH", h264.WIDTH, h264.HEIGHT, 0x480000, 0x480000, 0, 1)
    fields = bytes(6) + struct.pack(">H", 1) + bytes(16) + size + bytes(32)
    configuration = box(b"avcC", b"\x01" + sequence[1:4] + b"\xff", sets)
    return Track(
        handler=b"vide",
        header=box(b"vmhd", struct.pack(">IQ", 1, 0)),
        entry=box(b"avc1", fields, struct.pack(">Hh", 24, -1), configuration),
        timescale=1000,
        ticks=1000,
        samples=h264.frames(seed, 10),
        width=h264.WIDTH,
        height=h264.HEIGHT,
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
