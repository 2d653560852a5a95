"""Check the sample tables of an MP4 file against each other and against its data.

All work on tables is done by functions that loop in C: a track may have millions of samples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, repeat, starmap
from operator import add, le, mul, sub
from typing import Final

from reelkeep.core.examination import ReadAt
from reelkeep.core.mp4_boxes import (
    MOST_BYTES,
    MOST_ENTRIES,
    NotTold,
    WrongBox,
    inner_boxes,
    number,
    numbers,
)
from reelkeep.core.mp4_units import unit_length, units_fit

Extents = list[tuple[int, int]]
"""Where something begins and ends in the file, in bytes."""

ALL_SAMPLES: Final = 4096
"""Samples of a track up to which all are looked into."""

STRIDE: Final = 64 * 1024
"""Bytes of a longer track from one sample that is looked into to the next."""

MOST_LOOKS: Final = 65_536

_NEEDED = (b"stsc", b"stts", b"stsd")


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """The samples of one track: chunk `i` has samples `firsts[i]` to `firsts[i + 1]`."""

    number: int
    sums: Sequence[int] = field(repr=False)  #: Bytes of all samples before each one, and of all.
    starts: Sequence[int] = field(repr=False)  #: Of the chunks.
    ends: Sequence[int] = field(repr=False)
    firsts: Sequence[int] = field(repr=False)
    unit: int = 0  #: Bytes of the length before each unit; 0: it has none, or nothing is known.

    def looks(self) -> Iterator[tuple[int, int]]:
        """Yield place and size of samples to look into: all of a short track, else some.

        Some are one in `STRIDE` bytes, the last among them, from the beginning to the end.
        """
        if len(self.sums) - 1 <= ALL_SAMPLES:
            for chunk in range(len(self.starts)):
                yield from self._of_chunk(chunk)
            return
        total = self.sums[-1]
        stride = max(STRIDE, total // MOST_LOOKS)
        wanted = chain(range(0, total, stride), (max(total - 1, 0),))
        last = -1
        for at in wanted:
            sample = min(bisect_right(self.sums, at), len(self.sums) - 1) - 1
            if sample == last:
                continue
            last = sample
            chunk = bisect_right(self.firsts, sample) - 1
            yield self._sample(chunk, sample)

    def _of_chunk(self, chunk: int) -> Iterator[tuple[int, int]]:
        for sample in range(self.firsts[chunk], self.firsts[chunk + 1]):
            yield self._sample(chunk, sample)

    def _sample(self, chunk: int, sample: int) -> tuple[int, int]:
        before = self.sums[sample] - self.sums[self.firsts[chunk]]
        return self.starts[chunk] + before, self.sums[sample + 1] - self.sums[sample]


@dataclass(frozen=True, slots=True)
class Movie:
    """What `moov` says: the tracks, and what fragments fall back on."""

    tracks: Sequence[MovieTrack]
    units: Mapping[int, int] = field(default_factory=dict)  #: `MovieTrack.unit` by the track's id.
    sizes: Mapping[int, int] = field(default_factory=dict)  #: Default size of samples, by id.
    note: str | None = None

    def check(self, read_at: ReadAt, size: int, data: Extents) -> int:
        """Return how many bytes of the samples lie in `data`, which is all of them.

        Raises:
            WrongBox: Chunks lie elsewhere or overlap, or samples are not what they should be.
        """
        for track in self.tracks:
            _see_inside(track, size, data)
        _see_apart(self.tracks)
        for track in self.tracks:
            if track.unit:
                for at, length in track.looks():
                    if not units_fit(read_at, at, length, track.unit):
                        raise WrongBox(f"a sample of track {track.number} at byte {at} is no video")
        return sum(track.sums[-1] for track in self.tracks)


def read_movie(read_at: ReadAt, extent: tuple[int, int]) -> Movie:
    """Return what the payload of `moov`, at `extent`, says.

    Raises:
        WrongBox: Its tables contradict each other.
        NotTold: It is too large, or refers to other files.
    """
    start, end = extent
    if end - start > MOST_BYTES:
        raise NotTold
    content = memoryview(read_at(start, end - start))
    if len(content) != end - start:
        raise WrongBox("moov could not be read to its end")
    tracks: list[MovieTrack] = []
    units: dict[int, int] = {}
    sizes: dict[int, int] = {}
    notes: list[str] = []
    for kind, payload in inner_boxes(content, "moov"):
        if kind == b"trak":
            track, track_id, note = _track(payload, len(tracks) + 1)
            tracks.append(track)
            units[track_id] = track.unit
            notes += [note] if note else []
        elif kind == b"mvex":
            sizes |= _defaults(payload)
    if sum(len(track.starts) for track in tracks) > MOST_ENTRIES:
        raise NotTold
    return Movie(tracks, units, sizes, notes[0] if notes else None)


def _track(trak: memoryview, count: int) -> tuple[MovieTrack, int, str | None]:
    parts = dict(inner_boxes(trak, "trak"))
    media = dict(inner_boxes(parts.get(b"mdia", _NOTHING), "mdia"))
    info = dict(inner_boxes(media.get(b"minf", _NOTHING), "minf"))
    table = dict(inner_boxes(info.get(b"stbl", _NOTHING), "stbl"))
    track_id = _track_id(parts.get(b"tkhd", _NOTHING))
    _see_own_data(info.get(b"dinf", _NOTHING))
    if missing := [kind.decode() for kind in _NEEDED if kind not in table]:
        raise WrongBox(f"track {count} has no {missing[0]}")
    sums = _sums(table)
    samples, ticks = _times(table[b"stts"])
    if samples != len(sums) - 1:
        raise WrongBox(f"track {count} has {len(sums) - 1} samples and the times of {samples}")
    starts, ends, firsts = _chunks(table, sums, count)
    track = MovieTrack(count, sums, starts, ends, firsts, unit_length(table[b"stsd"]))
    return track, track_id, _duration_note(media.get(b"mdhd", _NOTHING), ticks, samples, count)


_NOTHING = memoryview(b"")


def _track_id(tkhd: memoryview) -> int:
    if not tkhd:
        return 0
    return number(tkhd, 20 if tkhd[0] == 1 else 12)


def _see_own_data(dinf: memoryview) -> None:
    """Raise NotTold if samples may lie in other files."""
    for kind, payload in inner_boxes(dinf, "dinf"):
        if kind == b"dref":
            for _, entry in inner_boxes(payload[8:], "dref"):
                if not number(entry, 0) & 1:
                    raise NotTold


def _sums(table: Mapping[bytes, memoryview]) -> Sequence[int]:
    """Return the bytes of all samples before each one, and of all."""
    if (fixed := table.get(b"stsz")) is not None:
        each, count = number(fixed, 4), number(fixed, 8)
        if each:
            return range(0, each * count + 1, each)
        return array("Q", accumulate(numbers(fixed, 12, count), initial=0))
    if (compact := table.get(b"stz2")) is None:
        raise WrongBox("a track says no sizes of its samples")
    width, count = number(compact, 7, 1), number(compact, 8)
    if width in (8, 16):
        return array("Q", accumulate(numbers(compact, 12, count, width // 8), initial=0))
    if width != 4:
        raise WrongBox(f"sizes of {width} bits")
    halves = numbers(compact, 12, (count + 1) // 2, 1)
    sizes = chain.from_iterable((byte >> 4, byte & 15) for byte in halves)
    return array("Q", accumulate(islice(sizes, count), initial=0))


def _chunks(
    table: Mapping[bytes, memoryview], sums: Sequence[int], track: int
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Return where chunks begin and end, and the first sample of each, and the number of all."""
    starts = _offsets(table)
    runs = list(_runs(table[b"stsc"], len(starts)))
    if sum(starmap(mul, runs)) != len(sums) - 1:
        raise WrongBox(f"the chunks of track {track} do not hold its samples")
    counts = chain.from_iterable(starmap(repeat, runs))
    firsts = array("Q", accumulate(counts, initial=0))
    bounds = list(map(sums.__getitem__, firsts))
    if max(starts, default=0) + sums[-1] >= 2**63:
        raise WrongBox(f"a chunk of track {track} begins behind the end of the file")
    ends = array("Q", map(add, starts, map(sub, islice(bounds, 1, None), bounds)))
    return starts, ends, firsts


