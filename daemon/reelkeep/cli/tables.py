"""Tables: aligned, quiet, fitted to a width, and safe to fill with foreign text."""

from __future__ import annotations

import re
from collections.abc import Collection
from unicodedata import category

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from reelkeep.cli.output import Output
from reelkeep.telemetry.redaction import visible

_JOINED = re.compile("(?<=(.))\ufe0f?\u200d(?=(.))", re.DOTALL)


def apart(text: str) -> str:
    """Return `text` with joined emoji side by side.

    Many terminals show them this way anyway, and all of them agree on the width of each.
    """
    return _JOINED.sub(_part, text) if "\u200d" in text else text


def _part(match: re.Match[str]) -> str:
    is_emoji = all(category(each) in ("So", "Sk") for each in match.groups())
    return "" if is_emoji else match[0]


def fit(made: Table, width: int) -> None:
    """Make `made` fit `width` columns by narrowing the widest that may be cut or wrapped."""
    columns = made.columns
    widths = [max(_longest(each) for each in (column.header, *column.cells)) for column in columns]
    gap = made.padding[1] + made.padding[3] + (1 if made.box is not None else 0)
    left = width - gap * (len(columns) - 1)
    pliable = [n for n, column in enumerate(columns) if column.overflow in ("fold", "ellipsis")]
    while sum(widths) > left and pliable:
        widest = max(pliable, key=lambda n: widths[n])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    for column, found in zip(columns, widths, strict=True):
        column.width = found


_NARROWEST = 5


def _longest(text: object) -> int:
    return cell_len(text.plain if isinstance(text, Text) else str(text))


def cell(text: object, style: str = "") -> Text:
    """Return foreign `text` in one line, without control characters."""
    return Text(apart(visible(str(text))), style=style)


def table(
    out: Output,
    *columns: str,
    right: Collection[str] = (),
    wrap: Collection[str] = (),
    cut: Collection[str] = (),
) -> Table:
    """Return an empty table with these headings.

    Columns in `right` are numbers, those in `wrap` hold prose, those in `cut` may be cut off if
    there is too little room; all others are always shown in full. See `fit`.
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
