"""Answer `/rec/download/…`: a redirect to the signed URL, or a refusal that looks fine (Z7, Z8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from reelkeep.simulator.faults import FORBIDDEN
from reelkeep.simulator.replying import bearer
from reelkeep.simulator.signing import jwt_claims

if TYPE_CHECKING:
    from reelkeep.simulator.access import Gate
    from reelkeep.simulator.state import Scene
    from reelkeep.simulator.world import SimFile

_FILES_SCOPE = "cloud_recording:read:list_recording_files:admin"
_PAGE = b"""<!DOCTYPE html><html><head><title>Error - Zoom</title></head>
<body><h1>Only the host can download this recording</h1></body></html>"""


@dataclass(frozen=True, slots=True)
class Redirects:
    """The web host's side of a download."""

    scene: Scene
    gate: Gate

    def answer(self, request: web.BaseRequest, locator: str) -> web.Response:
        """Answer the request for one `download_url`."""
        key, _, signature = locator.partition(".")
        file = self.scene.world.file(key)
        if file is None or not self.scene.signer.check(key, signature, self.scene.now()):
            return self._refusal()
        allowed = self._allowed(request, file)
        if allowed is None:
            return _json(401)
        if not allowed:
            return self._refusal()
        if not self._is_there(file):
            return web.Response(status=404, body=_PAGE, content_type="text/html")
        if self._is_too_fresh(file):
            return _json(self.scene.switches.downloads.fresh_status)
        return web.Response(status=302, headers={"Location": self.scene.signed_url(file)})

    def _allowed(self, request: web.BaseRequest, file: SimFile) -> bool | None:
        """Tell whether the token opens this file; None if it only lacks the scope (Z18)."""
        token = bearer(request)
        if not token and self.scene.switches.downloads.query_token:
            token = request.query.get("access_token", "")
        claims = jwt_claims(token, self.scene.signer.secret)
        if claims and claims.get("iss") == "download":
            return self.scene.now().timestamp() < int(claims["exp"])
        if file.key.startswith("vs-"):
            return self.gate.is_sdk(token)
        scopes = self.gate.tokens.scopes(token)
        if scopes is None:
            return False
        return True if _FILES_SCOPE in scopes else None

    def _is_there(self, file: SimFile) -> bool:
        if file.missing or file.deleted or not file.ready(self.scene.now()):
            return False
        if self.scene.switches.downloads.trashed:
            return True
        world = self.scene.world
        trashed = [one.all_files for one in world.meetings if one.trashed_at]
        trashed += [one.all_files for one in world.sessions if one.trashed_at]
        lost = {one.key for files in trashed for one in files}
        return file.trashed_at is None and file.key not in lost

    def _is_too_fresh(self, file: SimFile) -> bool:
        wait, ready = self.scene.switches.downloads.fresh_for, file.completed_from
        return ready is not None and self.scene.now() < ready + wait

    def _refusal(self) -> web.Response:
        """Return what a bad token gets; success, by its status, in the default (Z8)."""
        answer = self.scene.switches.downloads.bad_answer
        if answer == "html":
            return web.Response(body=_PAGE, content_type="text/html", charset="utf-8")
        return _json(200 if answer == "json" else int(answer))


def _json(status: int) -> web.Response:
    return web.Response(status=status, body=FORBIDDEN, content_type="application/json")
