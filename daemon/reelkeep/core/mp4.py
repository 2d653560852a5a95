"""Examine an MP4 file (ISO/IEC 14496-12): its boxes, and its sample tables against its data.

A download that was cut, padded with zeros or joined wrongly rarely tiles into boxes. One whose
middle is missing while its size is right is found by its samples: each must lie inside `mdat`, no
two may overlap; in H.264 and H.265 each must be filled exactly by units that begin with their own
length, and frames of AAC begin and end alike. What is read: the headers of all boxes, `moov` and
every `moof`, and of the data some bytes of about one sample in 128 KiB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from reelkeep.core.examination import Examination, ReadAt, Structure
from reelkeep.core.mp4_boxes import NotTold, WrongBox, is_box_name
from reelkeep.core.mp4_fragments import read_fragments, segments_fault
from reelkeep.core.mp4_samples import Extents, Seen, read_movie

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
        _note_box(found, kind, offset, (_header(header), length))
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


def _header(header: bytes) -> int:
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
