"""Fit tables into a width."""

from __future__ import annotations

import re
from unicodedata import category

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

_JOINED = re.compile("(?<=(.))\ufe0f?\u200d(?=(.))", re.DOTALL)


def apart(text: str) -> str:
    """Return `text` with joined emoji side by side.

    Many terminals show them like this in any case, and all agree on the width of each.
    """
    return _JOINED.sub(_part, text) if "\u200d" in text else text


def _part(match: re.Match[str]) -> str:
    is_emoji = all(category(each) in ("So", "Sk") for each in match.groups())
    return "" if is_emoji else match[0]


def fit(made: Table, width: int) -> None:
    """Make `made` fit `width` columns: the widest of those that may be cut or wrapped give way."""
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
