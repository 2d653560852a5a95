"""Decide how a reply continues a partial file. No I/O happens here.

The caller owns the socket and the part. It sends `ask(held, …).headers`, shows us the reply's
head, and does with the body what `decide` says:

    held bytes   reply                              decision
    ----------   --------------------------------   ---------------------------------
    none         200                                Fresh
    n            206 that starts at the seam        Continue, perhaps not to the end
    n            200 (changed, or no ranges)        Fresh
    n            200 with a Content-Range           AskPlainly: never guess
    n            416                                AskPlainly: the seam must be there

Whatever else a 200, 206 or 416 says raises BadReply: nothing of its body is written anywhere.

A request for what is missing asks for up to 64 KiB before it, too: the seam. These bytes are held
already, and must come again as they are, or what is held is worth nothing.

Sources: RFC 9110 sections 8.8, 13.1.5, 14 and 15.3.7; rules 3 to 19 of the transfer notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from reelkeep.errors import BadReply

_CONTENT_RANGE = re.compile(
    r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII | re.IGNORECASE
)
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]{1,1000}"')
"""What is not ASCII could not be sent back; an empty one says nothing."""

_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)
_DATE_IS_STRONG_AFTER = timedelta(seconds=1)

SEAM = 64 << 10
"""Bytes before the missing ones that are asked for again at most, to be compared."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What to send so as to get the bytes from `offset` on, or only those before `until`.

    The `seam` bytes before them are asked for as well.
    """

    offset: int
    headers: Mapping[str, str] = field(default_factory=dict)
    until: int | None = None
    seam: int = 0

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return self.offset - self.seam

    @property
    def is_ranged(self) -> bool:
        """Whether less than the whole file is asked for."""
        return self.offset > 0 or self.until is not None


@dataclass(frozen=True, slots=True)
class Fresh:
    """The body is the file from its first byte; `total` bytes if that was said."""

    total: int | None
    validator: str | None


@dataclass(frozen=True, slots=True)
class Continue:
    """The body goes on at `offset` for `length` bytes; the whole file has `total`."""

    offset: int
    length: int
    total: int


@dataclass(frozen=True, slots=True)
class Complete:
    """Nothing is missing: verify what is held."""


@dataclass(frozen=True, slots=True)
class AskPlainly:
    """Ranges cannot be trusted here: drop this reply, ask again for all of it."""


Decision = Fresh | Continue | AskPlainly


def ask(size: int, validator: str | None, total: int | None, *, checkable: bool) -> Ask | Complete:
    """Return how to ask for what is missing behind `size` held bytes.

    Bytes are built on only with a strong `validator`, or if a digest of the whole will be checked
    (`checkable`); two halves of different files make no whole one (rule 4).
    """
    if not size or (validator is None and not checkable):
        return Ask(0)
    if total is not None and size >= total:
        return Complete() if size == total else Ask(0)
    return _from(size, validator, seam=min(size, SEAM))


def ask_on(asked: Ask, compared: int) -> Ask:
    """Return how to ask for the same bytes, of whose seam those before `compared` were compared."""
    return _from(asked.offset, asked.headers.get("If-Range"), seam=asked.offset - compared)


def _from(offset: int, validator: str | None, *, seam: int) -> Ask:
    headers = {"Range": f"bytes={offset - seam}-"}
    if validator is not None:
        headers["If-Range"] = validator
    return Ask(offset, headers, seam=seam)


def ask_between(start: int, until: int, validator: str) -> Ask:
    """Return how to ask for the bytes of a file from `start` to before `until`."""
    headers = {"Range": f"bytes={start}-{until - 1}", "If-Range": validator}
    return Ask(start, headers, until)


def decide(
    asked: Ask, status: int, headers: Mapping[str, str], *, validator: str | None, total: int | None
) -> Decision:
    """Return what to do with the body of a 200, 206 or 416 reply to `asked`.

    `validator` and `total` are those of the held bytes.

    Raises:
        BadReply: The reply contradicts the request, the held bytes or itself.
    """
    if headers.get("Content-Type", "").strip().lower().startswith("multipart/byteranges"):
        raise BadReply("several ranges came, at most one was asked for")
    if status == HTTPStatus.OK:
        return _whole(asked, headers)
    if not asked.is_ranged:
        raise BadReply(f"asked for the whole file, got status {status}")
    if status == HTTPStatus.PARTIAL_CONTENT:
        return _partial(asked, headers, validator, total)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return AskPlainly()
    raise BadReply(f"status {status} answers no request for bytes")


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what names this very version of a file: a strong ETag, else a strong date."""
    tag = headers.get("ETag", "").strip()
    if tag:
        return tag if _STRONG_TAG.fullmatch(tag) else None
    modified, date = headers.get("Last-Modified", "").strip(), headers.get("Date", "").strip()
    then, now = _http_date(modified), _http_date(date)
    if then is None or now is None or now - then < _DATE_IS_STRONG_AFTER:
        return None
    return modified


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return the announced length; chunked framing overrules it (RFC 9112, section 6.3)."""
    value = headers.get("Content-Length", "").strip()
    if headers.get("Transfer-Encoding") or not (value.isascii() and value.isdigit()):
        return None
    return int(value) if len(value) <= 18 else None


def content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None, int | None] | None:
    """Return first byte, last byte and size that Content-Range tells; None if there is none.

    Raises:
        BadReply: The field cannot be read.
    """
    value = headers.get("Content-Range")
    if value is None:
        return None
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise BadReply("the Content-Range cannot be read")
    start, end, size = match.groups()
    return (
        None if start is None else int(start),
        None if end is None else int(end),
        None if size == "*" else int(size),
    )


def _whole(asked: Ask, headers: Mapping[str, str]) -> Decision:
    length = content_length(headers)
    if headers.get("Content-Range") is not None:
        if asked.is_ranged:
            return AskPlainly()
        start, end, size = content_range(headers) or (None, None, None)
        if start != 0 or size is None or end != size - 1 or length not in (None, size):
            raise BadReply("status 200 came with a part of the file")
        length = size
    return Fresh(length, strong_validator(headers))


def _partial(
    asked: Ask, headers: Mapping[str, str], validator: str | None, total: int | None
) -> Continue:
    told = content_range(headers)
    if told is None:
        raise BadReply("status 206 came without a Content-Range")
    start, end, size = told
    if start is None or end is None or size is None:
        raise BadReply("the Content-Range does not say which bytes of how many came")
    if start != asked.start:
        raise BadReply(f"asked for bytes from {asked.start}, got them from {start}")
    if asked.until is not None and end >= asked.until:
        raise BadReply(f"asked for bytes before {asked.until}, got them up to {end}")
    if not start <= end < size or (total is not None and size != total):
        raise BadReply(f"bytes {start} to {end} of {size} do not fit a file of {total}")
    length = content_length(headers)
    if length is not None and length != end - start + 1:
        raise BadReply(f"a range of {end - start + 1} bytes came with a length of {length}")
    _same_version(headers, validator)
    return Continue(start, end - start + 1, size)


def _same_version(headers: Mapping[str, str], validator: str | None) -> None:
    """Raise BadReply if the reply names another version than the one held (rule 6)."""
    if validator is None:
        return
    field_name = "ETag" if validator.startswith('"') else "Last-Modified"
    now = headers.get(field_name, "").strip()
    if now and now != validator:
        raise BadReply("the file changed between two parts of it")


def _http_date(text: str) -> datetime | None:
    """Return the time that an HTTP-date in its one current form names (RFC 9110, section 5.6.7)."""
    try:
        return parsedate_to_datetime(text) if _HTTP_DATE.fullmatch(text) else None
    except ValueError:  # 31 February
        return None
