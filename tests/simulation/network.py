"""A `ports.Transport` between the adapters and the simulated providers, with weather on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from urllib.parse import urlsplit

import anyio
from multidict import CIMultiDict

from reelkeep.core.addresses import parse
from reelkeep.core.replies import Trail, begin, follow
from reelkeep.errors import Stalled, Unreachable
from reelkeep.ports import Request
from simulation.apis import Apis, host_of
from simulation.bodies import STALL, Said
from simulation.connections import Connection, Pool
from simulation.fate import Fate
from simulation.files import Files
from simulation.heard import Heard
from simulation.trace import Trace
from simulation.weather import Weather
from simulation.witness import Witness


@dataclass
class Network:
    """All hosts, and the way to them."""

    apis: Apis
    files: Files
    weather: Weather
    witness: Witness
    trace: Trace
    random: Random
    readers: Random  #: Decides how late bodies are read.
    fate: Fate = field(default_factory=Fate)
    pool: Pool = field(default_factory=Pool)

    def enter(self, fate: Fate) -> None:
        """Let another process ask: it has no connections yet."""
        self.fate = fate
        self.pool.close()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Heard]:
        fate = self.fate
        await fate.reach()
        whom = _addressee(request.url)
        self.witness.asks(whom)
        trail: Trail | None = begin(parse(request.url), kin=request.kin)
        while trail is not None:
            await anyio.sleep(self.random.random() * 0.3)
            await fate.reach()
            credentials = request.credentials if trail.trusted else {}
            hop = replace(request, url=trail.url.text, credentials=credentials)
            connection = self.pool.connection(host_of(hop.url), hop)
            said = await self._said(hop, whom, connection)
            await fate.reach()
            began = anyio.current_time()
            heard = Heard(said, trail, fate, connection, rng=self.readers)
            trail = _next(hop, trail, said)
            try:
                if trail is None:
                    yield heard
            finally:
                heard.leave()
                if trail is None and said.key and not fate.dead:
                    ended = not heard.pieces
                    self.witness.delivered(said, heard.received, ended=ended, began=began)

    async def _said(self, hop: Request, whom: str, connection: Connection) -> Said:
        """Return the answer that comes on `connection`, which is closed if none comes."""
        try:
            return await self._answer(hop, whom)
        except BaseException:
            connection.closed = True
            raise

    async def _answer(self, hop: Request, whom: str) -> Said:
        host, path = host_of(hop.url), urlsplit(hop.url).path
        now = self.witness.clock()
        asked = hop.headers.get("Range")
        flaw = self.weather.at(host, now, ranged=asked is not None)
        where = {"method": hop.method, "host": host, "path": path, "flaw": flaw}
        try:
            if host == "downloads":
                said = self.files.answer(hop, flaw)
            else:
                said = await self.apis.answer(host, hop, flaw, self.weather.over(host, now))
            said = await _headed(said)
        except (Unreachable, Stalled) as error:
            self.witness.flaws += 1
            self.trace("net.failed", **where, why=str(error))
            raise
        self.trace("net.answer", **where, status=said.status, range=asked)
        refused = whom == "zoom files" and host == "zoom" and said.status != 302
        if said.flaw or flaw or said.status >= 400 or refused:
            self.witness.flaws += 1
        self.witness.spoilt = self.witness.spoilt or said.flaw == "corrupt"
        if said.pause:
            self.witness.throttled(whom, said.pause)
        return said


def _addressee(url: str) -> str:
    """Return who is asked: an API, or a host for files, by the first address of a request."""
    host, path = host_of(url), urlsplit(url).path
    if path == "/oauth/token":
        return f"{host} tokens"
    if host == "downloads" or path.startswith("/rec/"):
        return f"{host} files"
    return f"{host} sdk" if "/videosdk/" in path else host  # another account than that of meetings


async def _headed(said: Said) -> Said:
    """Wait for the head.

    Raises:
        Stalled: It does not come.
    """
    if said.flaw == "hang":
        await anyio.sleep(STALL)
        raise Stalled("no head came")
    return said


def _next(hop: Request, trail: Trail, said: Said) -> Trail | None:
    if not hop.follow or hop.method != "GET":
        return None
    return follow(trail, said.status, CIMultiDict(said.headers).get("Location"))
