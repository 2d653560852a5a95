"""Decide which bytes of a file a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `end`; `partial`: not simply all of them."""

    start: int
    end: int
    partial: bool

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return self.end - self.start


class Unsatisfiable(Exception):
    """No byte that is asked for is in the file."""


def wanted(header: str | None, size: int, *, condition: str | None, etag: str) -> ByteRange:
    """Return the bytes that `Range` asks for of a file of `size` bytes.

    `condition` is the header `If-Range`: with another one than `etag`, all is sent. So it is for
    several ranges and for what cannot be understood, as the RFC allows.

    Raises:
        Unsatisfiable: The range begins behind the end.
    """
    whole = ByteRange(0, size, partial=False)
    if header is None or (condition is not None and condition.strip() != etag):
        return whole
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()):
        return whole
    first, last = match.groups()
    if not first:
        start = max(0, size - int(last))
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return ByteRange(start, size, partial=True)
    start, end = int(first), size if not last else min(int(last) + 1, size)
    if last and int(last) < start:
        return whole  # not a valid range
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, end, partial=True)
