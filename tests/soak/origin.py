"""A download host that misbehaves by seed, over http and https, in a process of its own.

`python -m soak.origin SEED LARGE IMPATIENT PLACE` serves the files of `made_files` until standard
input ends. It writes its authority to PLACE/ca.pem, and its two ports, http first, to standard
output.
"""

from __future__ import annotations

import ssl
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import anyio
import trustme
from anyio.to_thread import run_sync

from fakes.shelf import Shelf
from hosts import (
    LAST,
    Act,
    Mischief,
    answering,
    breaking,
    chunk,
    ending,
    framed,
    good,
    ignoring,
    shorter,
)
from servers import Seen, Site, Wire, serving
from soak.made_files import MadeFiles

FAULTS_AT_MOST = 8
"""Requests for one file that may go wrong: then it is served as it should be."""

PATIENCE = 6.0
"""Seconds for which a silent connection is kept open: the client gives up before."""

UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nunasked.."

_GRAIN = 256 << 10

Draw = Callable[[Random, int], Mischief]


class Origin:
    """Serves `files`; what goes wrong with each request follows from the seed."""

    def __init__(self, files: MadeFiles, impatient: float) -> None:
        self._files = files
        self._impatient = impatient
        self._speaking = set[tuple[str, int]]()  # connections whose next request is not waited for
        self._requests = Counter[int]()
        self.sites: list[Site] = []

    async def __call__(self, seen: Seen, wire: Wire) -> None:
        for site in self.sites:
            site.seen.clear()  # there are many
        here = seen.headers["Host"], seen.connection
        if here in self._speaking:  # this came at the moment of the request
            await wire.send(UNASKED)
            await wire.close()
            raise ConnectionResetError("no request is read from it any more")
        number = int(seen.target.rpartition("/")[2])
        self._requests[number] += 1
        tries = self._requests[number]
        draw = Random(f"{self._files.seed}/{number}/{tries}")
        shelf = Shelf(self._files.content(number), etag=f'"{number}"')
        moved = seen.target.startswith("/moved/")
        if not moved and draw.random() < 0.05:
            act = answering(302, b"", Location=self._elsewhere(seen, number, draw))(seen, shelf)
        elif tries > FAULTS_AT_MOST or draw.random() < 0.8:
            act = good(seen, shelf)
        else:
            act = _drawn(draw, len(shelf.content))(seen, shelf)
        if draw.random() < self._impatient:
            self._speaking.add(here)
        await _play(act, wire, draw)

    def _elsewhere(self, seen: Seen, number: int, draw: Random) -> str:
        """Return another address of a file: never of http, if this one is of https."""
        plain, secure = self.sites
        here = seen.headers["Host"].rpartition(":")[2]
        site = secure if here == str(secure.port) else draw.choice([plain, secure])
        return site.url(f"/moved/{number}")


def _drawn(draw: Random, size: int) -> Mischief:
    at = draw.randrange(size + 1)
    return draw.choice(_FLAWS)(draw, at)


async def _silent(wire: Wire) -> None:
    await wire.hang()


def _chunks(draw: Random) -> Callable[[bytes], bytes]:
    def content(body: bytes) -> bytes:
        framed_body, at = bytearray(), 0
        while at < len(body):
            size = draw.choice([draw.randint(1, 5000), 65_536, len(body)])
            framed_body += chunk(body[at : at + size])
            at += size
        return bytes(framed_body) + LAST

    return content


def _cut_chunks(draw: Random, at: int) -> Mischief:
    whole = _chunks(draw)
    return framed(lambda body: whole(body)[:at], end=draw.choice([Wire.close, Wire.reset]))


def _surplus(seen: Seen, shelf: Shelf) -> Act:
    """More bytes than were announced: the beginning of a reply that nobody asked for."""
    act = good(seen, shelf)
    return replace(act, pieces=[*act.pieces, UNASKED[:-2]])


def _ignoring_rests(seen: Seen, shelf: Shelf) -> Act:
    """The whole file for its rest; who ignores segments once is asked for none for ever."""
    return (
        ignoring(seen, shelf) if seen.headers.get("Range", "").endswith("-") else good(seen, shelf)
    )


_FLAWS: Sequence[Draw] = (
    lambda _draw, at: breaking(Wire.close, at=at),
    lambda _draw, at: breaking(Wire.reset, at=at),
    lambda _draw, at: breaking(Wire.reset, at=at),
    lambda _draw, at: breaking(Wire.truncate, at=at),
    lambda _draw, at: breaking(Wire.garble, at=at),
    lambda draw, at: breaking(_silent, at=at) if draw.random() < 0.2 else good,
    lambda _draw, _at: breaking(Wire.close, framing="close", at=1 << 40),
    lambda draw, _at: framed(_chunks(draw)),
    lambda draw, _at: framed(_chunks(draw)),
    _cut_chunks,
    lambda _draw, _at: ending(Wire.close),
    lambda _draw, _at: ending(Wire.reset),
    lambda _draw, _at: _ignoring_rests,
    lambda _draw, at: shorter(max(1, at)),
    lambda _draw, _at: answering(500),
    lambda _draw, _at: _surplus,
)  # fmt: skip


async def _play(act: Act, wire: Wire, draw: Random) -> None:
    """Send `act`: now and then slowly, the head and the body apart."""
    slow = draw.random() < 0.15
    for piece in act.pieces if slow else [b"".join(act.pieces)]:
        for start in range(0, len(piece), _GRAIN):
            await wire.send(piece[start : start + _GRAIN])
            if slow and draw.random() < 0.3:
                await anyio.sleep(draw.random() * 0.05)
    if act.end is not None:
        with anyio.move_on_after(PATIENCE):
            await act.end(wire)
        await wire.close()
        raise ConnectionResetError("no request is read from it any more")


async def main(seed: int, large: float, impatient: float, place: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(place / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    origin = Origin(MadeFiles(seed, large), impatient)
    async with AsyncExitStack() as stack:
        for context, host in ((None, "127.0.0.1"), (tls, "localhost")):
            site = await stack.enter_async_context(serving(origin, tls=context, host=host))
            origin.sites.append(site)
        sys.stdout.write(" ".join(str(site.port) for site in origin.sites) + "\n")
        sys.stdout.flush()
        await run_sync(sys.stdin.read)


if __name__ == "__main__":
    _, seed_text, large_text, impatient_text, place_text = sys.argv
    anyio.run(main, int(seed_text), float(large_text), float(impatient_text), Path(place_text))
