"""Tables: aligned, quiet, and safe to fill with foreign text."""

from __future__ import annotations

from collections.abc import Collection

from rich import box
from rich.table import Table
from rich.text import Text

from reelkeep.cli.fitting import apart
from reelkeep.cli.output import Output
from reelkeep.telemetry.values import visible


def cell(text: object, style: str = "") -> Text:
    """Return foreign `text` in one line; nothing in it acts on a terminal."""
    return Text(apart(visible(str(text))), style=style)


def table(
    out: Output,
    *columns: str,
    right: Collection[str] = (),
    wrap: Collection[str] = (),
    cut: Collection[str] = (),
) -> Table:
    """Return an empty table with these headings.

    Columns in `right` are numbers, those in `wrap` hold prose, those in `cut` may be cut short
    where there is too little room; all others are always shown whole. See `fit`.
    """
    made = Table(
        box=box.SIMPLE_HEAD if out.is_terminal else None,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 1 if out.is_terminal else 2, 0, 0),
    )
    for name in columns:
        made.add_column(
            name.upper(),
            justify="right" if name in right else "left",
            no_wrap=name not in wrap,
            overflow="fold" if name in wrap else "ellipsis" if name in cut else "crop",
            min_width=None if name in wrap or name in cut else len(name),
        )
    return made
