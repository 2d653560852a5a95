"""`reelkeep status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reelkeep.cli.invocation import Exit, Invocation, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, wide

if TYPE_CHECKING:
    from reelkeep.app.status import Status


@click.command
@as_json
@wide
@click.pass_obj
def command(call: Invocation, *, as_json: bool) -> int:
    """Show the state of every provider, running transfers, and the free space.

    It reads the catalog, whether a daemon is running or not; running transfers come from the
    daemon.
    """
    from reelkeep.app.catalog_access import utc_now
    from reelkeep.app.status import catalog_only

    settings = call.settings_only()
    say_how_it_is_read(settings)
    status = run_in_loop(catalog_only, settings, utc_now)
    if as_json:
        call.out.json(status)
    else:
        _print(call, status)
    return Exit.DONE


def _print(call: Invocation, status: Status) -> None:
    from reelkeep.cli.status_view import providers_table, remarks, transfers_table
    from reelkeep.cli.tables import cell
    from reelkeep.core.quantities import size

    out, lines = call.out, [*status["providers"], *status["former_providers"]]
    table = providers_table(out, lines, ages=True, now=status["time"])
    out.show(table, *remarks(lines))
    if "other_daemon" in status:
        told = f"The daemon on server.listen uses another catalog, {status['other_daemon']}."
        out.show(cell(told, "bold red"))
    if status["transfers"]:
        out.line()
        out.show(transfers_table(out, status["transfers"]))
    free = status["free_bytes"]
    left = "free space unknown" if free is None else f"{size(free)} free"
    out.line()
    out.show(cell(f"{status['archive']}: {left}"))
    if status["archive_problem"]:
        out.show(cell(status["archive_problem"], "bold red"))
    storage = status.get("storage", {"state": "ok"})
    if storage["state"] != "ok" and not status["archive_problem"]:
        out.show(
            cell(f"Transfers are paused, nothing can be stored: {storage['reason']}", "bold red")
        )
