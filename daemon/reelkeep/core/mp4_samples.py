"""Check the sample tables of an MP4 file against each other and against its data.

All work on tables is done by functions that loop in C: a track may have millions of samples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, pairwise, repeat
from operator import itemgetter, le, mul, sub
from typing import Final

from reelkeep.core.examination import ReadAt
from reelkeep.core.mp4_boxes import (
    FRAMES,
    MOST_BYTES,
    MOST_ENTRIES,
    NotTold,
    WrongBox,
    inner_boxes,
    look_into,
    number,
    numbers,
    unit_length,
)

Extents = list[tuple[int, int]]
"""Where something begins and ends in the file, in bytes."""

ALL_SAMPLES: Final = 512
"""Samples of a track up to which all are looked into."""

STRIDE: Final = 128 * 1024
"""Bytes from one place in a longer track that is looked into to the next, at most about so many."""

_LEAST_LOOKS, _MOST_LOOKS = 64, 65_536
_MOST_TRACKS = 256
_CHUNKS = 4096
_CHUNK = 16 * 1024
"""Bytes of a file for each chunk of an ordinary one; of more chunks, some are checked."""
_EDITS = 12  # where `edts` says how many edits its only box has
_NEEDED = (b"stsc", b"stts", b"stsd")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many bytes each sample of a track has: all the same, or each its own."""

    count: int
    each: int = 0  #: Bytes of every sample; 0: each has its `own`.
    own: Sequence[int] = field(default=(), repr=False)

    def total(self, first: int, end: int) -> int:
        """Return the bytes of the samples from `first` to before `end`."""
        return self.each * (end - first) if self.each else sum(self.own[first:end])

    def places(self, first: int, end: int, at: int) -> Sequence[int]:
        """Return where these samples begin if the first does at `at`, and where the last ends."""
        if self.each:
            return range(at, at + self.each * (end - first) + 1, self.each)
        return list(accumulate(self.own[first:end], initial=at))


