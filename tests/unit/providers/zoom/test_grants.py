from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from fakes.transport import FakeReply, FakeTransport
from fakes.zoom import NOW
from reelkeep.errors import AuthFailed, Misconfigured, ProviderError, RateLimited, Unavailable
from reelkeep.ports import Request
from reelkeep.providers.tokens import Token, TokenSource
from reelkeep.providers.zoom.auth import App, Bearer

APP = App(
    token_url="https://zoom.us/oauth/token",
    account_id="acct 1",
    client_id="app",
    client_secret="s3cr3t",
)


async def granted(reply: FakeReply, seen: list[Request] | None = None) -> Token:
    transport = FakeTransport([reply])
    try:
        return await APP.token(transport, lambda: NOW)
    finally:
        if seen is not None:
            seen += transport.requests


async def test_a_token_is_asked_for_as_the_provider_wants_it() -> None:
    seen: list[Request] = []
    await granted(FakeReply.json({"access_token": "at", "expires_in": 3599}), seen)
    (request,) = seen
    assert (request.method, request.url) == ("POST", "https://zoom.us/oauth/token")
    assert request.body == b"grant_type=account_credentials&account_id=acct+1"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    basic = request.credentials["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic) == b"app:s3cr3t"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3599, 3599),
        ("3599", 3599),
        (None, 3600),
        (-1, 3600),
        (10**9, 3600),
        (10**14, 3600),
        (60, 60),
    ],
)
async def test_a_token_lives_as_long_as_it_says(said: object, seconds: int) -> None:
    token = await granted(FakeReply.json({"access_token": "at", "expires_in": said}))
    assert token == Token("at", NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (400, {"error": "invalid_client"}, AuthFailed, "client_secret is wrong"),
        (401, {"error": "invalid_client"}, AuthFailed, "client_id or client_secret"),
        (400, {"error": "unsupported_grant_type"}, AuthFailed, "server-to-server OAuth app"),
        (400, {"error": "invalid_grant"}, AuthFailed, "account_id is wrong"),
        (400, {"code": 4717}, AuthFailed, "disabled"),
        (400, {"errorCode": "4741"}, AuthFailed, "revoked"),
        (200, {"code": 4738, "error": "x"}, AuthFailed, "administrator"),
        (400, {"error": "invalid_request", "reason": "Bad."}, AuthFailed, "Bad."),
        (404, {"message": "?"}, Misconfigured, "token_url"),
        (302, {}, Misconfigured, "token_url"),
        (503, {}, Unavailable, "out of order"),
        (200, {"token": "x"}, Unavailable, "out of order"),
    ],
)
async def test_a_refusal_says_what_to_do(
    status: int, said: Any, kind: type[ProviderError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await granted(FakeReply.json(said, status=status))


async def test_too_many_tokens_are_no_matter_of_credentials() -> None:
    with pytest.raises(RateLimited) as caught:
        await granted(FakeReply.json({}, status=429, Retry_After="120"))
    assert caught.value.until == NOW + timedelta(minutes=2)


async def test_a_page_instead_of_a_token_is_an_outage() -> None:
    with pytest.raises(Unavailable):
        await granted(FakeReply.of(b"<html>", status=200))


def test_neither_app_nor_token_show_their_secret() -> None:
    assert "s3cr3t" not in repr(APP)


class Hands:
    """A clock turned by hand, and a count of tokens."""

    def __init__(self) -> None:
        self.now = NOW
        self.count = 0
        self.bearer = Bearer(TokenSource(self.fetch, clock=lambda: self.now), lambda: self.now)

    async def fetch(self) -> Token:
        self.count += 1
        return Token(f"at-{self.count}", self.now + timedelta(hours=1))


async def test_a_young_token_is_fresh_enough() -> None:
    slots = Hands()
    await slots.bearer.get()
    slots.now += timedelta(seconds=50)
    assert await slots.bearer.freshened(timedelta(minutes=1)) == "at-1"


async def test_an_older_token_is_renewed() -> None:
    slots = Hands()
    await slots.bearer.get()
    slots.now += timedelta(seconds=70)
    assert await slots.bearer.freshened(timedelta(minutes=1)) == "at-2"
