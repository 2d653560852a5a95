"""Draw the charts of the page as SVG, and lay out the calendar of the coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from reelkeep.core.quantities import size

DAYS: Final = 30
"""Days of the chart of what was stored."""

MONTHS: Final = 24
"""Months of the calendar."""

_WIDTH, _HEIGHT, _FOOT = 600, 120, 18


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many recordings began on a day, by how they stand."""

    stored: int = 0
    pending: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.stored + self.pending + self.failed

    @property
    def mark(self) -> str:
        """The worst of them, which colours the day."""
        if self.failed:
            return "failed"
        if self.pending:
            return "pending"
        return "stored" if self.stored else "none"


@dataclass(frozen=True, slots=True)
class Square:
    """A day of the calendar."""

    day: date
    count: DayCount

    @property
    def label(self) -> str:
        """What the day holds, in words."""
        if not self.count.total:
            return f"{self.day}: nothing recorded"
        parts = [
            f"{many} {name}"
            for name, many in (
                ("stored", self.count.stored),
                ("pending", self.count.pending),
                ("failed or missing", self.count.failed),
            )
            if many
        ]
        return f"{self.day}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendar: its days, each in its week and weekday."""

    name: str
    weeks: Sequence[Sequence[Square | None]]


def first_day(today: date) -> date:
    """Return the first day of the calendar that ends with `today`."""
    months = today.year * 12 + today.month - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def calendar(days: Mapping[date, DayCount], today: date) -> list[Month]:
    """Return the months of the calendar, the newest first."""
    months: list[Month] = []
    begin = first_day(today)
    while begin <= today:
        after = (begin.replace(day=28) + timedelta(days=4)).replace(day=1)
        last = min(after - timedelta(days=1), today)
        row: list[Square | None] = [None] * begin.weekday()
        row += [
            Square(day, days.get(day, DayCount()))
            for day in (begin + timedelta(days=n) for n in range((last - begin).days + 1))
        ]
        row += [None] * (-len(row) % 7)
        weeks = [row[start : start + 7] for start in range(0, len(row), 7)]
        months.append(Month(f"{begin:%B %Y}", weeks))
        begin = after
    return months[::-1]


def stored_chart(days: Mapping[date, int], today: date) -> str:
    """Return the bytes stored on each of the last `DAYS` days as bars."""
    shown = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    most = max([*(days.get(day, 0) for day in shown), 1])
    step = _WIDTH / DAYS
    bars = []
    for number, day in enumerate(shown):
        value = days.get(day, 0)
        height = round((_HEIGHT - 2 * _FOOT) * value / most, 1)
        top = round(_HEIGHT - _FOOT - height, 1)
        bars.append(
            f'<rect x="{number * step + 2:.1f}" y="{top}" width="{step - 4:.1f}" '
            f'height="{height}"><title>{day}: {size(value)}</title></rect>'
        )
    base = _HEIGHT - _FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        "<style>rect{fill:#2f6fab}text{font:12px system-ui,sans-serif;fill:#555}"
        "line{stroke:#999}@media(prefers-color-scheme:dark){rect{fill:#7fb3e0}text{fill:#bbb}}"
        "</style>"
        f"<title>Bytes stored on each of the last {DAYS} days</title>{''.join(bars)}"
        f'<line x1="0" y1="{base}" x2="{_WIDTH}" y2="{base}"/>'
        f'<text x="2" y="12">{size(most)}</text>'
        f'<text x="2" y="{_HEIGHT - 4}">{shown[0]}</text>'
        f'<text x="{_WIDTH - 2}" y="{_HEIGHT - 4}" text-anchor="end">{shown[-1]}</text></svg>'
    )