@dataclass(frozen=True, slots=True)
class Runs:
    """Which samples are in which chunk: runs of chunks with as many samples each."""

    chunks: Sequence[int]  #: The first chunk of each run, counted from 1.
    each: Sequence[int]  #: Samples in each of its chunks.
    samples: Sequence[int]  #: The first sample of each run, counted from 0, and the number of all.

    def of(self, chunk: int) -> tuple[int, int]:
        """Return the first sample of a chunk, and that behind its last; all counted from 0."""
        run = bisect_right(self.chunks, chunk + 1) - 1
        each = self.each[run]
        first = self.samples[run] + (chunk + 1 - self.chunks[run]) * each
        return first, first + each


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """The samples of one track."""

    number: int
    sizes: Sizes
    starts: Sequence[int] = field(repr=False)  #: Of the chunks.
    runs: Runs = field(repr=False)
    unit: int = 0  #: What its samples consist of: see `unit_length`.

    def total(self) -> int:
        """Return the bytes of all samples."""
        return self.sizes.total(0, self.sizes.count)

    def extents(self, step: int) -> Extents:
        """Return where chunks that are not empty lie: two neighbours in `step`, and the last."""
        count = len(self.starts)
        if step == 1:
            sizes, starts = self._chunk_sizes(), iter(self.starts)
        else:
            some = sorted({*range(0, count, step), *range(1, count, step), *range(count)[-1:]})
            sizes = (self.sizes.total(*self.runs.of(chunk)) for chunk in some)
            starts = map(self.starts.__getitem__, some)
        return [(start, start + size) for start, size in zip(starts, sizes, strict=True) if size]

    def _chunk_sizes(self) -> Iterator[int]:
        ends = chain(islice(self.runs.chunks, 1, None), (len(self.starts) + 1,))
        counts = chain.from_iterable(map(repeat, self.runs.each, map(sub, ends, self.runs.chunks)))
        if self.sizes.each:
            return map(mul, counts, repeat(self.sizes.each))
        return map(sum, map(islice, repeat(iter(self.sizes.own)), counts))

    def looks(self, size: int, total: int) -> Iterator[tuple[int, int]]:
        """Yield place and size of samples to look into, all of a short track, else some.

        Some are one in about `STRIDE` bytes, 64 at least; of sound its neighbours as well.

        Raises:
            WrongBox: Some lie behind the end of the file.
        """
        count, chunks = self.sizes.count, len(self.starts)
        if not total:
            return
        row = FRAMES if self.unit < 0 else 1
        stride = 1 + max(min(STRIDE, total // _LEAST_LOOKS), total // _MOST_LOOKS)
        if count <= ALL_SAMPLES:
            row, stride = count, total
        near, often = -(-row * chunks // count), 2 * total > 3 * stride * chunks
        for place in range(0, chunks, max(near, round(stride * chunks / total))):
            for chunk in range(place, min(place + near, chunks)):
                first, end = self.runs.of(chunk)
                after = end if often else min(end, first + row)
                places = self.sizes.places(first, after, self.starts[chunk])
                if places[-1] > size:
                    raise _outside(self, self.starts[chunk], size)
                for at, ends in _some(places, row, stride) if often else pairwise(places):
                    yield at, ends - at


def _some(places: Sequence[int], row: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield where `row` samples in `stride` bytes of a chunk begin and end."""
    begin, after = places[0], 0
    for at in range(begin, max(begin + 1, places[-1] - stride // 2), stride):
        first = max(bisect_right(places, at) - 1, after)
        after = min(first + row, len(places) - 1)
        yield from pairwise(places[first : after + 1])


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the samples."""

    covered: int  #: Bytes of all.
    looked: int  #: Bytes of those in tracks that were looked into.
    note: str | None  #: What is unusual about them.


@dataclass(frozen=True, slots=True)
class Movie:
    """What `moov` says: the tracks, and what fragments fall back on."""

    tracks: Sequence[MovieTrack]
    units: Mapping[int, int] = field(default_factory=dict)  #: `MovieTrack.unit` by the track's id.
    sizes: Mapping[int, int] = field(default_factory=dict)  #: Default size of samples, by id.
    note: str | None = None

    def check(self, read_at: ReadAt, size: int, data: Extents) -> Seen:
        """Return how much of the samples was seen, all of which lie in `data`.

        Of very many chunks, the places of some are checked.

        Raises:
            WrongBox: Chunks lie elsewhere or overlap, or samples are not what they should be.
            NotTold: There are too many tracks.
        """
        if len(self.tracks) > _MOST_TRACKS:
            raise NotTold
        chunks, few = sum(len(track.starts) for track in self.tracks), max(_CHUNKS, size // _CHUNK)
        step = 1 if chunks <= few else 8 * chunks // few
        found: Extents = []
        totals: list[int] = []
        for track in self.tracks:
            extents = track.extents(step)
            _see_inside(track, extents, size, data)
            found += extents
            totals.append(
                sum(end - start for start, end in extents) if step == 1 else track.total()
            )
        if _see_apart(found):
            return Seen(sum(totals), 0, "tracks share samples")
        if sum(totals) > size:
            raise WrongBox("two chunks of samples overlap")
        looked = [
            total * _see_samples(track, read_at, size, total)
            for track, total in zip(self.tracks, totals, strict=True)
            if track.unit
        ]
        return Seen(sum(totals), sum(looked), self.note)


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
    boxes = list(inner_boxes(content, "moov"))
    traks = [payload for kind, payload in boxes if kind == b"trak"]
    found = [_track(payload, count) for count, payload in enumerate(traks, 1)]
    if sum(len(each.track.starts) for each in found) > MOST_ENTRIES:
        raise NotTold
    parts = dict(boxes)
    notes = [each.note for each in found if each.note]
    if b"mvex" not in parts and not any(each.edited for each in found):
        longest = max((each.seconds for each in found), default=0)
        note = _duration_note(parts.get(b"mvhd", _NOTHING), "the movie", longest)
        notes += [note] if note else []
    return Movie(
        [each.track for each in found],
        {each.id: each.track.unit for each in found},
        _defaults(parts.get(b"mvex", _NOTHING)),
        notes[0] if notes else None,
    )


@dataclass(frozen=True, slots=True)
class _Trak:
    """What one `trak` says."""

    track: MovieTrack
    id: int
    seconds: float = 0  #: That its samples last.
    edited: bool = False  #: It is not shown from its beginning to its end.
    note: str | None = None


def _track(trak: memoryview, count: int) -> _Trak:
    parts = dict(inner_boxes(trak, "trak"))
    media = dict(inner_boxes(parts.get(b"mdia", _NOTHING), "mdia"))
    info = dict(inner_boxes(media.get(b"minf", _NOTHING), "minf"))
    table = dict(inner_boxes(info.get(b"stbl", _NOTHING), "stbl"))
    track_id = _track_id(parts.get(b"tkhd", _NOTHING))
    _see_own_data(info.get(b"dinf", _NOTHING))
    if not table:
        return _Trak(MovieTrack(count, Sizes(0), (), Runs((), (), (0,))), track_id)
    if missing := [kind.decode() for kind in _NEEDED if kind not in table]:
        raise WrongBox(f"track {count} has no {missing[0]}")
    sizes = _sizes(table)
    samples, ticks = _times(table[b"stts"])
    if samples != sizes.count:
        raise WrongBox(f"track {count} has {sizes.count} samples and the times of {samples}")
    starts = _offsets(table, samples)
    runs = _runs(table[b"stsc"], len(starts))
    if runs.samples[-1] != samples:
        raise WrongBox(f"the chunks of track {count} do not hold its samples")
    track = MovieTrack(count, sizes, starts, runs, unit_length(table[b"stsd"]))
    scale, mdhd = 0, media.get(b"mdhd", _NOTHING)
    if mdhd:
        scale = _duration(mdhd)[0]
    seconds = ticks / scale if scale else 0
    note = _duration_note(mdhd, f"track {count}", seconds) or _table_note(table, samples, count)
    edits = parts.get(b"edts", _NOTHING)
    edited = bool(edits) and number(edits, _EDITS) > 1
    return _Trak(track, track_id, seconds, edited, note)


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


def _sizes(table: Mapping[bytes, memoryview]) -> Sizes:
    if (fixed := table.get(b"stsz")) is not None:
        each, count = number(fixed, 4), number(fixed, 8)
        return Sizes(count, each, () if each else numbers(fixed, 12, count))
    if (compact := table.get(b"stz2")) is None:
        raise WrongBox("a track says no sizes of its samples")
    width, count = number(compact, 7, 1), number(compact, 8)
    if width in (8, 16):
        return Sizes(count, own=numbers(compact, 12, count, width // 8))
    if width != 4:
        raise WrongBox(f"sizes of {width} bits")
    halves = numbers(compact, 12, (count + 1) // 2, 1)
    sizes = chain.from_iterable((byte >> 4, byte & 15) for byte in halves)
    return Sizes(count, own=array("B", islice(sizes, count)))


def _offsets(table: Mapping[bytes, memoryview], samples: int) -> array[int]:
    if (short := table.get(b"stco")) is not None:
        return numbers(short, 8, number(short, 4))
    if (long := table.get(b"co64")) is not None:
        return numbers(long, 8, number(long, 4), 8)
    if not samples:
        return array("I")
    raise WrongBox("a track does not say where its chunks are")


def _runs(stsc: memoryview, chunks: int) -> Runs:
    entries = numbers(stsc, 8, 3 * number(stsc, 4))
    firsts, each = entries[::3], entries[1::3]
    if not firsts and chunks:
        raise WrongBox("chunks without samples")
    ends = firsts[1:]
    ends.append(chunks + 1)
    if (firsts and firsts[0] != 1) or not all(map(le, firsts, ends)):
        raise WrongBox("the runs of chunks are not in order")
    samples = accumulate(map(mul, map(sub, ends, firsts), each), initial=0)
    return Runs(firsts, each, list(samples))


def _times(stts: memoryview) -> tuple[int, int]:
    """Return of how many samples the times are given, and how many ticks these last."""
    entries = numbers(stts, 8, 2 * number(stts, 4))
    return sum(entries[::2]), sum(map(mul, entries[::2], entries[1::2]))


def _duration(header: memoryview) -> tuple[int, int]:
    """Return how many ticks a second has, and how many are announced, by `mvhd` or `mdhd`."""
    if header[0] == 1:
        return number(header, 20), number(header, 24, 8)
    return number(header, 12), number(header, 16)


def _duration_note(header: memoryview, what: str, seconds: float) -> str | None:
    """Return a note if another duration is announced than samples have."""
    if not header or not seconds:
        return None
    scale, ticks = _duration(header)
    if ticks in (0, 2**32 - 1, 2**64 - 1) or scale == 0:
        return None
    announced = ticks / scale
    if abs(seconds - announced) <= 1 + announced / 100:
        return None
    return f"{what} announces {int(announced)} s, and its samples last {int(seconds)} s"


def _table_note(table: Mapping[bytes, memoryview], samples: int, track: int) -> str | None:
    """Return a note if what is said of single samples is not said of as many as there are."""
    shifts, keys, kinds = (table.get(kind) for kind in (b"ctts", b"stss", b"sdtp"))
    if kinds and len(kinds) - 4 != samples:
        return f"track {track} has {samples} samples and says of {len(kinds) - 4} what they need"
    if keys and (count := number(keys, 4)) and (last := number(keys, 4 + 4 * count)) > samples:
        return f"track {track} has {samples} samples and calls one of number {last} a key"
    if shifts and (count := number(shifts, 4)) <= MOST_ENTRIES // 2:
        shifted = sum(numbers(shifts, 8, 2 * count)[::2])
        if shifted != samples:
            return f"track {track} has {samples} samples and shifts {shifted} of them"
    return None


def _defaults(mvex: memoryview) -> dict[int, int]:
    extends = [payload for kind, payload in inner_boxes(mvex, "mvex") if kind == b"trex"]
    return {number(trex, 4): number(trex, 16) for trex in extends}


def _see_inside(track: MovieTrack, extents: Extents, size: int, data: Extents) -> None:
    """See that every chunk lies in one of the extents of `data`."""
    if not extents:
        return
    low, high = min(extents)[0], max(map(itemgetter(1), extents))
    if any(start <= low and high <= end for start, end in data):  # mostly one has them all
        return
    froms, untils = [start for start, _ in data], [end for _, end in data]
    for start, end in extents:
        place = bisect_right(froms, start) - 1
        if place < 0 or end > untils[place]:
            raise _outside(track, start, size)


def _outside(track: MovieTrack, start: int, size: int) -> WrongBox:
    return WrongBox(
        f"a chunk of track {track.number} at byte {start} of {size} lies outside of mdat"
    )


def _see_apart(extents: Extents) -> bool:
    """See that no two chunks overlap; return whether some are the same."""
    apart = sorted(set(extents))
    ends, starts = map(itemgetter(1), apart), map(itemgetter(0), islice(apart, 1, None))
    if not all(map(le, ends, starts)):
        raise WrongBox("two chunks of samples overlap")
    return len(apart) < len(extents)


def _see_samples(track: MovieTrack, read_at: ReadAt, size: int, total: int) -> bool:
    """See that samples are what they should be; return whether they can tell."""
    known, wrong = look_into(read_at, track.looks(size, total), track.unit)
    if wrong is not None:
        what = "video" if track.unit > 0 else "sound"
        raise WrongBox(f"a sample of track {track.number} at byte {wrong} is no {what}")
    return known
