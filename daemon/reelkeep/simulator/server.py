"""Start the simulated providers on loopback, and stop them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from reelkeep.simulator.access import GotoTokens, ZoomTokens
from reelkeep.simulator.downloads import Downloads
from reelkeep.simulator.fixtures import Fixtures, make_world
from reelkeep.simulator.gotoassist import BASE, GoToHost
from reelkeep.simulator.replies import reset, scripted
from reelkeep.simulator.signing import Signer
from reelkeep.simulator.state import SeenRequest, SimulatorState
from reelkeep.simulator.switches import Flaw
from reelkeep.simulator.world import utc_now
from reelkeep.simulator.zoom import ZoomHost


def configuration(scene: SimulatorState, *, personal_token: bool = False) -> dict[str, Any]:
    """Return the `network` and `providers` keys of a reelkeep.yaml, as its YAML would read."""
    since = scene.world.since.date()
    return {
        "network": {"allow": ["127.0.0.0/8"]},
        "providers": [
            _gotoassist(scene, personal_token=personal_token),
            _zoom(scene) | {"since": since},
            _videosdk(scene) | {"since": since},
        ],
    }


def environment(scene: SimulatorState) -> dict[str, str]:
    """Return the environment variables that hold its secrets."""
    accounts = scene.accounts
    return {
        "SIM_G2A_TOKEN": accounts.goto.personal_token,
        "SIM_G2A_SECRET": accounts.goto.client_secret,
        "SIM_G2A_REFRESH": accounts.goto.refresh_token,
        "SIM_ZOOM_SECRET": accounts.zoom.client_secret,
        "SIM_VSDK_SECRET": accounts.videosdk.api_secret,
    }


def _gotoassist(scene: SimulatorState, *, personal_token: bool) -> dict[str, Any]:
    auth: dict[str, Any] = {"access_token": {"env": "SIM_G2A_TOKEN"}}
    if not personal_token:
        auth = {
            "client_id": scene.accounts.goto.client_id,
            "client_secret": {"env": "SIM_G2A_SECRET"},
            "refresh_token": {"env": "SIM_G2A_REFRESH"},
            "token_url": f"{scene.goto_url}/oauth/token",
        }
    return {
        "name": "support",
        "type": "gotoassist",
        "base_url": f"{scene.goto_url}{BASE}",
        "account_key": scene.accounts.goto.account_key,
        "auth": auth,
    }


def _zoom(scene: SimulatorState) -> dict[str, Any]:
    return {
        "name": "meetings",
        "type": "zoom",
        "api_url": f"{scene.zoom_url}/v2",
        "token_url": f"{scene.zoom_url}/oauth/token",
        "account_id": scene.accounts.zoom.account_id,
        "client_id": scene.accounts.zoom.client_id,
        "client_secret": {"env": "SIM_ZOOM_SECRET"},
    }


def _videosdk(scene: SimulatorState) -> dict[str, Any]:
    return {
        "name": "sdk",
        "type": "zoom-videosdk",
        "api_url": f"{scene.zoom_url}/v2",
        "api_key": scene.accounts.videosdk.api_key,
        "api_secret": {"env": "SIM_VSDK_SECRET"},
    }


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Any

    from reelkeep.simulator.fixtures import Extent
    from reelkeep.simulator.state import RequestJournal
    from reelkeep.simulator.switches import Faults, Switches
    from reelkeep.simulator.world import Now, World

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Simulator:
    """All simulated providers, as an asynchronous context manager.

    Three hosts on 127.0.0.1, thus three origins: GoToAssist with its token endpoint, Zoom with
    its token endpoint and `/rec/download/`, and the host that signed URLs point to. World,
    switches and faults may be changed at any time; `now` drives every lifetime and limit.
    """

    def __init__(
        self,
        seed: int = 7,
        *,
        extent: Extent | None = None,
        world: World | None = None,
        switches: Switches | None = None,
        now: Now = utc_now,
        ports: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        world = make_world(seed, now(), extent) if world is None else world
        self.scene = SimulatorState(world=world, now=now, signer=Signer(seed))
        if switches is not None:
            self.scene.switches = switches
        self.goto_tokens = GotoTokens(self.scene)
        self.zoom_tokens = ZoomTokens(self.scene)
        self.studio = Fixtures(world, sizes=extent.sizes if extent else (16_384, 524_288))
        self._ports = ports
        self._stack = AsyncExitStack()

    @property
    def world(self) -> World:
        """What exists at the providers."""
        return self.scene.world

    @property
    def switches(self) -> Switches:
        """How the providers behave."""
        return self.scene.switches

    @property
    def faults(self) -> Faults:
        """What goes wrong, by script."""
        return self.scene.faults

    @property
    def journal(self) -> RequestJournal:
        """What was asked and done."""
        return self.scene.journal

    def configuration(self, *, personal_token: bool = False) -> dict[str, Any]:
        """Return the `network` and `providers` keys of a reelkeep.yaml that point here.

        `personal_token` configures GoToAssist with a token that never expires, rather than
        with one that is refreshed.
        """
        return configuration(self.scene, personal_token=personal_token)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that `configuration()` takes its secrets from."""
        return environment(self.scene)

    async def __aenter__(self) -> Self:
        scene = self.scene
        goto = GoToHost(scene, self.goto_tokens)
        zoom = ZoomHost(scene, self.zoom_tokens)
        downloads = Downloads(scene)
        scene.goto_url = await self._serve("goto", goto.handle, self._ports[0])
        scene.zoom_url = await self._serve("zoom", zoom.handle, self._ports[1])
        scene.downloads_url = await self._serve("downloads", downloads.handle, self._ports[2])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _serve(self, host: str, handler: Handler, port: int) -> str:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._observed(host, handler, request)

        server = web.Server(handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _observed(
        self, host: str, handler: Handler, request: web.BaseRequest
    ) -> web.StreamResponse:
        """Handle a request, or let it meet its fault, and note both."""
        path = request.raw_path.partition("?")[0]
        status = 0
        try:
            faulty = await self._faulty(request, path) if host != "downloads" else None
            reply = await handler(request) if faulty is None else faulty
            status = reply.status
            if not reply.prepared:
                reply.headers.setdefault("Date", format_datetime(self.scene.now(), usegmt=True))
            return reply
        finally:
            self.journal.statuses[host, status] += 1
            headers = {name.lower(): value for name, value in request.headers.items()}
            query = tuple(request.query.items())
            seen = SeenRequest(host, request.method, path, query, headers, status)
            self.journal.requests.append(seen)

    async def _faulty(self, request: web.BaseRequest, path: str) -> web.Response | None:
        fault = self.faults.take(f"{request.method} {path}")
        if fault is None or fault.flaw not in (Flaw.STATUS, Flaw.RESET_EARLY):
            return None
        self.journal.faults[fault.flaw.value] += 1
        await request.read()
        if fault.flaw is Flaw.STATUS:
            return scripted(fault)
        reset(request)
        return web.Response(status=500)
