"""Which bytes of a file a reply carries."""

from __future__ import annotations

import pytest

from reelkeep.simulator.downloads import RangeRequest, SentRange, choose
from reelkeep.simulator.switches import Flaw


def chosen(
    text: str | None, *, if_range: str | None = None, mode: str = "honour", flaw: Flaw | None = None
) -> SentRange:
    asked = RangeRequest(range=text, if_range=if_range, validators=('"one"', "date"))
    return choose(asked, 100, mode=mode, flaw=flaw, at=3)


@pytest.mark.parametrize(
    ("text", "status", "start", "stop", "content_range"),
    [
        (None, 200, 0, 100, None),
        ("bytes=0-", 206, 0, 100, "bytes 0-99/100"),
        ("bytes=10-19", 206, 10, 20, "bytes 10-19/100"),
        ("bytes=90-900", 206, 90, 100, "bytes 90-99/100"),
        ("bytes=-5", 206, 95, 100, "bytes 95-99/100"),
        ("bytes=100-", 416, 0, 0, "bytes */100"),
        ("bytes=20-10", 416, 0, 0, "bytes */100"),
        ("bytes=0-1,5-6", 200, 0, 100, None),
        ("lines=0-1", 200, 0, 100, None),
        ("bytes=-", 200, 0, 100, None),
    ],
)
def test_ranges_are_read_as_in_the_rfc(
    text: str | None, status: int, start: int, stop: int, content_range: str | None
) -> None:
    assert chosen(text) == SentRange(
        status=status, start=start, stop=stop, content_range=content_range
    )


@pytest.mark.parametrize(
    ("if_range", "status"), [('"one"', 206), ("date", 206), ('"two"', 200), ('W/"one"', 200)]
)
def test_a_range_holds_only_while_its_validator_does(if_range: str, status: int) -> None:
    assert chosen("bytes=10-", if_range=if_range).status == status


def test_a_host_may_ignore_ranges() -> None:
    assert chosen("bytes=10-", mode="ignore").status == 200


def test_a_host_may_refuse_ranges() -> None:
    assert chosen("bytes=10-", mode="refuse").status == 416


def test_a_wrong_range_says_what_it_sends() -> None:
    span = chosen("bytes=10-", flaw=Flaw.WRONG_RANGE)
    assert (span.start, span.content_range) == (13, "bytes 13-99/100")


def test_a_lying_range_sends_other_bytes_than_it_says() -> None:
    span = chosen("bytes=10-", flaw=Flaw.LYING_RANGE)
    assert (span.start, span.stop, span.content_range) == (0, 90, "bytes 10-99/100")
