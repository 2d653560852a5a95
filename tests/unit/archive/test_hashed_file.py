"""A hash that knows where it has been (rule 34 of the transfer notes)."""

from __future__ import annotations

import hashlib

import pytest

from reelkeep.archive import hashed_file
from reelkeep.archive.hashed_file import PrefixHash


@pytest.fixture(autouse=True)
def small_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashed_file, "MARK", 10)


BODY = bytes(range(35))


def fed(body: bytes, *, step: int, expected: tuple[str, ...] = ()) -> PrefixHash:
    found = PrefixHash(expected)
    for start in range(0, len(body), step):
        if not found.feed(memoryview(body)[start : start + step]):
            break
    return found


@pytest.mark.parametrize("step", [1, 3, 10, 11, 35])
def test_marks_do_not_depend_on_the_pieces(step: int) -> None:
    found = fed(BODY, step=step)
    assert found.marks == [hashlib.sha256(BODY[:end]).hexdigest() for end in (10, 20, 30)]
    assert (found.at, found.hexdigest) == (35, hashlib.sha256(BODY).hexdigest())


@pytest.mark.parametrize("damaged", [0, 9, 10, 25])
@pytest.mark.parametrize("step", [3, 35])
def test_the_first_damaged_stretch_is_found(damaged: int, step: int) -> None:
    noted = tuple(fed(BODY, step=35).marks)
    other = bytearray(BODY)
    other[damaged] ^= 1
    found = fed(bytes(other), step=step, expected=noted)
    assert found.at == damaged // 10 * 10
    assert found.hexdigest == hashlib.sha256(BODY[: found.at]).hexdigest()


def test_behind_the_last_mark_nothing_is_known() -> None:
    noted = tuple(fed(BODY, step=35).marks)
    other = BODY[:34] + b"x"
    assert fed(other, step=35, expected=noted).at == 35


def test_after_damage_the_same_place_is_hashed_anew() -> None:
    noted = tuple(fed(BODY, step=35).marks)
    found = fed(BODY[:12] + b"xxx" + BODY[15:], step=35, expected=noted)
    assert found.at == 10
    assert found.feed(memoryview(BODY)[10:])
    assert found.hexdigest == hashlib.sha256(BODY).hexdigest()
