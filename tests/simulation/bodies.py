"""What a download host says to one request: the right thing, or what the weather makes of it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from fakes.shelf import Shelf
from reelkeep.errors import Stalled, Unreachable

Piece = tuple[float, bytes | Exception]
"""Seconds of silence, and what comes after it."""

STALL = 60.0
"""Seconds after which the client gives a silent connection up (`downloads.stall_timeout`)."""

HARMLESS = frozenset({"slow", "short"})
"""Flaws after which nothing may be lost or fetched again."""

RESUMABLE = HARMLESS | {"cut", "stall"}
"""Flaws after which the bytes that came are to be built on."""

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Password</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A reply: `pieces` come one after the other."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    flaw: str | None = None
    start: int = 0  #: Where in the file its body begins.
    pause: float = 0.0  #: Seconds of peace that it asks for.
    key: str = ""  #: Of the file, if this is about one.
    asked: str | None = None  #: The Range that was asked for.
    condition: str | None = None  #: The If-Range that came with it.


def reply(shelf: Shelf, asked: Mapping[str, str], flaw: str | None, random: Random) -> Said:
    """Return what is said to a request with the headers `asked`.

    Raises:
        Unreachable: There is no connection.
    """
    if flaw == "down":
        raise Unreachable("the host is down")
    if (refused := _refusal(flaw, random)) is not None:
        return refused
    ranged = "Range" in asked
    if flaw == "refused" and ranged:
        return _plain(416, b"no range", {"Content-Range": f"bytes */{len(shelf.content)}"}, flaw)
    if flaw == "whole" and ranged:
        asked = {}
    answer = shelf(asked)
    (body,) = answer.pieces
    assert isinstance(body, bytes)
    start = len(shelf.content) - len(body) if answer.status == 206 else 0
    if answer.status == 206 and (told := answer.headers["Content-Range"]):
        start = int(told.removeprefix("bytes ").partition("-")[0])
    good = Said(
        status=answer.status, headers=dict(answer.headers), pieces=cut(body, random), start=start
    )
    return _flawed(good, body, flaw, random) if flaw else good


def cut(body: bytes, random: Random) -> tuple[Piece, ...]:
    """Return `body` in pieces of any size that come quickly."""
    pieces: list[Piece] = []
    while body:
        size = random.choice([len(body), random.randint(1, len(body)), 4096])
        pieces.append((random.random() * 0.2, body[:size]))
        body = body[size:]
    return tuple(pieces)


def _refusal(flaw: str | None, random: Random) -> Said | None:
    """Return what is said in the place of the file."""
    if flaw == "hang":
        return Said(pieces=((STALL, Stalled("no head came")),), flaw=flaw)
    if flaw == "error":
        return _plain(random.choice([500, 502, 504]), b"out of order", {}, flaw)
    if flaw == "login":
        return _plain(200, _PAGE, {"Content-Type": "text/html; charset=utf-8"}, flaw)
    if flaw == "expired":
        return _plain(403, b"<Error><Code>AccessDenied</Code></Error>", {}, flaw)
    if flaw == "throttled":
        pause = random.choice([0, 1, 30, 600, 3000])
        headers = {"Retry-After": str(pause)} if pause else {}
        return replace(_plain(429, b"slow down", headers, flaw), pause=float(pause or 1))
    return None


def _plain(status: int, body: bytes, headers: Mapping[str, str], flaw: str) -> Said:
    named = {"Content-Type": "text/plain", "Content-Length": str(len(body)), **headers}
    return Said(status=status, headers=named, pieces=((0.0, body),), flaw=flaw)


def _flawed(good: Said, body: bytes, flaw: str, random: Random) -> Said:
    """Return `good` as `flaw` has it; without one if this reply cannot have it."""
    bad, at = replace(good, flaw=flaw), random.randint(0, len(body))
    if flaw in ("cut", "stall") or (flaw == "changed" and random.random() < 0.7):
        end = (0.1, Unreachable("it broke off")) if flaw != "stall" else (STALL, Stalled("silence"))
        return replace(bad, pieces=(*cut(body[:at], random), end))
    if flaw == "slow":
        return replace(bad, pieces=tuple((wait + 20.0, piece) for wait, piece in good.pieces))
    if flaw in ("shifted", "short"):
        ranged = good.status == 206 and len(body) > 2
        return _misplaced(bad, body, max(1, at), random) if ranged else good
    if flaw in _ALTERED:
        content, changes = _ALTERED[flaw](body, at)
        headers = {**good.headers, "Content-Length": str(len(content)), **changes}
        if flaw == "silent":
            del headers["Content-Length"]
        return replace(bad, headers=headers, pieces=cut(content, random))
    return bad if flaw in ("whole", "changed") else good  # the shelf saw to those


def _misplaced(bad: Said, body: bytes, size: int, random: Random) -> Said:
    """Return a range that begins a byte later, or ends earlier, than was asked for."""
    shift = 1 if bad.flaw == "shifted" else 0
    body, first = body[shift:] if shift else body[:size], bad.start + shift
    total = bad.headers["Content-Range"].partition("/")[2]
    place = f"bytes {first}-{first + len(body) - 1}/{total}"
    headers = {**bad.headers, "Content-Range": place, "Content-Length": str(len(body))}
    return replace(bad, headers=headers, pieces=cut(body, random))


def _inverted(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    for place in {min(at, len(body) - 1)} if body else ():
        changed[place] ^= 0xFF
    return bytes(changed)


_ALTERED: Mapping[str, Callable[[bytes, int], tuple[bytes, dict[str, str]]]] = {
    "silent": lambda body, at: (body[:at], {}),
    "corrupt": lambda body, at: (_inverted(body, at), {}),
    "grown": lambda body, _at: (body + b"trailer", {}),
    "packed": lambda body, _at: (gzip.compress(body, 1, mtime=0), {"Content-Encoding": "gzip"}),
}
