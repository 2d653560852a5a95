"""Write sizes, times and spans as people read them on the page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def size(value: float | None) -> str:
    """Return bytes in a unit of powers of ten, as the log and `status` have them."""
    if value is None:
        return "unknown"
    number, unit = float(value), _UNITS[0]
    for unit in _UNITS:
        if number < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def when(moment: datetime | str | None) -> str:
    """Return a time in UTC to the minute."""
    if moment is None:
        return "never"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def span(value: timedelta | float | None) -> str:
    """Return a duration in its two largest units."""
    if value is None:
        return "unknown"
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    days, rest = divmod(max(seconds, 0), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((n for n, (many, _) in enumerate(parts) if many), 3)
    return " ".join(f"{many} {unit}" for many, unit in parts[first : first + 2] if many) or "0 s"


def count(value: float) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
