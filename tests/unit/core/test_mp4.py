"""The walk over MP4 boxes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.examination import ReadAt
from reelkeep.core.mp4 import examine_mp4


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def large_box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(payload)) + payload


def endless_box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 0, kind) + payload


def reader(content: bytes) -> ReadAt:
    return lambda offset, length: content[offset : offset + length]


def check(content: bytes) -> str | None:
    return examine_mp4(reader(content), len(content)).fault


FTYP, MOOV, MDAT = (
    box(b"ftyp", b"isom0000"),
    box(b"moov", box(b"mvhd", b"m" * 12)),
    box(b"mdat", b"d" * 50),
)


@pytest.mark.parametrize(
    "content",
    [
        FTYP + MOOV + MDAT,
        FTYP + MDAT + MOOV,
        FTYP + box(b"free", b"\0" * 9) + MDAT + MOOV,
        FTYP + MOOV + large_box(b"mdat", b"d" * 9),
        FTYP + MOOV + endless_box(b"mdat", b"d" * 9),
        FTYP + MOOV + endless_box(b"mdat"),
        FTYP + MOOV + box(b"moof", box(b"mfhd")) + MDAT + box(b"moof", box(b"mfhd")) + MDAT,
        MOOV + MDAT,
        box(b"wide") + MDAT + MOOV,
        FTYP + MOOV + MDAT + box(b"\xa9xyz"),
    ],
)
def test_a_whole_file_passes(content: bytes) -> None:
    assert check(content) is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no moov"),
        (b"\0\0", "does not begin"),
        (b"<!doctype html>" * 9, "does not begin"),
        (FTYP, "no moov"),
        (FTYP + MDAT, "no moov"),
        (FTYP + MOOV, "no mdat"),
        ((FTYP + MOOV + MDAT)[:-1], "truncated: mdat at byte 44 needs 58 bytes, 57 are there"),
        (FTYP + MDAT + MOOV[:-1], "truncated: moov"),
        (FTYP + MOOV + MDAT + b"\0\0\1", "no box at byte 102 of 105"),
        (FTYP + MOOV + b"\0" * 64, "no box at byte 44"),
        (FTYP + MOOV + MDAT + b"<html>oops</html>", "no box|truncated"),
        (FTYP + struct.pack(">I4s", 7, b"mdat") + MOOV, "no box at byte 16 of"),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 15) + MOOV, "no box at byte 16 of"),
        (FTYP + MOOV + struct.pack(">I4s", 1, b"mdat"), "no box"),
        (FTYP + MOOV + struct.pack(">I4sQ", 1, b"mdat", 2**63), "truncated"),
        (FTYP + box(b"\0\0\0\0") + MOOV + MDAT, "no box"),
    ],
)
def test_a_broken_file_is_named(content: bytes, complaint: str) -> None:
    assert complaint.partition("|")[0] in (fault := check(content) or "") or (
        complaint.partition("|")[2] and complaint.partition("|")[2] in fault
    )


@pytest.mark.parametrize("count", [3, 8, 64, 3_000_000])
def test_zero_bytes_behind_the_last_box_are_noted(count: int) -> None:
    content = FTYP + MOOV + MDAT + bytes(count)
    found = examine_mp4(reader(content), len(content))
    assert (found.fault, found.note) == (None, f"{count} zero bytes are behind its last box")


@pytest.mark.parametrize("rest", [b"\r\n", b"abcde", b"\1" * 4096])
def test_some_bytes_behind_the_last_box_are_noted(rest: bytes) -> None:
    content = FTYP + MDAT + MOOV + rest
    found = examine_mp4(reader(content), len(content))
    assert (found.fault, found.note) == (None, f"{len(rest)} bytes are behind its last box")


@pytest.mark.parametrize(
    "rest", [b"\1" * 4097, b"\1\0\0\0mdat", b"\0\0\1", b'{"code":401}', b"<Error/>"]
)
def test_what_may_be_a_cut_box_or_a_page_behind_the_last_box_is_a_fault(rest: bytes) -> None:
    assert check(FTYP + MDAT + MOOV + rest) is not None


@given(st.integers(0, len(FTYP + MDAT + MOOV) - 1))
def test_every_cut_is_seen(end: int) -> None:
    assert check((FTYP + MDAT + MOOV)[:end]) is not None


@given(st.binary(max_size=200) | st.lists(st.sampled_from([FTYP, MOOV, MDAT])).map(b"".join))
def test_arbitrary_bytes_raise_nothing(content: bytes) -> None:
    assert check(content) is None or check(content)


def test_reads_are_small_and_lie_within_the_file() -> None:
    content, reads = FTYP + MOOV + MDAT, []

    def read_at(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return content[offset : offset + length]

    examine_mp4(read_at, len(content))
    assert all(0 < length <= len(MOOV) and at + length <= len(content) for at, length in reads)


def test_a_file_of_endless_little_boxes_is_given_up() -> None:
    header, reads = box(b"free"), [0]

    def read_at(_offset: int, length: int) -> bytes:
        reads[0] += 1
        return (header + header)[:length]

    assert examine_mp4(read_at, 8 * 10**9).fault == "more than 200000 boxes"
    assert reads[0] == 200_000


def test_a_file_shorter_than_its_size_is_seen() -> None:
    assert examine_mp4(reader(FTYP + MOOV), len(FTYP + MOOV + MDAT)).fault is not None
