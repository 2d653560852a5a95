"""Zoom's API as a script: what is answered at each path, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fakes.log import RecordedLog
from fakes.transport import FakeReply, FakeTransport
from reelkeep.config_types.values import Surroundings
from reelkeep.core.model import Recording, Window
from reelkeep.ports import Clock, Provider, Request, Tools
from reelkeep.providers.zoom import MEETINGS, VIDEOSDK
from reelkeep.providers.zoom.provider import Zoom

NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
AROUND = Surroundings(environ={"SECRET": "s3cr3t-0001"})
URL = "https://us02web.zoom.us/rec/download/"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came."""

    path: str
    query: dict[str, str]
    token: str
    body: str = ""


Answer = FakeReply | Exception | Callable[[Asked], FakeReply]


@dataclass(slots=True)
class Script:
    """Answers by path, in order; the last answer of a path is given for ever."""

    asked: list[Asked] = field(default_factory=list)
    tokens: int = 0
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def on(self, path: str, *answers: Answer) -> None:
        """Answer so at `path`, as it is spelt on the wire, without `/v2`."""
        self._answers[path] = list(answers)

    def at(self, path: str) -> list[Asked]:
        """Return what was asked at `path`."""
        return [each for each in self.asked if each.path == path]

    def __call__(self, request: Request) -> FakeReply | Exception:
        parts = urlsplit(request.url)
        authorization = request.credentials.get("Authorization", "")
        asked = Asked(
            parts.path.removeprefix("/v2"),
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            authorization.partition(" ")[2],
            (request.body or b"").decode(),
        )
        self.asked.append(asked)
        if asked.path not in self._answers and asked.path == "/oauth/token":
            self.tokens += 1
            return FakeReply.json({"access_token": f"at-{self.tokens}", "expires_in": 3599})
        answers = self._answers.get(asked.path) or [error(404, 3301, "no recording")]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer(asked) if callable(answer) else answer


class NoVault:
    """Keeps nothing: Zoom has no tokens worth keeping."""

    async def load(self, name: str) -> str | None:
        raise AssertionError(f"{name} is not looked for")

    async def rehearse(self, name: str) -> None:
        raise AssertionError(f"{name} is not to be kept")

    async def save(self, name: str, secret: str) -> None:
        raise AssertionError(f"{name} is not kept: {len(secret)} characters")


@dataclass(slots=True)
class Bench:
    """An adapter on a script."""

    script: Script = field(default_factory=Script)
    log: RecordedLog = field(default_factory=RecordedLog)
    clock: Clock = lambda: NOW

    def tools(self) -> Tools:
        transport = FakeTransport(self.script)
        return Tools(
            transport=transport,
            vault=NoVault(),
            clock=self.clock,
            rng=lambda: 0.5,
            report=self.log,
        )

    def meetings(self, **changes: Any) -> Zoom:
        given = {
            "name": "meetings",
            "type": "zoom",
            "account_id": "acct-0001",
            "client_id": "app-0001",
            "client_secret": {"env": "SECRET"},
            "users": ["u-1"],
        }
        options = MEETINGS.options.model_validate(given | changes, context=AROUND)
        adapter = MEETINGS.build(options, self.tools())
        assert isinstance(adapter, Zoom)
        return adapter

    def sdk(self, **changes: Any) -> Zoom:
        given = {
            "name": "sdk",
            "type": "zoom-videosdk",
            "api_key": "vsdk-api-key-0001",
            "api_secret": {"env": "SECRET"},
        }
        options = VIDEOSDK.options.model_validate(given | changes, context=AROUND)
        adapter = VIDEOSDK.build(options, self.tools())
        assert isinstance(adapter, Zoom)
        return adapter


def span(days: int = 7, until: datetime = NOW) -> Window:
    """Return the last `days` days."""
    return Window(until - timedelta(days=days), until)


async def discovered(provider: Provider, over: Window | None = None) -> list[Recording]:
    """Return everything that is discovered, in the order it comes."""
    return [each async for batch in provider.discover(over or span()) for each in batch]


def error(status: int, code: int, message: str, **headers: str) -> FakeReply:
    """Return an error of the API."""
    return FakeReply.json({"code": code, "message": message}, status=status, **headers)


def file(id_: str = "f-1", **changes: Any) -> dict[str, Any]:
    """Return a finished file; a change to `...` leaves a member out."""
    whole = {
        "id": id_,
        "recording_start": "2025-11-18T09:00:20Z",
        "file_type": "MP4",
        "file_extension": "MP4",
        "file_size": 1000,
        "download_url": f"{URL}{id_}",
        "play_url": "https://us02web.zoom.us/rec/play/p-1",
        "status": "completed",
        "recording_type": "active_speaker",
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def meeting(uuid: str = "uuid-1==", *files: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a meeting with these files, by default one."""
    whole = {
        "uuid": uuid,
        "id": 81234567890,
        "host_id": "u-1",
        "host_email": "host@example.test",
        "topic": "Planning",
        "start_time": "2025-11-18T09:00:12Z",
        "duration": 47,
        "recording_count": len(files) or 1,
        "recording_files": list(files) or [file(f"{uuid}-f")],
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def session(id_: str = "session-1==", *files: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a session of the Video SDK."""
    whole = {
        "session_id": id_,
        "session_name": "triage",
        "session_key": "case-77",
        "start_time": "2025-11-18T09:00:00Z",
        "duration": 12,
        "recording_files": list(files) or [file(f"{id_}-f", file_extension=...)],
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def page(
    entries: Iterable[Mapping[str, Any]], *, name: str = "meetings", **changes: Any
) -> Callable[[Asked], FakeReply]:
    """Return a page of a listing that echoes the days it was asked for."""
    listed = list(entries)

    def answer(asked: Asked) -> FakeReply:
        echo: dict[str, Any] = {
            key: asked.query[key] for key in ("from", "to") if key in asked.query
        }
        counts = {"page_size": 300, "total_records": len(listed), "next_page_token": ""}
        body: dict[str, Any] = {**echo, **counts, name: listed, **changes}
        return FakeReply.json(body)

    return answer
