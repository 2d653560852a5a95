"""Examine an MP4 file (ISO/IEC 14496-12): its boxes, and its sample tables against its data.

A download that was cut, padded with zeros or joined wrongly rarely tiles into boxes. One whose
middle is missing while its size is right is found by its samples: each must lie inside `mdat`, no
two may overlap; in H.264 and H.265 each must be filled exactly by units that begin with their own
length, and frames of AAC begin and end alike. What is read: the headers of all boxes, `moov` and
every `moof`, and of the data some bytes of about one sample in 128 KiB.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Final

from reelkeep.core.examination import Examination, ReadAt, Structure
from reelkeep.core.mp4_boxes import (
    MOST_BYTES,
    MOST_ENTRIES,
    NotTold,
    WrongBox,
    inner_boxes,
    is_box_name,
    number,
    numbers,
)
from reelkeep.core.mp4_samples import Extents, Movie, MovieTrack, Runs, Seen, Sizes, read_movie

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


FIRST_BOXES: Final = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"}
)
"""Types that a file may begin with; old QuickTime has no `ftyp`."""

_NEEDED = (b"moov", b"mdat")  # a fragmented file has moof boxes beside them
_ABOUT = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mfra", b"sidx", b"ssix", b"meta", b"udta", b"pdin"}
    | {b"prft", b"emsg", b"wide"}
)
"""Boxes whose bytes describe the samples; what is in any other than `mdat` nothing accounts for."""

_MOST_BOXES = 200_000  # a fragment a second for more than a day
_SHORT, _LONG = 8, 16  # bytes of a header with a 32-bit and with a 64-bit size
_PIECE = 1024 * 1024
_MOST_ZEROS = 64 * _PIECE
_SLACK = 4096


@dataclass(slots=True)
class _Outline:
    """The top-level boxes. Each extent is of a whole box, those of `data` of its payload."""

    data: Extents = field(default_factory=list)
    moov: tuple[int, int] | None = None
    fragments: Extents = field(default_factory=list)
    indexes: Extents = field(default_factory=list)
    edges: set[int] = field(default_factory=set)
    loose: int = 0  #: Bytes in boxes that nothing accounts for.
    note: str | None = None


def examine_mp4(read_at: ReadAt, size: int) -> Examination:
    """Return what the MP4 file of `size` bytes shows.

    Samples are claimed only if those of most bytes were looked into. Whatever the file says, it
    reads at most 200,000 headers, 64 MiB of tables and about one sample in 128 KiB of the file, or
    512 of each track, and holds less than 400 MiB. What is beyond that is not told.
    """
    outline = _outline(read_at, size)
    if isinstance(outline, str):
        return Examination(fault=outline)
    try:
        seen = _samples(read_at, size, outline)
    except WrongBox as error:
        return Examination(fault=str(error))
    except NotTold:
        return Examination(Structure.CONTAINER, note=outline.note)
    note = next((each.note for each in seen if each.note), None)
    covered = sum(each.covered for each in seen)
    payload = sum(end - start for start, end in outline.data)
    accounted = payload - covered + outline.loose <= size // 100 + _SLACK
    looked = 2 * sum(each.looked for each in seen) > covered
    deep = accounted and looked and note is None
    return Examination(
        Structure.SAMPLES if deep else Structure.CONTAINER, note=outline.note or note
    )


def _samples(read_at: ReadAt, size: int, outline: _Outline) -> list[Seen]:
    """Return what was seen of the samples.

    Raises:
        WrongBox: The tables do not agree with each other, or with the data.
        NotTold: They are too large to be looked at, or of a kind that is not known.
    """
    if outline.moov is None:
        raise NotTold
    movie = read_movie(read_at, outline.moov)
    movies = [movie, read_fragments(read_at, movie, outline.fragments)]
    seen = [each.check(read_at, size, outline.data) for each in movies]
    if fault := segments_fault(read_at, size, outline.indexes, outline.edges):
        raise WrongBox(fault)
    return seen


def _outline(read_at: ReadAt, size: int) -> _Outline | str:
    """Walk over the boxes; return them, or what is wrong with them."""
    found, offset, seen = _Outline(), 0, set[bytes]()
    for _ in range(_MOST_BOXES):
        if offset == size:
            break
        header = read_at(offset, min(_LONG, size - offset))
        kind, length = header[4:8], _length(header, size - offset)
        if fault := _fault(kind, length, offset, size):
            rest = _rest(read_at, offset, size) if seen.issuperset(_NEEDED) else None
            if rest is None:
                return fault
            found.note = f"{size - offset} {rest} are behind its last box"
            offset = size
            break
        seen.add(kind)
        _note_box(found, kind, offset, (_header_size(header), length))
        offset += length
    if offset != size:
        return f"more than {_MOST_BOXES} boxes"
    missing = [kind.decode() for kind in _NEEDED if kind not in seen]
    return f"no {missing[0]} box in {size} bytes" if missing else found


def _note_box(found: _Outline, kind: bytes, offset: int, lengths: tuple[int, int]) -> None:
    header, length = lengths
    end = offset + length
    found.edges.update((offset, end))
    if kind == b"mdat":
        found.data.append((min(offset + header, end), end))
    elif kind == b"moov" and found.moov is not None:
        found.note = "it has two moov boxes, of which players take the first"
    elif kind == b"moov":
        found.moov = (offset + header, end)
    elif kind == b"moof":
        found.fragments.append((offset, end))
    elif kind == b"sidx":
        found.indexes.append((offset, end))
    if kind not in _ABOUT and kind != b"mdat":
        found.loose += length


def _header_size(header: bytes) -> int:
    return _LONG if int.from_bytes(header[:4], "big") == 1 else _SHORT


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
    if length == 0 or not is_box_name(kind):
        return f"no box at byte {offset} of {size}"
    if offset + length > size:
        name = kind.decode("latin-1")
        return f"truncated: {name} at byte {offset} needs {length} bytes, {size - offset} are there"
    return None


def _rest(read_at: ReadAt, offset: int, size: int) -> str | None:
    """Return what follows the last box and is none; None if it may be a box that is cut, or a page.

    A preallocated file may have zeros, and some programs append a line end or a few bytes.
    """
    if size - offset > _MOST_ZEROS:
        return None
    pieces = range(offset, size, _PIECE)
    if not any(any(read_at(at, min(_PIECE, size - at))) for at in pieces):
        return "zero bytes"
    head = read_at(offset, min(_SHORT, size - offset))
    like_box = head.startswith((b"\0", b"<", b"{")) or head[4:] in _ABOUT | FIRST_BOXES
    return None if like_box or size - offset > _SLACK else "bytes"
