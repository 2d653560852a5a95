"""The APIs of the providers: the embedded simulator's handlers, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from reelkeep.errors import Unreachable
from reelkeep.ports import Request
from reelkeep.simulator.access import GotoTokens, ZoomTokens
from reelkeep.simulator.gotoassist import GoToHost
from reelkeep.simulator.state import SimulatorState
from reelkeep.simulator.zoom import ZoomHost
from simulation.bodies import Said

URLS = {host: f"https://{host}.example.test" for host in ("goto", "zoom", "downloads")}

_NONSENSE = (b"<!DOCTYPE html><html><body>Maintenance</body></html>", b'{"meetings": [', b"null")


def host_of(url: str) -> str:
    """Return which of our hosts `url` names."""
    return (urlsplit(url).hostname or "").partition(".")[0]


class _Protocol:
    """What a request asks of its connection: nothing."""

    ssl_context = peername = sockname = None


@dataclass
class Apis:
    """Both APIs. `told` hears which recordings were marked as archived."""

    scene: SimulatorState
    goto_tokens: GotoTokens
    zoom_tokens: ZoomTokens
    random: Random
    told: Callable[[list[int]], None]

    def __post_init__(self) -> None:
        self._handlers: dict[str, Any] = {
            "goto": GoToHost(self.scene, self.goto_tokens).handle,
            "zoom": ZoomHost(self.scene, self.zoom_tokens).handle,
        }

    async def answer(self, host: str, hop: Request, flaw: str | None, over: datetime) -> Said:
        """Return what `host` says, or what `flaw` makes of it; `over`: when that ends, if it lasts.

        Raises:
            Unreachable: There is no answer, which is not to say that nothing was done.
        """
        if flaw == "down":
            raise Unreachable("the host is down")
        if (said := self._instead(hop, flaw, over)) is not None:
            return said
        if flaw == "token":
            tokens = self.goto_tokens if host == "goto" else self.zoom_tokens
            tokens.expire()
        before = len(self.scene.journal.acknowledged)
        reply: web.Response = await self._handlers[host](_request(hop))
        if marked := self.scene.journal.acknowledged[before:]:
            self.told(marked)
        if flaw == "lost" and not hop.url.endswith("/oauth/token"):
            raise Unreachable("the answer was lost")
        body = reply.body if isinstance(reply.body, bytes) else b""
        date = format_datetime(self.scene.now(), usegmt=True)
        headers = {**reply.headers, "Content-Length": str(len(body)), "Date": date}
        return Said(status=reply.status, headers=headers, pieces=((0.0, body),))

    def _instead(self, hop: Request, flaw: str | None, over: datetime) -> Said | None:
        """Return what is said although nothing was done."""
        if flaw == "hang":
            return Said(flaw=flaw)
        if flaw == "error":
            return _said(self.random.choice([500, 503]), b'{"message":"try later"}', flaw)
        if flaw == "page":
            return _said(502, _NONSENSE[0], flaw, {"Content-Type": "text/html"})
        if flaw == "nonsense" and hop.method == "GET" and "Range" not in hop.headers:
            return _said(200, self.random.choice(_NONSENSE), flaw)
        if flaw == "throttled":
            left = (over - self.scene.now()).total_seconds()
            pause = max(1, round(left)) if left > 0 else self.random.choice([2, 20, 900])
            return _said(429, b'{"message":"slow down"}', flaw, {"Retry-After": str(pause)}, pause)
        return None


def _said(
    status: int, body: bytes, flaw: str, headers: dict[str, str] | None = None, pause: float = 0.0
) -> Said:
    named = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    return Said(status=status, headers=named, pieces=((0.0, body),), flaw=flaw, pause=pause)


def _request(hop: Request) -> web.BaseRequest:
    parts = urlsplit(hop.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = CIMultiDict({**hop.headers, **hop.credentials, "Host": parts.netloc})
    message = RawRequestMessage(
        hop.method, path, HttpVersion11, CIMultiDictProxy(headers), (), False, None, False, False,
        URL(path, encoded=True),
    )  # fmt: skip
    nothing: Any = None
    protocol: Any = _Protocol()
    loop = asyncio.get_running_loop()
    request = web.BaseRequest(message, nothing, protocol, nothing, nothing, loop)
    request._read_bytes = hop.body or b""
    return request
