"""Decide which bytes of a file a reply carries (RFC 9110, 13.1.5 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reelkeep.simulator.faults import Flaw

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says of ranges, and the validators that the file has now."""

    range: str | None
    if_range: str | None
    validators: tuple[str, ...]  #: The strong ETag and Last-Modified, as sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The bytes `start <= offset < stop` of a file of `size` bytes, and how they are called."""

    status: int  #: 200, 206 or 416
    start: int
    stop: int
    content_range: str | None = None

    @property
    def length(self) -> int:
        """Bytes that are sent."""
        return self.stop - self.start


def choose(asked: Asked, size: int, *, mode: str, flaw: Flaw | None, at: int = 0) -> Span:
    """Return what is sent for `asked`; `mode` is honour, ignore or refuse (Z9)."""
    whole = Span(status=200, start=0, stop=size)
    stale = asked.if_range is not None and asked.if_range not in asked.validators
    if asked.range is None or mode == "ignore" or flaw is Flaw.IGNORE_RANGE or stale:
        return whole
    matched = _RANGE.fullmatch(asked.range.strip())
    if matched is None or matched.groups() == ("", ""):
        return whole  # several ranges or another unit: a server may ignore them
    start, stop = _bounds(matched[1], matched[2], size)
    if start >= stop or mode == "refuse" or flaw is Flaw.REFUSE_RANGE:
        return Span(status=416, start=0, stop=0, content_range=f"bytes */{size}")
    return _partial(start, stop, size, flaw, at)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _partial(start: int, stop: int, size: int, flaw: Flaw | None, at: int) -> Span:
    if flaw is Flaw.WRONG_RANGE:
        start = max(0, min(start + at, stop - 1))
    label = f"bytes {start}-{stop - 1}/{size}"
    if flaw is Flaw.LYING_RANGE:
        return Span(status=206, start=0, stop=stop - start, content_range=label)
    return Span(status=206, start=start, stop=stop, content_range=label)
