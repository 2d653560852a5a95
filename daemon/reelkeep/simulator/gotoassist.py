"""Answer as GoToAssist Remote Support v1 and its token endpoint do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web

from reelkeep.simulator.replies import json_reply
from reelkeep.simulator.state import Bucket
from reelkeep.simulator.world import parse_stamp, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reelkeep.simulator.access import GotoTokens
    from reelkeep.simulator.state import SimulatorState
    from reelkeep.simulator.world import SimRecording


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids as sent, and how."""

    form: str  #: csv, repeat, literal or single; path or body
    texts: tuple[str, ...]
    names: frozenset[str] = frozenset()  #: Of the query pairs that held them.

    def allowed(self, form: str | None, name: str | None = None) -> bool:
        """Tell whether a strict host takes this; None allows anything."""
        forms = {"csv", "repeat"} if self.form == "single" else {self.form}
        right_name = name is None or self.names == {name}
        return (form is None or form in forms) and right_name and len(self.names) < 2

    def numbers(self) -> list[int]:
        """Return them as numbers.

        Raises:
            ValueError: there are none, or something else is among them.
        """
        if not self.texts or not all(text.isascii() and text.isdigit() for text in self.texts):
            raise ValueError("recordingIds missing or invalid")
        return [int(text) for text in self.texts]


def of_query(action: str, pairs: Iterable[tuple[str, str]]) -> Ids:
    """Read `urls?ids=1,2`, `urls?ids=1&ids=2` or, as documented to the letter, `urls&ids=1`.

    `action` is the last part of the path; `pairs` are those of the real query. A single id
    looks alike in the first two forms.
    """
    literal = [text.partition("=") for text in action.split("&")[1:]]
    found = [(name, unquote(value)) for name, _, value in literal] or list(pairs)
    form = "literal" if literal else "repeat" if len(found) > 1 else "csv"
    texts = tuple(text for _, value in found for text in value.split(","))
    if form == "csv" and len(texts) == 1:
        form = "single"
    return Ids(form, texts, frozenset(name for name, _ in found))


def of_path_or_body(tail: str, body: Any) -> Ids:
    """Read `/archived/1,2`, or a body of `{"recordingIds": [1, 2]}` or of the bare list."""
    if tail:
        return Ids("path", tuple(unquote(tail).split(",")))
    ids = body.get("recordingIds") if isinstance(body, dict) else body
    return Ids("body", tuple(str(one) for one in ids) if isinstance(ids, list) else ())


BASE = "/G2A/rest/v1"
_ARCHIVE = f"{BASE}/archive/recordings"
_MOVED = "https://developer.goto.com/guides/Authentication/New_Token_Retrieval_Migration_Guide/"


class Rejected(Exception):
    """The request gets this answer instead of what it asked for."""

    def __init__(self, reply: web.Response) -> None:
        super().__init__(reply.status)
        self.reply = reply


