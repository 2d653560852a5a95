"""Check the fragments of an MP4 file against its data (ISO/IEC 14496-12, section 8.8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

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
from reelkeep.core.mp4_samples import Extents, Movie, MovieTrack, Runs, Sizes

_BASE, _DESCRIPTION, _DURATION, _SIZE = 0x1, 0x2, 0x8, 0x10  # of tfhd
_FROM_MOOF = 0x20000
_OFFSET, _FIRST_FLAGS = 0x1, 0x4  # of trun
_FIELDS = (0x100, 0x200, 0x400, 0x800)
_OWN_SIZE = 0x200


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples one behind the other, from `start`."""

    track: int
    start: int
    sizes: Sequence[int]


def read_fragments(read_at: ReadAt, movie: Movie, moofs: Extents) -> Movie:
    """Return the samples of all `moofs`, whose extents are of the whole boxes, as tracks.

    Raises:
        WrongBox: A fragment contradicts itself.
        NotTold: There are too many.
    """
    if sum(end - start for start, end in moofs) > MOST_BYTES:
        raise NotTold
    runs: dict[int, list[_Run]] = {}
    left = MOST_ENTRIES
    for start, end in moofs:
        content = memoryview(read_at(start, end - start))
        for run in _runs(content[_header(content) :], start, movie):
            left -= len(run.sizes) + 1
            if left < 0:
                raise NotTold
            runs.setdefault(run.track, []).append(run)
    return Movie([_joined(track, found, movie) for track, found in runs.items()])


def segments_fault(
    read_at: ReadAt, size: int, indexes: Extents, edges: Collection[int]
) -> str | None:
    """Return what is wrong with the index boxes: each segment ends where a box does."""
    for start, end in indexes:
        content = memoryview(read_at(start, min(end - start, MOST_BYTES)))
        payload = content[_header(content) :]
        wide = len(payload) > 0 and payload[0] == 1
        first, at = (number(payload, 20, 8), 28) if wide else (number(payload, 16), 20)
        count = number(payload, at + 2, 2)
        sizes = numbers(payload, at + 4, 3 * count)[::3]
        for edge in accumulate((each & 0x7FFFFFFF for each in sizes), initial=end + first):
            if edge not in edges:
                return f"the index at byte {start} of {size} names a segment where no box ends"
    return None


def _header(content: memoryview) -> int:
    return 16 if number(content, 0) == 1 else 8


def _runs(moof: memoryview, start: int, movie: Movie) -> Iterator[_Run]:
    """Yield the runs of one fragment, whose box begins at `start`."""
    after = start
    for kind, traf in inner_boxes(moof, "moof"):
        if kind != b"traf":
            continue
        base, track, default = after, 0, 0
        for inner, payload in inner_boxes(traf, "traf"):
            if inner == b"tfhd":
                track, base, default = _track_header(payload, start, after, movie)
                after = base
            elif inner == b"trun":
                run = _run(payload, track, (base, after), default)
                after = run.start + sum(run.sizes)
                yield run


def _track_header(tfhd: memoryview, start: int, after: int, movie: Movie) -> tuple[int, int, int]:
    """Return the track, where its offsets count from, and the size of samples without one."""
    flags, track, at = number(tfhd, 0) & 0xFFFFFF, number(tfhd, 4), 8
    base = start if flags & _FROM_MOOF else after
    if flags & _BASE:
        base, at = number(tfhd, at, 8), at + 8
    at += 4 * bool(flags & _DESCRIPTION) + 4 * bool(flags & _DURATION)
    return track, base, number(tfhd, at) if flags & _SIZE else movie.sizes.get(track, 0)


def _run(trun: memoryview, track: int, places: tuple[int, int], default: int) -> _Run:
    flags, count, at = number(trun, 0) & 0xFFFFFF, number(trun, 4), 8
    base, start = places
    if flags & _OFFSET:
        offset = number(trun, at)
        start, at = base + offset - (2**32 if offset >= 2**31 else 0), at + 4
    at += 4 * bool(flags & _FIRST_FLAGS)
    width = sum(bool(flags & each) for each in _FIELDS)
    if not flags & _OWN_SIZE:
        if count > MOST_ENTRIES:
            raise NotTold
        return _Run(track, start, [default] * count)
    place = bool(flags & _FIELDS[0])
    return _Run(track, start, numbers(trun, at, width * count)[place::width])


def _joined(track: int, runs: Sequence[_Run], movie: Movie) -> MovieTrack:
    """Return the runs as the chunks of a track."""
    starts = [run.start for run in runs]
    if min(starts) < 0:
        raise WrongBox(f"a run of track {track} begins before the file")
    own = list(chain.from_iterable(run.sizes for run in runs))
    each = [len(run.sizes) for run in runs]
    firsts = list(accumulate(each, initial=0))
    told = Runs(range(1, len(runs) + 1), each, firsts)
    return MovieTrack(track, Sizes(len(own), own=own), starts, told, movie.units.get(track, 0))
