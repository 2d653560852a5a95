"""A well-behaved download host, as a function from a request's headers to a reply."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from fakes.transport import FakeReply

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def http_date(age: timedelta) -> str:
    """Return the HTTP-date of `age` ago."""
    return format_datetime(NOW - age, usegmt=True)


def media(size: int) -> bytes:
    """Return a whole little MP4 file of `size` bytes, at least 40, no two places of it alike."""
    numbers = array("I", range(size // 4))
    if sys.byteorder == "little":
        numbers.byteswap()
    payload = numbers.tobytes()[: size - 40]
    boxes = [(b"ftyp", b"mp42\0\0\0\0mp42isom"), (b"moov", b""), (b"mdat", payload)]
    content = b"".join((len(body) + 8).to_bytes(4, "big") + kind + body for kind, body in boxes)
    assert len(content) == size
    return content


@dataclass
class Shelf:
    """Serves `content`: ranges, If-Range and 416 as RFC 9110 has them."""

    content: bytes
    etag: str | None = '"v1"'
    modified: timedelta | None = None  #: How long ago.
    ranges: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)  #: Further ones, of every reply.
    asked: list[str | None] = field(default_factory=list)  #: The Range of each request.

    def __call__(self, headers: Mapping[str, str]) -> FakeReply:
        """Answer a GET."""
        asked = headers.get("Range")
        self.asked.append(asked)
        match = _RANGE.fullmatch(asked or "")
        if match is None or not self.ranges or not self._is_current(headers.get("If-Range")):
            return self.reply(200, self.content, {})
        start, size = int(match[1]), len(self.content)
        if start >= size:
            return self.reply(416, b"out of range", {"Content-Range": f"bytes */{size}"})
        stop = min(size, int(match[2]) + 1) if match[2] else size
        told = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        return self.reply(206, self.content[start:stop], told)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> FakeReply:
        """Return a reply with this shelf's own headers."""
        named = {"Date": http_date(timedelta(0)), **self.headers, **headers}
        if self.etag is not None:
            named.setdefault("ETag", self.etag)
        if self.modified is not None:
            named.setdefault("Last-Modified", http_date(self.modified))
        named.setdefault("Content-Length", str(len(body)))
        return FakeReply(status=status, headers=named, pieces=[body])

    def _is_current(self, condition: str | None) -> bool:
        known = {self.etag, None if self.modified is None else http_date(self.modified)}
        return condition is None or condition in known - {None}
