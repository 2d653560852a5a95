"""Reloading in virtual time: what is under way goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import BODY, Rig, Slow, whole
from fakes.transport import FakeTransport
from reelkeep.app.daemon import put_in_force
from reelkeep.app.pipeline import Pipeline
from reelkeep.config_types.provider import ProviderOptions
from reelkeep.core.model import ProviderName
from reelkeep.errors import AuthFailed, ConfigError, Expired
from reelkeep.settings.changes import Change
from reelkeep.settings.model import DownloadOptions, Settings
from virtual import VIRTUAL, Backend

A, B = ProviderName("a"), ProviderName("b")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def entry(name: str) -> ProviderOptions:
    return ProviderOptions(name=name, type="fake")


def change(
    rig: Rig, *, ended: tuple[str, ...] = (), begun: tuple[str, ...] = (), **of: Any
) -> Change:
    """Return a change of the rig's settings."""
    old = rig.resources.settings
    rest = tuple(each for each in old.providers if each.name not in {*ended, *begun})
    providers = (*rest, *(entry(name) for name in begun))
    new: Settings = old.model_copy(update={"providers": providers, **of})
    return Change(
        settings=new,
        applied=(),
        waiting=(),
        ended=ended,
        begun=tuple(entry(name) for name in begun),
    )


async def work(rig: Rig, steer: Callable[[Pipeline], Any]) -> None:
    pipeline = Pipeline(rig.resources, rig.names, polls=True)
    await pipeline.run(lambda: steer(pipeline))


async def test_a_new_provider_is_asked_and_served_at_once() -> None:
    old, new = FakeProvider(name=A), FakeProvider(name=B, traits=traits(acknowledges=True))
    new.hold(recording())
    rig = Rig(old)
    rig.offered["b"] = new

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(100)
        await put_in_force(change(rig, begun=("b",)), rig.resources, pipeline)
        await anyio.sleep(10)

    await work(rig, steer)
    assert new.times[0] == pytest.approx(100)
    assert old.times == [0]
    assert await rig.recordings("acknowledged") == ["a"]


async def test_a_removed_provider_is_let_alone_and_what_it_had_claimed_is_due() -> None:
    gone, other = FakeProvider(name=A), FakeProvider(name=B)
    gone.hold(*many(50))
    other.hold(recording("other"))
    rig = Rig(gone, other, transport=Slow(FakeTransport(whole), 100), workers=4)

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(50)
        await put_in_force(change(rig, ended=("a",)), rig.resources, pipeline)
        assert await rig.files("active") < 8
        calls = len(gone.calls)
        await anyio.sleep(7200)
        assert len(gone.calls) == calls

    await work(rig, steer)
    assert 3 <= await rig.files("stored") <= 5
    assert await rig.files("active") == 0
    assert rig.log.count("file.failed") == [0]
    assert list(rig.resources.providers) == [B]


async def test_a_transfer_under_way_is_not_begun_again_when_its_provider_changes() -> None:
    old, new = FakeProvider(name=A), FakeProvider(name=A)
    old.hold(recording())
    new.hold(recording())
    slow = Slow(FakeTransport(whole), 1000)
    rig = Rig(old, transport=slow)
    rig.offered["a"] = new

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(500)
        await put_in_force(change(rig, ended=("a",), begun=("a",)), rig.resources, pipeline)
        await anyio.sleep(900)

    await work(rig, steer)
    assert await rig.recordings("archived") == ["a"]
    assert rig.log.count("file.stored", "file.retry") == [1, 0]
    assert new.times[0] == pytest.approx(500)
    assert old.times[-1] < 500


async def test_changed_credentials_serve_the_files_that_are_under_way() -> None:
    """The locator went stale meanwhile; the new provider is asked for another."""
    old, new = FakeProvider(name=A), FakeProvider(name=A)
    old.hold(recording())
    new.hold(recording())
    answers: list[Any] = [Expired("over")]

    def script(request: Any) -> Any:
        return answers.pop() if answers else whole(request)

    rig = Rig(old, transport=Slow(FakeTransport(script), 100))
    rig.offered["a"] = new

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(50)
        old.broken["locate"] = AuthFailed("revoked")
        await put_in_force(change(rig, ended=("a",), begun=("a",)), rig.resources, pipeline)
        await anyio.sleep(400)

    await work(rig, steer)
    assert await rig.recordings("archived") == ["a"]
    assert rig.log.count("provider.auth_failed", "file.retry") == [0, 0]


async def test_a_provider_that_comes_back_takes_up_where_it_was() -> None:
    provider = FakeProvider(name=A)
    provider.hold(*many(20))
    rig = Rig(provider, FakeProvider(name=B), transport=Slow(FakeTransport(whole), 10), workers=1)

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(25)
        await put_in_force(change(rig, ended=("a",)), rig.resources, pipeline)
        await anyio.sleep(1000)
        assert await rig.files("stored") < 5
        await put_in_force(change(rig, begun=("a",)), rig.resources, pipeline)
        await anyio.sleep(300)

    await work(rig, steer)
    assert await rig.files("stored") == 20
    assert len(rig.requests.requests) == 0
    assert sum(content == BODY for content in rig.archive.visible.values()) == 20


async def test_more_workers_begin_at_once() -> None:
    provider = FakeProvider()
    provider.hold(*many(50))
    slow = Slow(FakeTransport(whole), 1000)
    rig = Rig(provider, transport=slow, workers=2)

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(10)
        assert slow.at_once == 2
        more = DownloadOptions(workers=6)
        await put_in_force(change(rig, downloads=more), rig.resources, pipeline)
        await anyio.sleep(10)
        assert slow.at_once == 6

    await work(rig, steer)
    assert rig.adjusted == [rig.resources.settings]


async def test_a_shorter_grace_holds_for_the_next_stop() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 1000), grace=100)

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(10)
        grace = timedelta(seconds=4)
        await put_in_force(change(rig, shutdown_grace=grace), rig.resources, pipeline)

    await work(rig, steer)
    assert anyio.current_time() == pytest.approx(13, abs=0.1)


async def test_limits_reach_retries_and_disk() -> None:
    rig = Rig(FakeProvider())

    async def steer(pipeline: Pipeline) -> None:
        patient = DownloadOptions().model_copy(
            update={"retry": DownloadOptions().retry.model_copy(update={"attempts": 99})}
        )
        room = rig.resources.settings.archive.model_copy(update={"min_free": 5})
        await put_in_force(change(rig, downloads=patient, archive=room), rig.resources, pipeline)

    await work(rig, steer)
    assert rig.resources.ledger.policy.attempts == 99
    assert rig.resources.archive.min_free == 5


async def test_a_provider_that_cannot_be_made_changes_nothing() -> None:
    provider = FakeProvider(name=A)
    rig = Rig(provider)

    def build(_: ProviderOptions) -> Any:
        raise ConfigError("no such thing")

    rig.resources.build = build
    before = rig.resources.settings

    async def steer(pipeline: Pipeline) -> None:
        with pytest.raises(ConfigError):
            await put_in_force(change(rig, ended=("a",), begun=("b",)), rig.resources, pipeline)
        await anyio.sleep(601)

    await work(rig, steer)
    assert rig.resources.settings is before
    assert len(provider.times) == 3
