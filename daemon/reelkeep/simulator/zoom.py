"""Answer as Zoom's API, token endpoint and web host do, for meetings and the Video SDK."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web

from reelkeep.simulator.access import AccessCheck
from reelkeep.simulator.downloads import Redirects
from reelkeep.simulator.listings import Listings
from reelkeep.simulator.replies import (
    Invalid,
    ZoomProblem,
    json_reply,
    no_meeting,
    no_recording,
    reset,
)
from reelkeep.simulator.world import SimMeeting, Trouble

if TYPE_CHECKING:
    from reelkeep.simulator.access import ZoomTokens
    from reelkeep.simulator.state import SimulatorState
    from reelkeep.simulator.world import SimFile, SimSession


@dataclass(frozen=True, slots=True)
class Trash:
    """Answers the DELETE and PUT calls; each is idempotent but for what is gone."""

    scene: SimulatorState

    def remove(self, owner: SimMeeting | SimSession, file_id: str | None, action: str) -> None:
        """Trash or delete a whole recording or one file of it.

        Raises:
            Problem: the action is unknown, or there is nothing to remove.
        """
        if action not in ("trash", "delete"):
            raise Invalid("action")
        if self.scene.switches.zoom.unfinished:
            raise ZoomProblem(
                400, 3303, "You can not delete the recording of an unfinished meeting."
            )
        target = owner if file_id is None else _file(owner, file_id)
        if action == "delete":
            target.deleted = True
        elif target.trashed_at is not None:
            raise no_recording()
        else:
            target.trashed_at = self.scene.now()
        name = owner.uuid if isinstance(owner, SimMeeting) else owner.id
        self.scene.journal.trashed.append(name if file_id is None else f"{name} {file_id}")

    def recover(self, owner: SimMeeting | SimSession, file_id: str | None) -> None:
        """Take a recording or one file of it out of the trash.

        Raises:
            Problem: it is not in there.
        """
        target = owner if file_id is None else _file(owner, file_id)
        if target.trashed_at is None:
            raise no_recording()
        target.trashed_at = None


def _file(owner: SimMeeting | SimSession, file_id: str) -> SimFile:
    for file in owner.all_files:
        if str(file.id) == file_id and not file.deleted:
            return file
    raise no_recording()


_LIST = "cloud_recording:read:list_"
_DELETE = "cloud_recording:delete:"


class ZoomHost:
    """Handles the requests to one host."""

    def __init__(self, scene: SimulatorState, tokens: ZoomTokens) -> None:
        self._scene = scene
        self._tokens = tokens
        self._gate = AccessCheck(scene, tokens)
        self._listings = Listings(scene)
        self._trash = Trash(scene)
        self._redirects = Redirects(scene, self._gate)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        path = request.raw_path.partition("?")[0]
        if path == "/oauth/token":
            form = dict(request.query) | dict((await request.post()).items())
            return self._tokens.grant(request.headers.get("Authorization", ""), form)
        if path.startswith("/rec/download/"):
            return self._redirects.answer(request, path.removeprefix("/rec/download/"))
        body = await request.read()
        try:
            reply = self._api(request, unquote(path).split("/")[1:], body)
        except ZoomProblem as problem:
            reply = problem.reply()
        tracking = self._scene.signer.sign(str(len(self._scene.journal.requests)), None)[-20:]
        reply.headers["x-zm-trackingid"] = f"v=2.0;clid=us02;rid=WEB_{tracking}"
        return reply

    def _api(self, request: web.BaseRequest, path: list[str], body: bytes) -> web.Response:
        """Find the call. The edge has decoded the path once, the call decodes its ids again."""
        match path:
            case ["v2", "users", *rest]:
                return self._users(request, [unquote(part) for part in rest])
            case ["v2", "accounts", name, "recordings"]:
                self._admit(request, "medium", f"{_LIST}account_recordings:admin")
                return json_reply(self._listings.meetings_of_account(name, request.query))
            case ["v2", "meetings", name, "recordings", *rest]:
                return self._recordings(request, unquote(name), rest, body, sdk=False)
            case ["v2", "videosdk", "recordings"]:
                self._admit(request, "medium", None)
                return json_reply(self._listings.sessions(request.query))
            case ["v2", "videosdk", "sessions", name, "recordings", *rest]:
                return self._recordings(request, unquote(name), rest, body, sdk=True)
            case ["v2", "meetings" | "videosdk", *rest]:
                scope = None if path[1] == "videosdk" else f"{_LIST}recording_files:admin"
                self._gate.admit(request, "light", scope)
                raise no_meeting("/".join(rest))
            case _:
                raise ZoomProblem(404, 404, "This API endpoint is not recognized.")

    def _users(self, request: web.BaseRequest, rest: list[str]) -> web.Response:
        match rest:
            case []:
                self._admit(request, "medium", "user:read:list_users:admin")
                return json_reply(self._listings.users(request.query))
            case [name]:
                self._admit(request, "light", "user:read:user:admin")
                return json_reply(self._listings.user(name))
            case [name, "recordings"]:
                self._admit(request, "medium", f"{_LIST}user_recordings:admin")
                listed = self._listings.meetings_of_user(name, request.query)
                return self._spoilt(request, name) or json_reply(listed)
            case _:
                raise ZoomProblem(404, 404, "This API endpoint is not recognized.")

    def _spoilt(self, request: web.BaseRequest, name: str) -> web.Response | None:
        """Return what comes instead of a user's listing, None if it is in order."""
        match self._listings.trouble(name):
            case Trouble.PAGE:
                return web.Response(text="<!DOCTYPE html><html>", content_type="text/html")
            case Trouble.CUT:
                return web.Response(text='{"meetings":[{', content_type="application/json")
            case Trouble.HANG_UP:
                reset(request)
                return web.Response(status=500)
            case _:
                return None

    def _recordings(
        self, request: web.BaseRequest, name: str, rest: list[str], body: bytes, *, sdk: bool
    ) -> web.Response:
        """Answer the calls about the recordings of one meeting or session."""
        match request.method, rest:
            case "GET", []:
                self._gate.admit(request, "light", _scope(f"{_LIST}recording_files", sdk=sdk))
                one = self._listings.session if sdk else self._listings.meeting
                return json_reply(one(name, request.query))
            case "DELETE", [*ids] if len(ids) <= 1:
                what = "recording_file" if ids else "meeting_recording"
                self._gate.admit(request, "light", _scope(f"{_DELETE}{what}", sdk=sdk))
                action = request.query.get("action", "trash")
                file_id = unquote(ids[0]) if ids else None
                self._trash.remove(self._owner(name, sdk=sdk), file_id, action)
                return _done(self._scene.switches.zoom.delete_status)
            case "PUT", [*ids, "status"] if len(ids) <= 1:
                self._gate.admit(request, "light", _scope(f"{_DELETE}meeting_recording", sdk=sdk))
                if not _is_recover(body):
                    raise Invalid("action")
                file_id = unquote(ids[0]) if ids else None
                self._trash.recover(self._owner(name, sdk=sdk), file_id)
                return _done(204)
            case _:
                raise ZoomProblem(405, 405, "Method not allowed.")

    def _admit(self, request: web.BaseRequest, label: str, scope: str | None) -> None:
        if request.method != "GET":
            raise ZoomProblem(405, 405, "Method not allowed.")
        self._gate.admit(request, label, scope)

    def _owner(self, name: str, *, sdk: bool) -> SimMeeting | SimSession:
        return self._listings.find_session(name) if sdk else self._listings.find_meeting(name)


def _scope(plain: str, *, sdk: bool) -> str | None:
    return None if sdk else f"{plain}:admin"


def _done(status: int) -> web.Response:
    return web.Response(status=status)


def _is_recover(body: bytes) -> bool:
    try:
        return bool(json.loads(body)["action"] == "recover")
    except (ValueError, KeyError, TypeError):
        return False
