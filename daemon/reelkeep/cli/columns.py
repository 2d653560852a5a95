"""The lines of `reelkeep list`: aligned without holding them all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len, set_cell_size

from reelkeep.cli.fitting import apart
from reelkeep.cli.humanize import moment, size
from reelkeep.cli.output import Output
from reelkeep.telemetry.text import visible

if TYPE_CHECKING:
    from reelkeep.core.model import Holding

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
    """Writes one line a recording; titles are cut at its end, and with `--wide` nowhere."""

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
        """Write the line of one recording; return whether somebody still reads."""
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
        """Return what fits behind the columns: the title, and the id where nothing is cut."""
        if self._width is None:
            return f"{id_:<24}{_GAP}{title}"
        fixed = _KEY + self._started + self._name + _STATE + _FILES + _SIZE + 6 * len(_GAP)
        fixed += self._number + len(_GAP) if self._number else 0
        room = max(_NARROWEST_TITLE, self._width - fixed)
        return title if cell_len(title) <= room else set_cell_size(title, room - 1) + "…"

    def _colors(self) -> bool:
        return self._out.is_terminal and not self._out.console().no_color
