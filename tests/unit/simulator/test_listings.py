"""Spans of dates and pages of entries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reelkeep.simulator.listings import DayRange, InvalidField, Page, days, page
from reelkeep.simulator.signing import Signer
from reelkeep.simulator.switches import ZoomSwitches

NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
SIGNER = Signer(7)


def cut(
    query: dict[str, str], *, now: datetime = NOW, switches: ZoomSwitches | None = None
) -> Page:
    switches = switches or ZoomSwitches()
    return page(query, "users/u-1", 70, signer=SIGNER, now=now, switches=switches)


def test_a_span_over_a_month_loses_its_start() -> None:
    """The dates are those of a recorded answer."""
    query = {"from": "2017-08-02", "to": "2018-04-09"}
    assert days(query, NOW, switches=ZoomSwitches()).first == date(2018, 3, 9)


def test_a_span_of_a_month_is_kept() -> None:
    query = {"from": "2025-10-20", "to": "2025-11-20"}
    assert days(query, NOW, switches=ZoomSwitches()).first == date(2025, 10, 20)


def test_today_and_tomorrow_are_the_default() -> None:
    assert days({}, NOW, switches=ZoomSwitches()) == DayRange(
        date(2025, 11, 20), date(2025, 11, 21)
    )


def test_both_days_are_inside() -> None:
    span = DayRange(date(2025, 11, 1), date(2025, 11, 2))
    assert datetime(2025, 11, 2, 23, 59, tzinfo=UTC) in span


@pytest.mark.parametrize("text", ["yesterday", "2025-13-01", "20251101", "2025-11-01T00:00:00Z"])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        days({"from": text}, NOW, switches=ZoomSwitches(dates_with_time=False))


@pytest.mark.parametrize("text", ["2025-11-01T00:00:00Z", "2025-11-01 00:00:00+00:00"])
def test_a_time_behind_a_day_is_ignored(text: str) -> None:
    span = days({"from": text, "to": text}, NOW, switches=ZoomSwitches())
    assert span == DayRange(date(2025, 11, 1), date(2025, 11, 1))


def test_pages_follow_each_other_to_the_end() -> None:
    first = cut({})
    second = cut({"next_page_token": first.token})
    third = cut({"next_page_token": second.token})
    assert [(p.start, p.stop) for p in (first, second, third)] == [(0, 30), (30, 60), (60, 70)]
    assert third.token == ""


def test_a_page_has_at_most_300_entries() -> None:
    assert cut({"page_size": "1000"}).size == 300


def test_a_token_belongs_to_its_parameters() -> None:
    token = cut({"from": "2025-11-01"}).token
    with pytest.raises(InvalidField):
        cut({"from": "2025-11-02", "next_page_token": token})


def test_a_token_dies_after_a_quarter_of_an_hour() -> None:
    token = cut({}).token
    with pytest.raises(InvalidField):
        cut({"next_page_token": token}, now=NOW + timedelta(minutes=15))


def test_a_dead_token_can_be_an_empty_page() -> None:
    switches = ZoomSwitches(expired_page="empty")
    gone = cut({"next_page_token": "30.0-00"}, switches=switches)
    assert (gone.start, gone.stop, gone.token) == (70, 70, "")
