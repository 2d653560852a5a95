"""Who may use the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.page.access import (
    LONGEST_DELAY,
    SESSION_SECONDS,
    Access,
    Delays,
    is_of_this_host,
    is_own_origin,
)

TOKEN = "a-token-of-the-page"
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Time:
    now = START

    def __call__(self) -> datetime:
        return self.now


def access(token: str = TOKEN, clock: Time | None = None) -> Access:
    return Access(token, clock=clock or Time(), nonce=lambda: "nonce")


@pytest.mark.parametrize("text", ["", "a", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\ud800"])
def test_another_token_is_none(text: str) -> None:
    assert not access().is_token(text)
    assert access().is_token(TOKEN)


def test_a_session_is_good_for_twelve_hours() -> None:
    clock = Time()
    ours = access(clock=clock)
    cookie = ours.new_session()
    assert ours.is_session(cookie)
    clock.now = START + timedelta(seconds=SESSION_SECONDS - 1)
    assert ours.is_session(cookie)
    clock.now = START + timedelta(seconds=SESSION_SECONDS)
    assert not ours.is_session(cookie)


def test_a_restart_ends_no_session_and_a_new_token_ends_every() -> None:
    cookie = access().new_session()
    assert access().is_session(cookie)
    assert not access("another-token-of-it").is_session(cookie)


@pytest.mark.parametrize("change", ["9", "", "x.", ".", "\ud800"])
def test_what_we_did_not_sign_is_no_session(change: str) -> None:
    cookie = access().new_session()
    assert not access().is_session(change)
    assert not access().is_session(f"x{change}{cookie}")
    assert not access().is_session(f"{cookie}{change}x")


def test_a_form_belongs_to_its_session() -> None:
    ours = access()
    mine, other = ours.new_session(), "another"
    assert ours.is_form_token(mine, ours.form_token(mine))
    assert not ours.is_form_token(other, ours.form_token(mine))
    assert not ours.is_form_token(mine, "")


def test_each_wrong_token_waits_longer_and_a_right_one_ends_that() -> None:
    delays = Delays()
    waits = [delays.wrong("a") for _ in range(20)]
    assert [count for count, _ in waits] == list(range(1, 21))
    assert [seconds for _, seconds in waits[:4]] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1][1] == LONGEST_DELAY
    assert delays.wrong("b")[0] == 1
    delays.right("a")
    assert delays.wrong("a")[0] == 1


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost:9477", True),
        ("localhost", True),
        ("127.0.0.1:9477", True),
        ("127.8.9.1", True),
        ("[::1]:9477", True),
        ("archive.localhost", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:9477", False),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_only_names_of_this_machine_are_ours(host: str, ours: bool) -> None:
    assert is_of_this_host(host) is ours


@pytest.mark.parametrize(
    ("origin", "site", "own"),
    [
        ("http://localhost:1", None, True),
        ("https://localhost:1", None, True),
        ("http://localhost:2", None, False),
        ("null", None, False),
        (None, None, False),
        (None, "same-origin", True),
        ("https://archive.example", "same-origin", True),
        ("http://localhost:1", "cross-site", False),
        ("http://localhost:1", "same-site", False),
        ("http://localhost:1", "none", False),
    ],
)
def test_a_form_of_another_site_is_not_answered(
    origin: str | None, site: str | None, own: bool
) -> None:
    assert is_own_origin(origin=origin, fetch_site=site, host="localhost:1") is own


def test_without_a_host_no_origin_is_ours() -> None:
    assert not is_own_origin(origin="", fetch_site=None, host="")
