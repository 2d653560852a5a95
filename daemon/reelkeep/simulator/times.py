"""Times as the simulated providers read and write them; the clock itself is passed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

Now = Callable[[], datetime]
"""Tells the time, with a zone: real, scaled or virtual."""


def utc_now() -> datetime:
    """Tell the real time."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write `YYYY-MM-DDTHH:MM:SSZ`, as all three providers do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> datetime:
    """Read the documented form only: whole seconds, UTC, `Z`.

    Raises:
        ValueError: it is written otherwise.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def parse_day(text: str, *, loose: bool = False) -> date:
    """Read `yyyy-mm-dd`; if `loose`, a time may follow, and is ignored.

    Raises:
        ValueError: it is written otherwise.
    """
    day, gap = text[:10], text[10:11]
    if loose and gap in ("T", " "):
        text = day
    if len(text) != 10:
        raise ValueError(f"expected yyyy-mm-dd, got {len(text)} characters")
    return date.fromisoformat(text)
