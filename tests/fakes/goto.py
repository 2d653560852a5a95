"""What a test of the GoToAssist adapter needs: options, tools, and an API as a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import virtual
from fakes.log import RecordedLog
from fakes.transport import FakeReply, FakeTransport
from reelkeep.config_types.secrets import Secret
from reelkeep.core.model import Recording, RecordingId, Window
from reelkeep.errors import CatalogError, ProviderError
from reelkeep.ports import Clock, Provider, Request, TokenStore, Tools, Transport
from reelkeep.providers.gotoassist.account import GoToAssist
from reelkeep.providers.gotoassist.options import GoToAssistOptions

API = "https://api.getgo.example.test/G2A/rest/v1"
TOKENS = "https://auth.example.test/oauth/token"

Answer = FakeReply | Exception
Script = Callable[["Asked"], Answer] | Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came to the API."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    authorization: str
    body: str

    @property
    def pairs(self) -> dict[str, str]:
        return dict(self.query)


class Api:
    """Answers by a script, each of a sequence once and the last one for ever."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        self.transport = FakeTransport(self._answer)
        self._script = script

    def _answer(self, request: Request) -> Answer:
        parts = urlsplit(request.url)
        asked = Asked(
            request.method,
            parts.path.removeprefix("/G2A/rest/v1/"),
            tuple(parse_qsl(parts.query, keep_blank_values=True)),
            request.credentials.get("Authorization", ""),
            (request.body or b"").decode(),
        )
        self.asked.append(asked)
        if callable(self._script):
            return self._script(asked)
        return self._script[min(len(self.asked), len(self._script)) - 1]


@dataclass(slots=True)
class MemoryVault:
    """A `ports.Vault` that forgets, and fails if told so."""

    kept: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    full_for: int = 0  #: So many more saves fail.
    is_full: bool = False  #: Whether they will all fail.

    async def load(self, name: str) -> str | None:
        self._check()
        return self.kept.get(name)

    async def rehearse(self, name: str) -> None:  # noqa: ARG002 - as the real one
        if self.is_full:
            raise CatalogError("a token cannot be kept: No space left on device")

    async def save(self, name: str, secret: str) -> None:
        self._check()
        if self.full_for:
            self.full_for -= 1
            raise CatalogError("a token cannot be kept: No space left on device")
        self.kept[name] = secret

    def _check(self) -> None:
        if self.broken:
            raise CatalogError("a kept token cannot be read: Input/output error")


def tools(
    transport: Transport,
    *,
    vault: TokenStore | None = None,
    log: RecordedLog | None = None,
    clock: Clock = virtual.clock,
) -> Tools:
    """Return tools around `transport`."""
    return Tools(
        transport=transport,
        vault=vault or MemoryVault(),
        clock=clock,
        rng=lambda: 0.5,
        report=log or RecordedLog(),
    )


def options(**given: Any) -> GoToAssistOptions:
    """Return options with a token that is given, unless `auth` says otherwise."""
    known: dict[str, Any] = {
        "name": "support",
        "type": "gotoassist",
        "base_url": API,
        "account_key": "400000000000001",
        "requests_per_second": 100,
        "auth": {"access_token": Secret("at-0001")},
    }
    return GoToAssistOptions.model_validate(known | given)


def refreshing(refresh_token: str = "rt-0001", **given: Any) -> dict[str, Any]:
    """Return the `auth` of a client with a refresh token."""
    return {
        "client_id": "goto-client-0001",
        "client_secret": Secret("goto-secret-0001"),
        "refresh_token": Secret(refresh_token),
        "token_url": TOKENS,
    } | given


def account(
    api: Api, *, vault: TokenStore | None = None, log: RecordedLog | None = None, **given: Any
) -> GoToAssist:
    """Return the adapter, talking to `api`."""
    return GoToAssist(options(**given), tools(api.transport, vault=vault, log=log))


async def discovered(provider: Provider, span: Window) -> list[Recording]:
    """Return everything that is discovered in `span`."""
    return [each async for batch in provider.discover(span) for each in batch]


async def until_error(
    provider: Provider, span: Window
) -> tuple[list[Recording], ProviderError | None]:
    """Return what is discovered in `span`, and the error at the end."""
    found: list[Recording] = []
    try:
        async for batch in provider.discover(span):
            found += batch
    except ProviderError as error:
        return found, error
    return found, None


def ids(*numbers: int) -> list[RecordingId]:
    return [RecordingId(str(number)) for number in numbers]


def link(number: int | str, **changed: Any) -> dict[str, Any]:
    """Return what `/urls` says of a recording."""
    base = f"https://recordings.example.test/g2a/8f2c41/{number}"
    entry = {
        "recordingId": number,
        "recordingUrl": f"{base}.mp4",
        "recordingStartTime": "2025-11-03T09:15:00Z",
        "eventsUrl": f"{base}.events",
        "thumbnailUrl": f"{base}.jpg",
        "recordingSize": "73400320",
    }
    return entry | changed


def invalid_token() -> FakeReply:
    return FakeReply.json(
        {"int_err_code": "InvalidToken", "msg": "Invalid token passed"},
        status=403,
        x_amzn_errortype="UnauthorizedException",
    )


def refusal(status: int = 403, code: str = "Forbidden") -> FakeReply:
    said = {"errorCode": code, "description": "invalid recordingIds", "incident": "5f0c-1"}
    return FakeReply.json(said, status=status)
