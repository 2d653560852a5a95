"""Scripted and seeded faults of single replies (G10, Z9, Z10, Z14)."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from random import Random


class Flaw(Enum):
    """What goes wrong with a reply. All but STATUS and RESET_EARLY are for file bodies only."""

    STATUS = "status"  #: `status`, `headers` and `body` replace the reply.
    RESET_EARLY = "reset-early"  #: The connection is reset before any reply.
    IGNORE_RANGE = "ignore-range"  #: 200 and everything, whatever range was asked for.
    WRONG_RANGE = "wrong-range"  #: 206 whose Content-Range, and bytes, begin `at` bytes off.
    LYING_RANGE = "lying-range"  #: 206 with the right Content-Range but bytes from the start.
    REFUSE_RANGE = "refuse-range"  #: 416 for any range.
    NEW_ETAG = "new-etag"  #: Another ETag from now on (the same bytes).
    TRUNCATE = "truncate"  #: Closed after `at` bytes of a body of declared length.
    CUT_SILENTLY = "cut-silently"  #: No length; closed after `at` bytes as if that were all.
    RESET = "reset"  #: TCP reset after `at` bytes.
    STALL = "stall"  #: Nothing for `seconds` after `at` bytes, then on.
    DRIP = "drip"  #: 512 bytes every `seconds`, from `at` on.
    CORRUPT = "corrupt"  #: The byte at `at` is inverted.
    GROW = "grow"  #: `at` bytes too many, or with a negative `at` too few, properly declared.
    GZIP = "gzip"  #: Content-Encoding: gzip.
    CHUNKED = "chunked"  #: No Content-Length, chunked.
    CLOSE = "close"  #: No Content-Length, closed at the end.
    HEADERS = "headers"  #: `headers` are added or replaced; an empty value removes one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One flaw of one reply, for the first `times` requests that meet it."""

    flaw: Flaw
    times: int | None = 1  #: None: for ever.
    at: int = 0  #: Bytes; negative counts from the end of the file.
    seconds: float = 0.0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Chaos:
    """Faults strewn by a seed: each request meets one of `faults` with probability `share`.

    Never two running for one file, so that a client with two attempts gets everything.
    """

    seed: int
    share: float
    faults: tuple[Fault, ...]

    def of(self, name: str, attempt: int) -> Fault | None:
        """Return the fault of the `attempt`-th request for `name`."""
        struck = self._strikes(name, attempt) and not (attempt and self._strikes(name, attempt - 1))
        return Random(f"{self.seed}/{name}/{attempt}").choice(self.faults) if struck else None

    def _strikes(self, name: str, attempt: int) -> bool:
        return Random(f"{self.seed}:{name}:{attempt}").random() < self.share


class Faults:
    """The script: faults by name, taken one a request.

    A name is the key of a file (its body on the download host), or `METHOD /path` of any
    other request, tokens and `/rec/download/` included; patterns of `fnmatch` work for both.
    """

    def __init__(self) -> None:
        self._scripts: list[tuple[str, list[Fault]]] = []
        self._taken: Counter[tuple[int, str]] = Counter()
        self._attempts: Counter[str] = Counter()
        self.chaos: Chaos | None = None  #: For bodies on the download host only.

    def add(self, pattern: str, *faults: Fault) -> None:
        """Let requests that match `pattern` meet `faults`, one after the other, each name anew."""
        self._scripts.append((pattern, list(faults)))

    def clear(self) -> None:
        """Forget all scripts and chaos."""
        self._scripts.clear()
        self._taken.clear()
        self.chaos = None

    def take(self, name: str, *, body: bool = False) -> Fault | None:
        """Return what the next request for `name` meets, and count it."""
        attempt = self._attempts[name]
        self._attempts[name] += 1
        for number, (pattern, script) in enumerate(self._scripts):
            if fnmatchcase(name, pattern) and (fault := self._next(number, name, script)):
                return fault
        return self.chaos.of(name, attempt) if body and self.chaos else None

    def _next(self, number: int, name: str, script: list[Fault]) -> Fault | None:
        taken = self._taken[number, name]
        self._taken[number, name] += 1
        left = itertools.accumulate(fault.times or 2**60 for fault in script)
        return next((fault for fault, end in zip(script, left, strict=True) if taken < end), None)


def status(code: int, *, times: int | None = 1, retry_after: str | None = None) -> Fault:
    """Return a bare error; `retry_after` in any of its three forms."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers)


def page(code: int = 502, *, times: int | None = 1) -> Fault:
    """Return an HTML page, as an edge sends it (Z14)."""
    body = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Bad gateway</body></html>"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers, body=body)


def answer(body: bytes, code: int = 200, *, times: int | None = 1) -> Fault:
    """Return `body` as JSON, valid or not (Z14)."""
    headers = {"Content-Type": "application/json"}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers, body=body)


NO_RIGHTS = b'{"code":200,"message":"You do not have the right permissions"}'
"""Comes with status 200 (Z14)."""

MALFORMED = (
    b'{"code":4711,"message":"Invalid access token, does not contain scopes:["a:read","a:write"]"}'
)
"""Comes with status 400 and is no JSON, having bare quotes (Z14)."""

FORBIDDEN = b'{"status":false,"errorCode":401,"errorMessage":"Forbidden","result":null}'
"""What a download may answer instead of the file (Z8)."""
