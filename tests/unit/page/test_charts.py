"""The calendar of the coverage, and the chart of what was stored."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from reelkeep.page.charts import DAYS, MONTHS, DayCount, calendar, first_day, stored_chart

TODAY = date(2026, 3, 15)


def test_the_calendar_has_every_day_of_its_months_once() -> None:
    months = calendar({}, TODAY)
    days = [each.day for month in months for week in month.weeks for each in week if each]
    assert len(months) == MONTHS
    assert sorted(days) == [
        first_day(TODAY) + timedelta(days=n) for n in range((TODAY - first_day(TODAY)).days + 1)
    ]
    assert (months[0].name, months[-1].name) == ("March 2026", "April 2024")


def test_each_day_is_in_the_column_of_its_weekday() -> None:
    for month in calendar({}, TODAY):
        for week in month.weeks:
            assert len(week) == 7
            assert all(each.day.weekday() == n for n, each in enumerate(week) if each)


@pytest.mark.parametrize(
    ("count", "mark", "label"),
    [
        (DayCount(), "none", "nothing recorded"),
        (DayCount(stored=2), "stored", "2 stored"),
        (DayCount(stored=2, pending=1), "pending", "2 stored, 1 pending"),
        (DayCount(stored=2, pending=1, failed=3), "failed", "3 failed or missing"),
    ],
)
def test_a_day_shows_the_worst_of_it(count: DayCount, mark: str, label: str) -> None:
    square = calendar({TODAY: count}, TODAY)[0].weeks[1][6] or pytest.fail("no Sunday")
    assert (square.day, square.count.mark) == (date(2026, 3, 8), "none")
    found = next(
        each
        for week in calendar({TODAY: count}, TODAY)[0].weeks
        for each in week
        if each and each.day == TODAY
    )
    assert found.count.mark == mark
    assert label in found.label


@pytest.mark.parametrize("days", [{}, {TODAY: 5 * 10**12}, {TODAY - timedelta(days=400): 7}])
def test_the_chart_is_well_formed_whatever_was_stored(days: dict[date, int]) -> None:
    root = ET.fromstring(stored_chart(days, TODAY))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == DAYS
    assert all(float(bar.get("height", "-1")) >= 0 for bar in bars)
