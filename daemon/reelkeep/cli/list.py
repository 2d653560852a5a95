"""`reelkeep list`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len, set_cell_size

from reelkeep.cli.invocation import Exit, Invocation, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import narrowing, providers, require_known, selection_of, wide
from reelkeep.cli.output import Output, moment
from reelkeep.cli.tables import apart
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.quantities import size
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.catalog.operator import Selection
    from reelkeep.core.model import Holding
    from reelkeep.settings.model import Settings

_KEY, _STATE, _FILES, _SIZE = 16, 12, 5, 8
_DAY, _MINUTE = 10, 16  # characters of a date, and of one with its time
_GAP = "  "
_LONGEST_NAME = 16  # of a provider, unless all is shown
_SHORT_NAME = 9  # of a provider, where there is little room
_NARROWEST_TITLE = 8
_NARROW = 100  # below, the time of day is left out
_BROAD = 120  # from here on, there is room for the number of a meeting
_NUMBER = 11


class Columns:
    """Writes one line for each recording; long titles are cut off, unless `--wide` is given."""

    def __init__(self, out: Output, providers: Sequence[str]) -> None:
        self._out = out
        longest = max(map(len, [*providers, "PROVIDER"]))
        self._width = None if out.wide else out.width
        self._name = longest if out.wide else min(longest, _LONGEST_NAME)
        is_narrow = self._width is not None and self._width < _NARROW
        self._started = _DAY if is_narrow else _MINUTE
        if is_narrow:
            self._name = min(self._name, _SHORT_NAME)
        is_broad = self._width is None or self._width >= _BROAD
        self._number = _NUMBER if is_broad else 0

    def head(self) -> bool:
        """Write the headings."""
        head = self._line(
            "KEY",
            "STARTED",
            "PROVIDER",
            "STATE",
            "FILES",
            "SIZE",
            "NUMBER",
            self._tail("ID", "TITLE"),
        )
        return self._out.line(click.style(head, bold=True) if self._colors() else head)

    def row(self, holding: Holding) -> bool:
        """Write the line of one recording; return whether the reader is still there."""
        done = sum(file.state in ("stored", "skipped", "waived") for file in holding.files)
        return self._out.line(
            self._line(
                holding.key,
                moment(holding.started),
                holding.provider,
                holding.state,
                f"{done}/{len(holding.files)}",
                size(sum(file.size or 0 for file in holding.files)),
                visible(holding.number),
                self._tail(visible(holding.id), apart(visible(holding.title))),
            )
        )

    def _line(self, *cells: str) -> str:
        key, started, name, state, files, bytes_, number, tail = cells
        left = [(key, _KEY), (started, self._started), (name, self._name), (state, _STATE)]
        parts = [set_cell_size(text, width) for text, width in left]
        parts += [files.rjust(_FILES), bytes_.rjust(_SIZE)]
        if self._number:
            parts.append(number.ljust(self._number))
        return _GAP.join([*parts, tail]).rstrip()

    def _tail(self, id_: str, title: str) -> str:
        """Return what fits behind the columns: the title, and the id if nothing is cut off."""
        if self._width is None:
            return f"{id_:<24}{_GAP}{title}"
        fixed = _KEY + self._started + self._name + _STATE + _FILES + _SIZE + 6 * len(_GAP)
        fixed += self._number + len(_GAP) if self._number else 0
        room = max(_NARROWEST_TITLE, self._width - fixed)
        return title if cell_len(title) <= room else set_cell_size(title, room - 1) + "…"

    def _colors(self) -> bool:
        return self._out.is_terminal and not self._out.console().no_color


LIMIT = 50
"""How many recordings are shown unless a limit is given."""

STATES = [state.value for state in (*RecordingState, *FileState)]


@click.command
@providers
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    metavar="STATE",
    help="Only recordings in this state, or with a file in this state; may be repeated. "
    f"One of {', '.join(STATES)}.",
)
@narrowing
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"List at most N recordings. Default: {LIMIT}; with --json, no limit.",
)
@click.option("--all", "everything", is_flag=True, help="List all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
@wide
@click.pass_obj
def command(
    call: Invocation,
    /,
    *,
    names: tuple[str, ...],
    states: tuple[str, ...],
    limit: int | None,
    everything: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """List the recordings that the catalog knows, newest first.

    A recording must match all the options given. If its start is not known, the time when it was
    first seen counts.
    """
    selection = selection_of(given)
    settings = call.settings_only()
    say_how_it_is_read(settings)
    if limit is None and not everything and not as_json:
        limit = LIMIT
    wanted = ListQuery(names, states, selection, None if everything else limit)
    run_in_loop(_list, call, settings, wanted, as_json)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which recordings are listed."""

    names: tuple[str, ...]
    states: tuple[str, ...]
    selection: Selection
    limit: int | None


async def _list(
    call: Invocation,
    settings: Settings,
    wanted: ListQuery,
    as_json: bool,  # noqa: FBT001 - a loop passes by position
) -> None:
    from reelkeep.app.catalog_access import open_read_only
    from reelkeep.cli.export import recording
    from reelkeep.cli.finding import known_names, newest
    from reelkeep.cli.list import Columns

    async with open_read_only(settings) as operator:
        known = await known_names(operator, settings)
        require_known(wanted.names, known)
        columns, count = Columns(call.out, known), 0
        found = newest(
            operator, names=wanted.names, states=wanted.states, selection=wanted.selection
        )
        async for holding in found:
            if count == wanted.limit:
                _say_there_are_more(call, wanted, as_json=as_json)
                break
            if as_json:
                more = call.out.json(recording(holding, settings.archive.path), indent=None)
            else:
                more = (count > 0 or columns.head()) and columns.row(holding)
            count += 1
            if not more:
                break


def _say_there_are_more(call: Invocation, wanted: ListQuery, *, as_json: bool) -> None:
    if not as_json:
        call.out.line(f"… the newest {wanted.limit:,}; use --all to list all, or --limit N.")
