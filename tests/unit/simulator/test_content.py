"""The bytes of simulated files."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.examination import Examination, Structure
from reelkeep.core.mp4 import examine_mp4
from reelkeep.simulator.content import BLOCK, SLICE, ContentKind, GeneratedContent, Noise

NOISE = Noise(7)


def content(
    kind: ContentKind = ContentKind.MP4, wanted: int = 3 * BLOCK, key: str = "zm-0-0"
) -> GeneratedContent:
    return GeneratedContent(kind, key, wanted, NOISE)


def boxes(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        found.append(data[at + 4 : at + 8])
        at += size if size != 1 else int.from_bytes(data[at + 8 : at + 16])
    assert at == len(data)
    return found


LARGE = content()
WHOLE = LARGE.bytes()


@given(st.integers(0, LARGE.size), st.integers(0, LARGE.size))
def test_any_slice_is_that_part_of_the_whole(start: int, stop: int) -> None:
    assert LARGE.bytes(start, stop) == WHOLE[start:stop]


def test_pieces_are_never_larger_than_a_slice() -> None:
    assert max(len(piece) for piece in LARGE.read()) <= SLICE


def test_the_digest_is_that_of_the_bytes() -> None:
    assert LARGE.sha256 == hashlib.sha256(WHOLE).hexdigest()


def test_no_two_blocks_are_alike() -> None:
    blocks = {WHOLE[at : at + 4096] for at in range(0, len(WHOLE) - 4096, 4096)}
    assert len(blocks) == len(range(0, len(WHOLE) - 4096, 4096))


@pytest.mark.parametrize("kind", ContentKind)
def test_another_key_is_another_content(kind: ContentKind) -> None:
    assert content(kind, 9_000, "a").sha256 != content(kind, 9_000, "b").sha256


@pytest.mark.parametrize("kind", [ContentKind.MP4, ContentKind.M4A])
@pytest.mark.parametrize("wanted", [1, 6_000, 100_000])
def test_media_are_whole_boxes(kind: ContentKind, wanted: int) -> None:
    assert boxes(content(kind, wanted).bytes()) == [b"ftyp", b"moov", b"mdat"]


@pytest.mark.parametrize("kind", [ContentKind.MP4, ContentKind.M4A])
@pytest.mark.parametrize("wanted", [1, 6_000, 100_000, 3 * BLOCK - 3, 3 * BLOCK + 8000, 9_999_999])
def test_media_have_tables_that_fit_their_samples(kind: ContentKind, wanted: int) -> None:
    data = content(kind, wanted).bytes()
    found = examine_mp4(lambda at, size: data[at : at + size], len(data))
    assert found == Examination(Structure.SAMPLES)


def test_media_whose_middle_is_missing_are_found() -> None:
    data = content(ContentKind.MP4, 9 * BLOCK).bytes()
    cut = data[: 3 * BLOCK] + data[4 * BLOCK - 77 :] + data[-BLOCK + 77 :]
    assert len(cut) == len(data)
    assert examine_mp4(lambda at, size: cut[at : at + size], len(cut)).fault


def test_media_have_the_wanted_size() -> None:
    assert content(ContentKind.MP4, 123_457).size == 123_457


def test_four_gib_are_cheap_to_look_into() -> None:
    huge = content(wanted=5 << 30)
    assert len(huge.bytes((5 << 30) - 100)) == 100


def test_a_picture_is_a_jpeg_from_start_to_end() -> None:
    picture = content(ContentKind.JPG, 70_000).bytes()
    assert (picture[:3], picture[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9")


@pytest.mark.parametrize("kind", [ContentKind.TIMELINE, ContentKind.SUMMARY])
def test_json_files_are_json(kind: ContentKind) -> None:
    assert json.loads(content(kind, 5_000).bytes())["recording"] == "zm-0-0"


def test_captions_begin_as_webvtt_must() -> None:
    assert content(ContentKind.VTT, 500).bytes().startswith(b"WEBVTT\n")


def test_zero_bytes_are_nothing() -> None:
    assert content(ContentKind.EVENTS, 0).bytes() == b""
