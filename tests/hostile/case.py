"""What a case of the grid is, and the file that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fakes.holdings import download
from fakes.shelf import media
from hosts import Mischief, changed

BODY = media(50_000)
DUE = download(size=len(BODY))
HELD = 30_000
"""What an earlier attempt left, where one did."""

REQUESTS = 12
"""More are a storm."""

OVERHEAD = 700
"""Bytes at most of a head, or of a page in place of the file."""

HTML = b"<!DOCTYPE html><html><title>secret sign-in</title></html>"

LARGEST = 61_000
"""Bytes at most of any reply."""


@dataclass(frozen=True)
class Case:
    """A host, and how it ends if it never changes: `stored`, or reason codes."""

    mischief: Mischief
    fresh: str = "stored"  #: When it meets us from the first request on.
    resumed: str = "stored"  #: When it first behaves, and breaks at HELD bytes.
    once: str = "stored"  #: When it behaves after the first time.
    lasting: bool = True  #: Whether it makes sense to try it without an end.
    etag: str | None = '"v1"'
    modified: timedelta | None = None
    requests: int = REQUESTS  #: So many at most.
    keeps: bool = False  #: No good byte is asked for twice.
    stalls: bool = False  #: It takes a stall to go on.


def failing(mischief: Mischief, codes: str, **details: Any) -> Case:
    """Return a host from which the file is not to be had."""
    return Case(mischief, fresh=codes, resumed=codes, **details)


def always(**how: Any) -> Mischief:
    """Return a host all of whose replies are changed so."""
    return changed(ranged_only=False, **how)


def keeping(cases: Mapping[str, Case]) -> dict[str, Case]:
    """Return `cases` of hosts that cost no byte which was here already."""
    return {name: replace(case, keeps=True) for name, case in cases.items()}


def line(text: str) -> Mischief:
    """Return a host all of whose replies have this line; one of a length is the only one then."""
    return always(lines=text.encode("latin-1") + b"\r\n")