def _offsets(table: Mapping[bytes, memoryview]) -> array[int]:
    if (short := table.get(b"stco")) is not None:
        return array("Q", numbers(short, 8, number(short, 4)))
    if (long := table.get(b"co64")) is not None:
        return numbers(long, 8, number(long, 4), 8)
    raise WrongBox("a track does not say where its chunks are")


def _runs(stsc: memoryview, chunks: int) -> Iterator[tuple[int, int]]:
    """Yield how many samples are in each of how many chunks, one after the other."""
    entries = numbers(stsc, 8, 3 * number(stsc, 4))
    firsts = [*entries[::3], chunks + 1]
    if len(firsts) == 1:
        if chunks:
            raise WrongBox("chunks without samples")
        return
    if firsts[0] != 1 or not all(map(le, firsts, islice(firsts, 1, None))):
        raise WrongBox("the runs of chunks are not in order")
    yield from zip(entries[1::3], map(sub, islice(firsts, 1, None), firsts), strict=True)


def _times(stts: memoryview) -> tuple[int, int]:
    """Return of how many samples the times are given, and how many ticks these last."""
    entries = numbers(stts, 8, 2 * number(stts, 4))
    return sum(entries[::2]), sum(map(mul, entries[::2], entries[1::2]))


def _duration_note(mdhd: memoryview, ticks: int, samples: int, track: int) -> str | None:
    """Return a note if a track announces another duration than its samples have."""
    if not mdhd or not samples:
        return None
    wide = mdhd[0] == 1
    scale = number(mdhd, 20 if wide else 12)
    announced = number(mdhd, 24, 8) if wide else number(mdhd, 16)
    unknown = announced in (0, 2**32 - 1, 2**64 - 1) or scale == 0
    if unknown or abs(ticks - announced) <= scale + announced // 100:
        return None
    said, real = announced // scale, ticks // scale
    return f"track {track} announces {said} s, and its samples last {real} s"


def _defaults(mvex: memoryview) -> dict[int, int]:
    extends = [payload for kind, payload in inner_boxes(mvex, "mvex") if kind == b"trex"]
    return {number(trex, 4): number(trex, 16) for trex in extends}


def _see_inside(track: MovieTrack, size: int, data: Extents) -> None:
    """See that every chunk lies in one of the extents of `data`."""
    if not track.starts:
        return
    for start, end in data:  # mostly one has them all
        if start <= min(track.starts) and max(track.ends) <= end:
            return
    froms, untils = [start for start, _ in data], [end for _, end in data]
    for start, end in zip(track.starts, track.ends, strict=True):
        place = bisect_right(froms, start) - 1
        if start < end and (place < 0 or end > untils[place]):
            raise WrongBox(
                f"a chunk of track {track.number} at byte {start} of {size} lies outside of mdat"
            )


def _see_apart(tracks: Sequence[MovieTrack]) -> None:
    """See that no two chunks overlap: then starts and ends take turns when each are sorted."""
    starts = sorted(chain.from_iterable(track.starts for track in tracks))
    ends = sorted(chain.from_iterable(track.ends for track in tracks))
    if not all(map(le, ends, islice(starts, 1, None))):
        raise WrongBox("two chunks of samples overlap")
