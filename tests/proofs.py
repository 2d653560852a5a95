"""Proofs with many inputs: `make test` tries some of them, chosen by a fixed rule, and
`make prove` the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

QUARTERS = [0, *(pytest.param(number, marks=pytest.mark.prove) for number in range(1, 4))]
"""For a parameter that `quarter` takes; `make test` has the first."""


def quarter(inputs: Iterable[T], number: int) -> Iterator[T]:
    """Yield every fourth of `inputs`, from the one of this number on."""
    return islice(inputs, number, None, 4)


def each_in_turn(rows: Iterable[Any], columns: Sequence[Any]) -> list[Any]:
    """Return parameters for each pair; `make test` has each row once, and each column in turn."""
    return [
        pytest.param(row, column, marks=[] if number % len(columns) == place else pytest.mark.prove)
        for number, row in enumerate(rows)
        for place, column in enumerate(columns)
    ]
