"""Write the configuration of reelkeep that points at a running simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelkeep.simulator.gotoassist import BASE

if TYPE_CHECKING:
    from reelkeep.simulator.state import Scene


def configuration(scene: Scene, *, personal_token: bool = False) -> dict[str, Any]:
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


def environment(scene: Scene) -> dict[str, str]:
    """Return the environment variables that hold its secrets."""
    accounts = scene.accounts
    return {
        "SIM_G2A_TOKEN": accounts.goto.personal_token,
        "SIM_G2A_SECRET": accounts.goto.client_secret,
        "SIM_G2A_REFRESH": accounts.goto.refresh_token,
        "SIM_ZOOM_SECRET": accounts.zoom.client_secret,
        "SIM_VSDK_SECRET": accounts.videosdk.api_secret,
    }


def _gotoassist(scene: Scene, *, personal_token: bool) -> dict[str, Any]:
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


def _zoom(scene: Scene) -> dict[str, Any]:
    return {
        "name": "meetings",
        "type": "zoom",
        "api_url": f"{scene.zoom_url}/v2",
        "token_url": f"{scene.zoom_url}/oauth/token",
        "account_id": scene.accounts.zoom.account_id,
        "client_id": scene.accounts.zoom.client_id,
        "client_secret": {"env": "SIM_ZOOM_SECRET"},
    }


def _videosdk(scene: Scene) -> dict[str, Any]:
    return {
        "name": "sdk",
        "type": "zoom-videosdk",
        "api_url": f"{scene.zoom_url}/v2",
        "api_key": scene.accounts.videosdk.api_key,
        "api_secret": {"env": "SIM_VSDK_SECRET"},
    }
