"""Access tokens from a refresh token that may rotate, in virtual time."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import anyio
import pytest

from fakes.fated import Fate, FatedDisk
from fakes.goto import Answer, Api, Asked, MemoryVault, account, options, refreshing, tools
from fakes.transport import FakeReply
from reelkeep.catalog.token_store import FileTokenStore
from reelkeep.disk import Disk
from reelkeep.errors import AuthFailed, BadAnswer, Misconfigured, ProviderError, Unavailable
from reelkeep.ports import TokenStore
from reelkeep.providers.gotoassist.auth import Credentials, credentials
from virtual import VIRTUAL, Backend, clock

SLOT = "support-refresh-token"


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def granted(number: int, **more: object) -> FakeReply:
    said = {"access_token": f"at-{number}", "token_type": "Bearer", "expires_in": 3600}
    return FakeReply.json(said | more)


def failed(status: int, error: str) -> FakeReply:
    return FakeReply.json({"error": error, "error_description": "no"}, status=status)


def source(api: Api, vault: TokenStore, refresh_token: str = "rt-0001") -> Credentials:
    auth = options(auth=refreshing(refresh_token)).auth
    return credentials("support", auth, tools(api.transport, vault=vault))


def sent(asked: Asked) -> str:
    return dict(parse_qsl(asked.body))["refresh_token"]


async def test_the_exchange_is_spelt_as_documented() -> None:
    api = Api([granted(1)])
    assert await source(api, MemoryVault()).get() == "at-1"
    (asked,) = api.asked
    basic = base64.b64encode(b"goto-client-0001:goto-secret-0001").decode()
    assert (asked.method, asked.path) == ("POST", "/oauth/token")
    assert asked.authorization == f"Basic {basic}"
    assert dict(parse_qsl(asked.body)) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt-0001",
    }


async def test_without_a_new_refresh_token_the_old_one_stays() -> None:
    api, vault = Api([granted(1), granted(2)]), MemoryVault()
    tokens = source(api, vault)
    await tokens.renew(await tokens.get())
    assert [sent(asked) for asked in api.asked] == ["rt-0001", "rt-0001"]
    assert vault.kept == {}


async def test_a_rotated_token_is_used_from_then_on() -> None:
    api, vault = Api([granted(1, refresh_token="rt-0002"), granted(2)]), MemoryVault()
    tokens = source(api, vault)
    await tokens.renew(await tokens.get())
    assert [sent(asked) for asked in api.asked] == ["rt-0001", "rt-0002"]


async def test_a_rotated_token_is_used_by_the_next_process(tmp_path: Path) -> None:
    await source(Api([granted(1, refresh_token="rt-0002")]), FileTokenStore(tmp_path)).get()
    api = Api([granted(2)])
    await source(api, FileTokenStore(tmp_path)).get()
    assert sent(api.asked[0]) == "rt-0002"


class Shared(MemoryVault):
    """A vault in which another process puts a rotated token right after the first look."""

    looked = False

    async def load(self, name: str) -> str | None:
        found = await super().load(name) if self.looked else None
        self.looked = True
        return found


async def test_a_token_that_another_process_had_rotated_meanwhile_is_taken_from_it() -> None:
    vault = MemoryVault()
    await source(Api([granted(1, refresh_token="rt-0002")]), vault).get()
    api = Api([failed(400, "invalid_grant"), granted(2)])
    assert await source(api, Shared(vault.kept)).get() == "at-2"
    assert [sent(asked) for asked in api.asked] == ["rt-0001", "rt-0002"]


async def test_a_newly_configured_token_wins_over_the_kept_one() -> None:
    vault = MemoryVault()
    await source(Api([granted(1, refresh_token="rt-0002")]), vault).get()
    api = Api([granted(2)])
    await source(api, vault, "rt-9000").get()
    assert sent(api.asked[0]) == "rt-9000"


async def test_the_kept_token_says_nothing_readable_of_the_configured_one() -> None:
    vault = MemoryVault()
    await source(Api([granted(1, refresh_token="rt-0002")]), vault).get()
    assert "rt-0001" not in vault.kept[SLOT]
    assert json.loads(vault.kept[SLOT])["refresh_token"] == "rt-0002"


@pytest.mark.parametrize("kept", ["", "rubbish", "[]", '{"refresh_token":"rt-0002"}', "{"])
async def test_a_kept_token_that_cannot_be_read_makes_room_for_the_configured(kept: str) -> None:
    api = Api([granted(1)])
    await source(api, MemoryVault({SLOT: kept})).get()
    assert sent(api.asked[0]) == "rt-0001"


async def test_an_access_token_is_not_used_before_the_rotated_one_is_kept() -> None:
    tokens = source(Api([granted(1, refresh_token="rt-0002")]), MemoryVault(full_for=9))
    with pytest.raises(AuthFailed, match="new refresh token cannot be kept"):
        await tokens.get()


async def test_a_rotated_token_that_could_not_be_kept_is_kept_later() -> None:
    api, vault = Api([granted(1, refresh_token="rt-0002"), granted(2)]), MemoryVault(full_for=1)
    tokens = source(api, vault)
    with pytest.raises(AuthFailed):
        await tokens.get()
    assert await tokens.get() == "at-2"
    assert sent(api.asked[1]) == "rt-0002"


async def test_while_the_next_token_could_not_be_kept_none_is_asked_for() -> None:
    vault = MemoryVault()
    await source(Api([granted(1, refresh_token="rt-0002")]), vault).get()
    vault.is_full, api = True, Api([granted(2, refresh_token="rt-0003")])
    with pytest.raises(AuthFailed, match="No space left"):
        await source(api, vault).get()
    assert api.asked == []


async def test_a_rotated_token_is_kept_though_the_access_token_beside_it_is_none() -> None:
    half = FakeReply.json({"access_token": None, "refresh_token": "rt-0002"})
    api = Api([half, granted(2)])
    assert await source(api, MemoryVault()).get() == "at-2"
    assert sent(api.asked[1]) == "rt-0002"


@pytest.mark.parametrize("fate", [Fate.EIO, Fate.ENOSPC, Fate.SHORT])
async def test_whatever_call_of_the_disk_fails_the_rotated_token_is_kept_before_it_is_used(
    tmp_path: Path, fate: Fate
) -> None:
    async def rotated(at: int) -> FatedDisk:
        disk = FatedDisk(Disk(), fate, at)
        folder = tmp_path / str(at)
        tokens = source(
            Api([granted(1, refresh_token="rt-0002"), granted(2)]), FileTokenStore(folder, disk)
        )
        try:
            used = await tokens.get()
        except AuthFailed:
            used = await tokens.get()
        (kept,) = folder.glob("*.token")
        assert used in ("at-1", "at-2")
        assert json.loads(kept.read_bytes())["refresh_token"] == "rt-0002"
        return disk

    for at in range(len((await rotated(-1)).calls)):
        await rotated(at)


async def test_a_vault_that_cannot_be_read_is_told() -> None:
    with pytest.raises(AuthFailed, match="kept refresh token cannot be used"):
        await source(Api([granted(1)]), MemoryVault(broken=True)).get()


async def test_a_cancelled_caller_does_not_lose_the_rotated_token() -> None:
    vault, answered = MemoryVault(), anyio.Event()
    body = json.dumps({"access_token": "at-1", "refresh_token": "rt-0002"}).encode()
    tokens = source(Api([FakeReply(pieces=[body[:5], answered, body[5:]])]), vault)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tokens.get)
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
        answered.set()
    assert json.loads(vault.kept[SLOT])["refresh_token"] == "rt-0002"


async def test_an_exchange_that_hangs_does_not_hold_up_a_stop() -> None:
    tokens = source(Api([FakeReply(pieces=[anyio.Event()])]), MemoryVault())
    with anyio.move_on_after(1):
        await tokens.get()
    assert anyio.current_time() == pytest.approx(15)


async def test_many_callers_make_one_exchange() -> None:
    api = Api([granted(1)])
    tokens = source(api, MemoryVault())
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(tokens.get)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (failed(400, "invalid_grant"), AuthFailed, "authorize the client once more"),
        (failed(401, "invalid_client"), AuthFailed, "client_id or auth.client_secret"),
        (failed(400, "unauthorized_client"), AuthFailed, "may not use refresh tokens"),
        (failed(403, "else"), AuthFailed, "refuses us"),
        (
            FakeReply.json({"message": "This endpoint is no longer valid, see x"}, status=410),
            Misconfigured,
            "authentication.logmeininc.com",
        ),
        (FakeReply.json({"message": "This endpoint is no longer valid"}), BadAnswer, "without"),
        (FakeReply.of(b"", status=404), Misconfigured, "auth.token_url"),
        (FakeReply.of(b"", status=503), Unavailable, "out of order"),
        (FakeReply.of(b"<html>", status=200), BadAnswer, "something else"),
        (FakeReply.json({"access_token": "a\nb"}), BadAnswer, "without an access token"),
        (FakeReply.json({"access_token": None}), BadAnswer, "without an access token"),
        (FakeReply.of(b"", status=302), BadAnswer, "something else"),
    ],
)
async def test_a_failed_exchange_says_what_to_do(
    answer: Answer, kind: type[ProviderError], advice: str
) -> None:
    with pytest.raises(kind, match=advice) as caught:
        await source(Api([answer]), MemoryVault()).get()
    assert "rt-0001" not in str(caught.value)


async def test_passing_trouble_at_the_token_endpoint_is_waited_out() -> None:
    api = Api([FakeReply.of(b"", status=503), FakeReply.of(b"", status=502), granted(1)])
    assert await source(api, MemoryVault()).get() == "at-1"


async def test_a_dead_refresh_token_is_not_tried_in_a_loop() -> None:
    api = Api([failed(400, "invalid_grant")])
    with pytest.raises(AuthFailed):
        await source(api, MemoryVault()).get()
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (3600, 3600),
        ("600", 600),
        (None, 3600),
        ("soon", 3600),
        (-5, 3600),
        (10**30, 30 * 86_400),
    ],
)
async def test_the_life_of_a_token_is_read_leniently(expires_in: object, life: int) -> None:
    api = Api([granted(1, expires_in=expires_in), granted(2)])
    tokens = source(api, MemoryVault())
    began = clock()
    await tokens.get()
    await anyio.sleep(life * 0.8 - 1)
    assert await tokens.get() == "at-1"
    await anyio.sleep(2)
    assert await tokens.get() == "at-2"
    assert clock() - began < timedelta(days=31)


async def test_secrets_are_in_no_repr() -> None:
    api = Api([granted(1)])
    await source(api, MemoryVault()).get()
    shown = repr(api.transport.requests)
    assert not any(secret in shown for secret in ("rt-0001", "goto-secret-0001", "Basic"))


async def test_a_rotating_account_goes_on_when_its_access_token_dies() -> None:
    listing = FakeReply.json({"readyForDownload": []})

    def answer(asked: Asked) -> FakeReply:
        if asked.path == "/oauth/token":
            return granted(2 if alive else 1)
        alive.append(asked.authorization)
        return listing if asked.authorization == "Bearer at-2" else dead

    alive: list[str] = []
    dead = FakeReply.json({"int_err_code": "InvalidToken"}, status=403)
    findings = await account(Api(answer), auth=refreshing()).check()
    assert all(finding.ok for finding in findings)
