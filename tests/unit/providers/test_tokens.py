"""One token for everybody."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from reelkeep.errors import AuthFailed, Unavailable
from reelkeep.providers.tokens import Token, TokenSource
from virtual import VIRTUAL, Backend, clock


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Mint:
    """Strikes `at-1`, `at-2`, … after a second each; fails while `broken`."""

    def __init__(self, life: timedelta | None = timedelta(hours=1)) -> None:
        self.struck = 0
        self.life = life
        self.broken = False

    async def __call__(self) -> Token:
        self.struck += 1
        await anyio.sleep(1)
        if self.broken:
            raise Unavailable("the mint is closed")
        return Token(f"at-{self.struck}", None if self.life is None else clock() + self.life)


async def collect(source: TokenSource, count: int, stale: str | None = None) -> list[str]:
    got: list[str] = []

    async def one() -> None:
        try:
            got.append(await (source.get() if stale is None else source.renew(stale)))
        except Unavailable as error:
            got.append(str(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)
    return got


async def test_many_callers_share_one_fetch() -> None:
    mint = Mint()
    got = await collect(TokenSource(mint, clock=clock), 10)
    assert (got, mint.struck) == (["at-1"] * 10, 1)


async def test_a_token_is_kept_for_four_fifths_of_its_life() -> None:
    mint = Mint()
    source = TokenSource(mint, clock=clock)
    await source.get()
    await anyio.sleep(2879)
    assert await source.get() == "at-1"
    await anyio.sleep(2)
    assert await source.get() == "at-2"


async def test_a_token_without_an_end_is_kept_for_ever() -> None:
    source = TokenSource(Mint(life=None), clock=clock)
    await source.get()
    await anyio.sleep(timedelta(days=365).total_seconds())
    assert await source.get() == "at-1"


async def test_callers_with_the_same_stale_token_share_one_renewal() -> None:
    mint = Mint()
    source = TokenSource(mint, clock=clock)
    stale = await source.get()
    assert await collect(source, 10, stale) == ["at-2"] * 10
    assert mint.struck == 2


async def test_a_late_caller_with_an_older_token_gets_the_newer_one_without_a_fetch() -> None:
    mint = Mint()
    source = TokenSource(mint, clock=clock)
    first = await source.get()
    await source.renew(first)
    assert (await source.renew(first), mint.struck) == ("at-2", 2)


async def test_an_error_reaches_all_who_wait() -> None:
    mint = Mint()
    mint.broken = True
    got = await collect(TokenSource(mint, clock=clock), 5)
    assert (got, mint.struck) == (["the mint is closed"] * 5, 1)


async def test_an_error_is_not_kept_for_those_who_come_later() -> None:
    mint = Mint()
    mint.broken = True
    source = TokenSource(mint, clock=clock)
    await collect(source, 2)
    mint.broken = False
    assert await source.get() == "at-2"


async def test_when_the_fetching_caller_is_cancelled_the_next_one_fetches() -> None:
    mint = Mint()
    source = TokenSource(mint, clock=clock)
    got: list[str] = []

    async def impatient() -> None:
        with anyio.move_on_after(0.5):
            await source.get()

    async def patient() -> None:
        got.append(await source.get())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(impatient)
        tasks.start_soon(patient)
    assert got == ["at-2"]


async def test_a_refusal_is_passed_on_as_it_is() -> None:
    async def refuse() -> Token:
        raise AuthFailed("no such client")

    with pytest.raises(AuthFailed, match="no such client"):
        await TokenSource(refuse, clock=clock).get()


def test_a_token_is_not_shown_in_its_repr() -> None:
    assert "at-0001" not in repr(Token("at-0001", None))