class GoToHost:
    """Handles the requests to one host."""

    def __init__(self, scene: SimulatorState, tokens: GotoTokens) -> None:
        self._scene = scene
        self._tokens = tokens
        self._bucket = Bucket()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        path = request.raw_path.partition("?")[0]
        form = dict((await request.post()).items()) if path == "/oauth/token" else {}
        body = await request.read() if not form else b""
        try:
            return self._answer(request, path, form or _ids_of_body(body))
        except Rejected as rejected:
            return rejected.reply

    def _answer(self, request: web.BaseRequest, path: str, body: Any) -> web.Response:
        if path == "/oauth/token":
            return self._tokens.grant(request.headers.get("Authorization", ""), body)
        if path == "/oauth/v2/token":
            text = f"This endpoint is no longer valid, see {_MOVED}"
            return json_reply({"message": text}, 410)
        self._admit(request)
        if path.startswith(_ARCHIVE):
            return self._archive(request, path.removeprefix(_ARCHIVE), body)
        return self._lookup(request, path)

    def _admit(self, request: web.BaseRequest) -> None:
        """Check token and rate (G1, G7, G11)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self._scene.journal.schemes[scheme.lower()] += 1
        token = token.strip().removeprefix("oauth_token=")
        allowed = scheme.lower() in self._scene.switches.goto.schemes
        if not allowed or not self._tokens.alive(token):
            body = {"int_err_code": "InvalidToken", "msg": "Invalid token passed"}
            errortype = {"x-amzn-errortype": "UnauthorizedException"}
            raise Rejected(json_reply(body, 403, errortype))
        self._scene.journal.calls["goto"] += 1
        limit = self._scene.switches.goto.per_second
        if self._bucket.take(self._scene.now(), per_second=limit, per_day=0):
            self._scene.journal.throttled["goto"] += 1
            raise Rejected(json_reply({"message": "Too Many Requests"}, 429))
        if not self._scene.switches.goto.seat:
            raise self._refusal(403, "Forbidden", "not entitled with a Remote Support seat")

    def _archive(self, request: web.BaseRequest, rest: str, body: Any) -> web.Response:
        action, _, tail = rest.lstrip("/").partition("/")
        switches = self._scene.switches.goto
        if not rest:
            _require(request, "GET")
            return json_reply(self._list(request.query))
        if action.partition("&")[0] == "urls" and not tail:
            _require(request, "GET")
            ids = of_query(action, request.query.items())
            chosen = self._checked(ids, "urls", switches.urls_form, switches.urls_param)
            return json_reply(self._urls(chosen))
        ids = of_path_or_body(tail, body)
        if action == "archived":
            _require(request, "PUT")
            self._mark(self._checked(ids, "mark", switches.mark_form))
            return web.Response(status=204)
        if action == "transcode":
            _require(request, "POST")
            self._transcode(self._checked(ids, "transcode", switches.transcode_form))
            return web.Response(status=204)
        raise _not_found()

    def _list(self, query: Mapping[str, str]) -> dict[str, list[int]]:
        """List what is ready, each list capped without a word (G3)."""
        self._check_keys(query)
        now, cap = self._scene.now(), self._scene.switches.goto.cap
        found = sorted(self._matching(query), key=lambda one: (one.started_at, one.id))
        return {
            "readyForTranscode": [one.id for one in found if one.transcodable(now)][:cap],
            "readyForDownload": [one.id for one in found if one.downloadable(now)][:cap],
        }

    def _check_keys(self, query: Mapping[str, str]) -> None:
        account = self._scene.accounts.goto
        keys = {
            "accountKey": account.account_key,
            "userKey": account.user_key,
            "companyId": account.company_id,
        }
        given = [name for name in keys if query.get(name)]
        if not given:
            raise self._refusal(400, "InvalidRequest", "accountKey, userKey or companyId needed")
        if any(query[name] != str(keys[name]) for name in given):
            raise self._refusal(403, "Forbidden", f"invalid {given[0]}")

    def _matching(self, query: Mapping[str, str]) -> Iterable[SimRecording]:
        now = self._scene.now()
        try:
            since = parse_stamp(query["fromTime"]) if "fromTime" in query else None
            until = parse_stamp(query["toTime"]) if "toTime" in query else None
            if "timePeriod" in query:
                since = now - timedelta(days=int(query["timePeriod"]))
            unattended = {"": None, "0": False, "1": True}[query.get("sessionType", "")]
            archived = {"": False, "0": False, "1": True}[query.get("archived", "")]
        except (ValueError, KeyError) as error:
            text = "a parameter has an invalid value"
            raise self._refusal(400, "InvalidRequest", text) from error
        if "companyId" in query:  # documented: for unattended sessions only
            unattended = True
        for one in self._scene.world.recordings:
            inside = (since is None or one.started_at >= since) and (
                until is None or one.started_at <= until
            )
            kind = unattended is None or one.unattended == unattended
            if inside and kind and one.archived == archived:
                yield one

    def _checked(self, ids: Ids, verb: str, form: str | None, name: str | None = None) -> list[int]:
        """Return the ids if this host takes their form, number and names (G6, G8)."""
        switches = self._scene.switches.goto
        self._scene.journal.id_forms[f"{verb}:{ids.form}"] += 1
        if not ids.allowed(form, name):
            raise _not_found()
        try:
            numbers = ids.numbers()
        except ValueError as error:
            raise self._refusal(400, "InvalidRequest", str(error)) from error
        if len(numbers) > switches.batch_cap:
            raise self._refusal(400, "InvalidRequest", "too many recordingIds")
        known = {one.id for one in self._scene.world.recordings}
        if switches.refuse_ids & set(numbers) or set(numbers) - known:
            raise self._refusal(403, "Forbidden", "invalid recordingIds")
        return numbers

    def _chosen(self, ids: list[int]) -> list[SimRecording]:
        return [one for one in self._scene.world.recordings if one.id in set(ids)]

    def _urls(self, ids: list[int]) -> Any:
        now = self._scene.now()
        ready = [one for one in self._chosen(ids) if one.downloadable(now)]
        links = [self._links(one) for one in ready]
        return {"recordings": links} if self._scene.switches.goto.wrapped else links

    def _links(self, recording: SimRecording) -> dict[str, Any]:
        shown = recording.video.listed.get("recordingSize", recording.video.content.size)
        return {
            "recordingId": recording.id,
            "recordingUrl": self._scene.g2a_url(recording.video),
            "recordingStartTime": stamp(recording.started_at),
            "eventsUrl": self._scene.g2a_url(recording.events),
            "thumbnailUrl": self._scene.g2a_url(recording.thumbnail),
            "recordingSize": str(shown),
        }

    def _mark(self, ids: list[int]) -> None:
        self._scene.journal.acknowledged.extend(ids)
        for recording in self._chosen(ids):
            recording.archived = True

    def _transcode(self, ids: list[int]) -> None:
        now = self._scene.now()
        self._scene.journal.transcoded.extend(ids)
        for recording in self._chosen(ids):
            if recording.transcodable(now):
                recording.transcoded_from = now + self._scene.switches.goto.transcode_takes

    def _lookup(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer the cheap questions that help an operator find his keys."""
        account = self._scene.accounts.goto
        _require(request, "GET")
        me = {
            "id": str(account.user_key),
            "userName": "archivist@example.test",
            "accounts": [{"value": str(account.account_key)}],
        }
        machines: dict[str, Any] = {"totalNumMachines": 0, "machines": []}
        answers: dict[str, Any] = {
            "/identity/v1/Users/me": me,
            "/admin/rest/v1/me": {"key": account.user_key, "accountKey": account.account_key},
            f"{BASE}/companies": {
                "totalNumCompanies": 1,
                "companies": [{"companyId": account.company_id, "name": "Example"}],
            },
            f"{BASE}/companies/{account.company_id}/machines": machines,
            f"{BASE}/sessions": {"totalNumSessions": 0, "sessions": []},
        }
        if path not in answers:
            raise _not_found()
        if path.endswith("/companies") and not _within(request.query.get("limit", "50"), 50):
            raise self._refusal(400, "InvalidRequest", "limit is at most 50")
        return json_reply(answers[path])

    def _refusal(self, status: int, code: str, description: str) -> Rejected:
        incident = self._scene.signer.sign(description, None)[-12:]
        body = {"errorCode": code, "description": description, "incident": incident}
        return Rejected(json_reply(body, status))


def _within(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= most


def _require(request: web.BaseRequest, method: str) -> None:
    if request.method != method:
        body = {"errorCode": "METHOD_NOT_ALLOWED", "message": f"use {method}"}
        raise Rejected(json_reply(body, 405, {"Allow": method}))


def _not_found() -> Rejected:
    return Rejected(json_reply({"errorCode": "NOT_FOUND", "message": "no such resource"}, 404))


def _ids_of_body(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
