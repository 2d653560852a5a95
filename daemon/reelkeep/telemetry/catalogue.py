"""The manual's page of events, made from the table that the code obeys."""

from __future__ import annotations

from reelkeep.core.events import EVENTS, Event

_HEAD = """\
# Events of the log

Made from `core/events.py` by `make docs`; do not edit.

One JSON object a line: `timestamp` (RFC 3339, UTC, microseconds), `level`, `event`, then the keys
below, in this order, each of which may be absent. Durations (`seconds`, `delay`) are in seconds,
sizes (`bytes`, `free`, `wanted`, `offset`) in bytes, `code` is a [reason code](reasons.md).

| event | level | keys | meaning |
|---|---|---|---|
"""


def events_page() -> str:
    """Return the page as Markdown."""
    return _HEAD + "".join(_row(name, event) for name, event in EVENTS.items())


def _row(name: str, event: Event) -> str:
    keys = " ".join(f"`{key}`" for key in event.keys)
    return f"| `{name}` | {event.severity.name.lower()} | {keys} | {event.meaning} |\n"
