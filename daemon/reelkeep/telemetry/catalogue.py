"""The explanations of events and alerts, for the command and the manual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import fill, indent
from typing import Any

from reelkeep.core.events import EVENTS, Event
from reelkeep.telemetry.alerts import ALERTS, Alert
from reelkeep.telemetry.logs import message_id
from reelkeep.telemetry.runbook import ADVICE, advice

_CATALOG_WIDTH = 76
_PAGE_WIDTH = 100

_EVENTS_HEAD = """\
# Events of the log

Made from `core/events.py` and `telemetry/runbook.py` by `make docs`; do not edit.

One JSON object per line: `timestamp` (RFC 3339, UTC, microseconds), `level`, `event`, then the keys
below, in this order, each of which may be absent. Durations (`seconds`, `delay`) are in seconds,
sizes (`bytes`, `free`, `min_free`, `missing`) in bytes, `code` is a [reason code](reasons.md).

| event | level | keys | meaning |
|---|---|---|---|
"""

_EVENTS_BODY = """
## What to do

`reelkeep logs --explain EVENT` prints the same. Events that are not listed need no action.
"""

_EVENTS_TAIL = """
## In the systemd journal

Under systemd each line is one message: `MESSAGE` is the JSON object, `PRIORITY` its level
(debug 7, info 6, warning 4, error 3), and each key is a field: `REELKEEP_EVENT`,
`REELKEEP_PROVIDER`, `REELKEEP_FILE` and so on. The `MESSAGE_ID` of an event never changes:

| event | `MESSAGE_ID` |
|---|---|
"""

_RUNBOOK_HEAD = """\
# Runbook

Made from `telemetry/alerts.py`, `telemetry/runbook.py` and the rules by `make docs`; do not edit.

What each alert of [`config/monitoring`](../../config/monitoring) means, and what to do. The
annotation `runbook` of an alert is the command that prints the same on the host: `reelkeep logs
--explain NAME`. [Monitoring](monitoring.md) explains how to set up the alerts.
"""


def explained(name: str) -> dict[str, Any]:
    """Return the explanation of the event or alert `name`, as JSON.

    Raises:
        KeyError: No event or alert has this name.
    """
    if name in ALERTS:
        alert = ALERTS[name]
        events = {"events": list(alert.events)}
        return {"alert": name, "meaning": alert.meaning, "advice": alert.advice, **events}
    event = EVENTS[name]
    return {
        "event": name,
        "level": event.severity.name.lower(),
        "keys": list(event.keys),
        "meaning": event.meaning,
        "advice": advice(name),
        "message_id": message_id(name),
    }


def filled(text: str, width: int) -> str:
    """Return `text` wrapped to `width` characters, with a blank line between paragraphs."""
    return "\n\n".join(
        fill(part, width, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n")
    )


def events_page() -> str:
    """Return the page of events for the manual, as Markdown."""
    rows = (_row(name, event) for name, event in EVENTS.items())
    ids = (f"| `{name}` | `{message_id(name)}` |\n" for name in EVENTS)
    return "".join((_EVENTS_HEAD, *rows, _EVENTS_BODY, *_advices(), _EVENTS_TAIL, *ids))


def runbook_page(severities: Mapping[str, str]) -> str:
    """Return the page of alerts for the manual, as Markdown; `severities` are by name."""
    alerts = (_section(name, alert, severities[name]) for name, alert in ALERTS.items())
    return "".join((_RUNBOOK_HEAD, *alerts))


def journal_catalog() -> str:
    """Return what `journalctl --catalog` shows beside the events (systemd.journal-fields(7))."""
    return "".join(
        f"-- {message_id(name)}\n"
        f"Subject: {event.meaning}\n"
        "Defined-By: reelkeep\n"
        f"\n{filled(advice(name), _CATALOG_WIDTH)}\n\n"
        for name, event in EVENTS.items()
    )


def _row(name: str, event: Event) -> str:
    keys = " ".join(f"`{key}`" for key in event.keys)
    return f"| `{name}` | {event.severity.name.lower()} | {keys} | {event.meaning} |\n"


def _advices() -> Iterator[str]:
    for name, event in EVENTS.items():
        if name in ADVICE:
            yield f"\n### `{name}`\n\n{event.meaning}\n\n{filled(ADVICE[name], _PAGE_WIDTH)}\n"


def _section(name: str, alert: Alert, severity: str) -> str:
    events = "\n".join(map(_told_by, alert.events))
    said = filled(alert.advice, _PAGE_WIDTH)
    head = f"\n## {name}\n\nSeverity: {severity}. {alert.meaning}\n\n{said}\n"
    return f"{head}\nIn the log:\n\n{events.rstrip()}\n"


def _told_by(event: str) -> str:
    """Return the entry of an event that belongs to an alert."""
    place = f"../reference/events.md{_anchor(event)}"
    entry = f"- [`{event}`]({place}): {EVENTS[event].meaning}"
    return f"{entry}\n\n{_indented(ADVICE[event])}\n" if event in ADVICE else entry


def _anchor(event: str) -> str:
    return f"#{event.replace('.', '')}" if event in ADVICE else ""


def _indented(text: str) -> str:
    return indent(filled(text, _PAGE_WIDTH - 2), "  ")
