"""MP4 files of strangers: whatever they say, the look into them ends soon and raises nothing."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.hostile import FAST
from reelkeep.core.examination import Examination, Structure
from reelkeep.core.mp4 import examine_mp4
from reelkeep.simulator.media import filler_unit, m4a, mp4


def box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def look(content: bytes, size: int | None = None) -> Examination:
    return examine_mp4(lambda at, n: content[at : at + n], len(content) if size is None else size)


WHOLE = [
    mp4(1, [300]) + filler_unit(300) + bytes(295),
    m4a(2, [200]) + filler_unit(200) + bytes(195),
]
NUMBERS = st.sampled_from([0, 1, 7, 8, 2**16, 2**31 - 1, 2**31, 2**32 - 1])


@FAST
@given(st.sampled_from(WHOLE), st.data())
def test_a_number_anywhere_may_be_any(whole: bytes, data: st.DataObject) -> None:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(2500, len(whole)) - 4))
        changed[at : at + 4] = struct.pack(">I", data.draw(NUMBERS))
    found = look(bytes(changed))
    assert found.fault is None or found.fault


@FAST
@given(st.sampled_from(WHOLE), st.integers(0, 2500), st.integers(0, 2500), st.binary(max_size=64))
def test_pieces_may_be_anything(whole: bytes, start: int, end: int, piece: bytes) -> None:
    found = look(whole[:start] + piece + whole[end:])
    assert not found.is_no_file


def film(table: bytes, data: bytes = b"") -> bytes:
    entry = box(b"avc1", bytes(78), box(b"avcC", b"\1\2\3\4\xff"))
    stsd = box(b"stsd", struct.pack(">II", 0, 1), entry)
    trak = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stsd, table))))
    return box(b"ftyp", b"isom") + box(b"moov", trak) + box(b"mdat", data)


def full(kind: bytes, *numbers: int) -> bytes:
    return box(kind, struct.pack(f">{len(numbers) + 1}I", 0, *numbers))


MOST = 2**32 - 1
HOSTILE = {
    "entries that are not there": full(b"stsz", 0, MOST) + full(b"stco", MOST),
    "four thousand million samples of one size": full(b"stsz", MOST, MOST)
    + full(b"stts", 1, MOST, MOST) + full(b"stsc", 1, 1, MOST, 1) + full(b"stco", 1, 60),
    "chunks at the end of the world": full(b"stsz", 8, 1) + full(b"stts", 1, 1, 1)
    + full(b"stsc", 1, 1, 1, 1) + box(b"co64", struct.pack(">IIQ", 0, 1, 2**64 - 1)),
    "a run of chunks that there are not": full(b"stsz", 8, MOST) + full(b"stts", 1, MOST, 1)
    + full(b"stsc", 2, 1, 1, 1, MOST, 1, 1) + full(b"stco", 1, 60),
    "runs that go back": full(b"stsz", 8, 3) + full(b"stts", 1, 3, 1)
    + full(b"stsc", 3, 1, 1, 1, 5, 1, 1, 2, 1, 1) + full(b"stco", 3, 60, 70, 80),
    "no table at all": b"",
    "empty boxes": full(b"stsz")[:8] + full(b"stts")[:8],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_that_lie_end_soon(name: str) -> None:
    tracemalloc.start()
    try:
        found = look(film(HOSTILE[name], bytes(64)))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert found.fault


def test_boxes_within_boxes_without_end_are_not_followed() -> None:
    nested = b""
    for _ in range(20_000):
        nested = struct.pack(">I4s", 8 + len(nested), b"moov") + nested
    assert look(box(b"ftyp", b"isom") + nested + box(b"mdat")).fault is None


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**63 - 1])
@pytest.mark.parametrize("kind", [b"mdat", b"moov", b"moof", b"trak"])
def test_sizes_beyond_the_file_are_truncated_boxes(kind: bytes, size: int) -> None:
    huge = struct.pack(">I4sQ", 1, kind, size)
    assert look(box(b"ftyp", b"isom") + huge).fault
    assert look(box(b"ftyp", b"isom") + box(b"moov", huge) + box(b"mdat")).fault


def test_millions_of_units_in_one_sample_are_not_counted() -> None:
    reads = [0]
    units = b"\0\0\0\1\x41" * 400_000
    table = full(b"stsz", len(units), 1) + full(b"stts", 1, 1, 1) + full(b"stsc", 1, 1, 1, 1)
    head = len(film(table + full(b"stco", 1, 0)))
    content = film(table + full(b"stco", 1, head), units)

    def read_at(at: int, size: int) -> bytes:
        reads[0] += 1
        return content[at : at + size]

    assert examine_mp4(read_at, len(content)).fault is None
    assert reads[0] < 1000


@pytest.mark.parametrize(("tracks", "chunks"), [(200, 1), (1000, 1), (200, 100)])
def test_many_tracks_with_the_same_samples_are_not_looked_into(tracks: int, chunks: int) -> None:
    reads = [0]
    units = b"\0\0\0\1\x41" * 10_000
    each = len(units) // chunks
    table = full(b"stsz", 5, len(units) // 5) + full(b"stts", 1, len(units) // 5, 1)
    table += full(b"stsc", 1, 1, each // 5, 1) + full(
        b"stco", chunks, *range(60, 60 + len(units), each)
    )
    trak = film(table)[20:-8]
    content = box(b"ftyp", b"isom") + box(b"mdat", bytes(40), units) + box(b"moov", trak * tracks)

    def read_at(at: int, size: int) -> bytes:
        reads[0] += 1
        return content[at : at + size]

    assert examine_mp4(read_at, len(content)).structure is Structure.CONTAINER
    assert reads[0] < 10


def test_millions_of_entries_are_looked_at_in_little_memory_and_more_are_not() -> None:
    for count, looked in ((1_000_000, True), (3_000_001, False)):
        sizes = struct.pack(">III", 0, 0, count) + b"\0\0\0\7" * count
        table = box(b"stsz", sizes) + full(b"stts", 1, count, 1) + full(b"stsc", 1, 1, count, 1)
        head = len(film(table + full(b"stco", 1, 0)))
        content = film(table + full(b"stco", 1, head), bytes(7_000_000))
        tracemalloc.start()
        found = look(content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 120_000_000
        assert (found.fault is not None) is looked  # zeros are no video


def test_a_file_that_answers_every_read_with_the_same_box_ends() -> None:
    header = box(b"moof", b"") * 2
    found = examine_mp4(lambda _at, n: (header * (n // 16 + 1))[:n], 2**62)
    assert found.fault
