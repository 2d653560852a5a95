"""`reelkeep logs`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from reelkeep.cli.invocation import Exit, Invocation
from reelkeep.cli.options import as_json
from reelkeep.cli.output import Output
from reelkeep.core.events import EVENTS

WIDTH = 88


@click.command
@click.option(
    "--explain",
    "name",
    metavar="EVENT",
    help="Explain an event or an alert: what it means and what to do.",
)
@as_json
@click.pass_obj
def command(call: Invocation, *, name: str | None, as_json: bool) -> int:
    """Explain the events of the log, and what to do about them.

    Without --explain, list them all. The log itself goes to stderr, and under systemd to the
    journal: `journalctl -u reelkeep`.
    """
    if name is None:
        _list(call.out, as_json=as_json)
        return Exit.DONE
    found = _found(name)
    if as_json:
        call.out.json(found)
    else:
        call.out.text(_page(found))
    return Exit.DONE


def _list(out: Output, *, as_json: bool) -> None:
    if as_json:
        from reelkeep.telemetry.catalogue import explained

        out.json([explained(name) for name in EVENTS])
        return
    from reelkeep.cli.tables import cell, table

    shown = table(out, "event", "level", "meaning", wrap=["meaning"])
    for name, event in EVENTS.items():
        shown.add_row(cell(name), cell(event.severity.name.lower()), cell(event.meaning))
    out.show(shown)


def _found(name: str) -> dict[str, Any]:
    from reelkeep.telemetry.alerts import ALERTS
    from reelkeep.telemetry.catalogue import explained

    known = {each.lower(): each for each in (*EVENTS, *ALERTS)}
    if name.lower() in known:
        return explained(known[name.lower()])
    near = get_close_matches(name.lower(), known, n=1)
    hint = f" Did you mean {known[near[0]]}?" if near else " `reelkeep logs` lists them."
    raise click.UsageError(f"There is no event or alert {name!a}.{hint}")


def _page(found: dict[str, Any]) -> str:
    from reelkeep.telemetry.catalogue import filled

    heads = [
        f"{found.get('event') or found['alert']}",
        *([f"level: {found['level']}"] if "level" in found else []),
        *([f"keys: {', '.join(found['keys'])}"] if found.get("keys") else []),
        *([f"events: {', '.join(found['events'])}"] if "events" in found else []),
        *([f"journalctl MESSAGE_ID={found['message_id']}"] if "message_id" in found else []),
    ]
    parts = (found["meaning"], f"What to do: {found['advice']}")
    return "\n".join([*heads, *("\n" + filled(part, WIDTH) for part in parts)]) + "\n"
