"""Which files are fetched again, and what the digests say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from reelkeep.core.audit import (
    Choice,
    Comparison,
    compare,
    is_drawn,
    is_suspect,
    parse_share,
)
from reelkeep.core.model import FileId, HeldFile, Level

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
STORED = HeldFile(
    row=1, id=FileId("f"), name="f.mp4", state="stored", size=5, sha256="a",
    verified=Level.SIZE_CONTAINER.value, stored_at=NOON,
)  # fmt: skip


@pytest.mark.parametrize(
    ("archived", "fetches", "expected"),
    [
        ("a", ["a"], Comparison.MATCHES),
        ("a", ["b"], None),
        ("a", ["b", "b"], Comparison.DIFFERS),
        ("a", ["b", "a"], Comparison.MATCHES),
        ("a", ["b", "c"], Comparison.UNSTEADY),
    ],
)
def test_two_equal_fetches_decide(
    archived: str, fetches: list[str], expected: Comparison | None
) -> None:
    assert compare(archived, *fetches) is expected


@pytest.mark.parametrize("level", Level)
def test_what_a_digest_proved_is_no_suspect(level: Level) -> None:
    proven = level in (Level.DIGEST, Level.ETAG_MD5, Level.CRC)
    file = replace(STORED, verified=level.value)
    assert is_suspect(file, attempted=True, adopted=False) is not proven


@pytest.mark.parametrize(
    ("file", "attempted", "adopted", "expected"),
    [
        (STORED, False, False, False),
        (STORED, True, False, True),
        (STORED, False, True, True),
        (replace(STORED, tries=1), False, False, True),
        (replace(STORED, size=256 << 20), False, False, True),
        (replace(STORED, verified=None, tries=1), False, False, True),
    ],
)
def test_a_suspect_may_have_been_resumed(
    file: HeldFile, attempted: bool, adopted: bool, expected: bool
) -> None:
    assert is_suspect(file, attempted=attempted, adopted=adopted) is expected


def test_a_sample_has_about_its_share_and_grows_with_it() -> None:
    files = [str(number) for number in range(10_000)]

    def drawn(percent: int, seed: str = "") -> set[str]:
        return {each for each in files if is_drawn(Fraction(percent, 100), seed, "key", each)}

    assert 400 < len(drawn(5)) < 600
    assert drawn(5) == drawn(5)
    assert drawn(5) < drawn(20)
    assert drawn(5) != drawn(5, "other")
    assert drawn(100) == set(files)


def test_a_choice_takes_what_fits_in_all_of_it() -> None:
    def takes(choice: Choice, file: HeldFile = STORED) -> bool:
        return choice.takes(file, "key", attempted=False, adopted=False)

    assert takes(Choice())
    assert not takes(Choice(), replace(STORED, state="due"))
    assert takes(Choice(since=NOON))
    assert not takes(Choice(since=NOON + timedelta(seconds=1)))
    assert takes(Choice(since=NOON), replace(STORED, stored_at=None))  # nobody knows
    assert not takes(Choice(suspects=True))


@pytest.mark.parametrize(
    ("text", "share"),
    [("5%", Fraction(1, 20)), ("5", Fraction(1, 20)), ("0.5%", Fraction(1, 200)), ("100%", 1)],
)
def test_a_share_is_a_percentage(text: str, share: Fraction) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "101%", "-5%", "five", "1e1", "5%%", "½"])
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_share(text)
