from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from fakes.log import RecordedLog
from fakes.provider import FakeProvider, many, traits
from fakes.rig import Rig, running
from reelkeep.app.monitor import Monitor, Watchdog, broken_for_long
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import look_for_content
from reelkeep.catalog.operator import Summary
from reelkeep.core.integrity import FileHealth, Mark
from reelkeep.core.model import Holding, ProviderName
from reelkeep.errors import CatalogError
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.metrics import Metrics
from reelkeep.telemetry.notify import Notifier
from virtual import START, VIRTUAL, Backend

NAME = ProviderName("a")
INTERVAL = timedelta(minutes=5)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class World:
    """An attendant over a house of fakes."""

    def __init__(self) -> None:
        provider = FakeProvider(NAME, traits())
        provider.hold(*many(3))
        self.rig = Rig(provider)
        self.metrics = Metrics()
        self.conditions = Conditions(self.rig.log, self.metrics)
        self.pipeline = Pipeline(self.rig.resources, [NAME])
        notifier = Notifier({}, pid=1)
        self.attendant = Monitor(self.rig.resources, self.pipeline, self.conditions, notifier)

    def page(self) -> str:
        return self.metrics.page().decode()


class Moody:
    """A desk that does not answer while it is `silent`."""

    def __init__(self, world: World) -> None:
        self._summaries = world.rig.resources.operator.summaries
        self.silent = True

    async def __call__(self, names: Sequence[ProviderName], **free: int | None) -> list[Summary]:
        if self.silent:
            raise CatalogError("the catalog is locked")
        return await self._summaries(names, **free)


async def test_a_heartbeat_is_said_once_a_minute() -> None:
    world = World()
    async with running(world.attendant.forever):
        await anyio.sleep(5 * 60 + 1)
    assert world.rig.log.count("heartbeat") == [5]


async def test_a_heartbeat_says_how_all_is() -> None:
    world = World()
    await world.pipeline.pollers[NAME].once()
    async with running(world.attendant.forever):
        await anyio.sleep(30)
        world.rig.resources.transfers.received += 6_000
        await anyio.sleep(31)
    (beat,) = world.rig.log.named("heartbeat")
    assert beat == {
        "providers": {NAME: 60.0},
        "pending": 3,
        "in_flight": 0,
        "bytes_per_second": 100,
        "free": 2**40,
        "failed": 0,
        "unavailable": 0,
        "damaged": 0,
        "too_large": 0,
        "at_risk": 0,
        "unpublished": 0,
        "acknowledge_refused": 0,
        "unread_listings": 0,
        "oldest_success": 60.0,
        "conditions": [],
    }


async def test_a_heartbeat_names_each_condition_that_holds() -> None:
    world = World()
    await world.pipeline.pollers[NAME].once()
    world.conditions("disk.low")
    world.conditions("provider.auth_failed", provider=NAME)
    world.conditions("provider.auth_failed", provider="removed")
    async with running(world.attendant.forever):
        await anyio.sleep(61)
        world.conditions("disk.recovered")
        world.conditions("provider.auth_recovered", provider=NAME)
        await anyio.sleep(60)
    first, second = (beat["conditions"] for beat in world.rig.log.named("heartbeat"))
    assert first == ["disk.low", "provider.auth_failed"]
    assert second == []


async def test_a_volume_that_is_absent_is_said_once_and_that_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, absent = World(), ["disk2 is not mounted"]

    async def absences() -> list[str]:
        return absent

    monkeypatch.setattr(world.rig.resources.archive.volumes, "absences", absences)
    async with running(world.attendant.forever):
        await anyio.sleep(61)
        absent = []
        await anyio.sleep(60)
    assert world.rig.log.named("volume.absent") == [{"reason": "disk2 is not mounted"}]
    assert len(world.rig.log.named("volume.found")) == 1
    first, second = (beat["conditions"] for beat in world.rig.log.named("heartbeat"))
    assert (first, second) == (["volume.absent"], [])


async def test_content_that_was_missing_at_the_start_is_said_to_be_there_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Providers are told nothing until then; what came meanwhile does not count."""
    world, missing = World(), [FileHealth(row=1, fault=Mark.MISSING)]
    asked: list[Sequence[Holding]] = []

    async def look(_archive: object, some: Sequence[Holding]) -> list[FileHealth]:
        asked.append(some)
        return missing

    monkeypatch.setattr("reelkeep.app.resources.missing_content", look)
    resources = world.rig.resources
    resources.report = world.conditions
    await look_for_content(resources)
    kept = resources.newest
    async with running(world.attendant.forever):
        await anyio.sleep(61)
        assert resources.missing_content == 1
        assert "newest stored files are missing" in " ".join(await world.attendant.reasons())
        missing = []
        await anyio.sleep(60)
    assert all(some is kept for some in asked[1:])
    assert resources.missing_content == 0
    events = ("archive.content_missing", "archive.content_found")
    assert [len(world.rig.log.named(event)) for event in events] == [1, 1]
    first, second = (beat["conditions"] for beat in world.rig.log.named("heartbeat"))
    assert (first, second) == (["archive.content_missing"], [])


async def test_a_silent_catalog_is_said_when_it_begins_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    moody = Moody(world)
    monkeypatch.setattr(world.rig.resources.operator, "summaries", moody)
    async with running(world.attendant.forever):
        await anyio.sleep(121)
        moody.silent = False
        await anyio.sleep(60)
    assert world.rig.log.named("heartbeat.failed") == [{"reason": "the catalog is locked"}]
    assert world.rig.log.named("heartbeat.recovered") == [{"seconds": 135.0}]
    assert world.rig.log.count("heartbeat") == [1]


async def test_a_large_catalog_is_counted_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = World(), 0
    count = world.rig.resources.operator.summaries

    async def slow(names: Sequence[ProviderName], **free: int | None) -> list[Summary]:
        nonlocal asked
        asked += 1
        await anyio.sleep(1)
        return await count(names, **free)

    monkeypatch.setattr(world.rig.resources.operator, "summaries", slow)
    async with running(world.attendant.forever):
        await anyio.sleep(10 * 60)
    assert asked == 3
    assert world.rig.log.count("heartbeat") == [9]


async def test_who_asks_all_the_time_does_not_make_heartbeats_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    count = world.rig.resources.operator.summaries

    async def slow(names: Sequence[ProviderName], **free: int | None) -> list[Summary]:
        await anyio.sleep(0.2)
        return await count(names, **free)

    async def ask() -> None:
        while True:
            await anyio.sleep(1)
            await world.attendant.status()

    monkeypatch.setattr(world.rig.resources.operator, "summaries", slow)
    await world.pipeline.pollers[NAME].once()
    async with running(world.attendant.forever, ask):
        await anyio.sleep(10 * 60)
    first, *_, last = (beat["providers"] for beat in world.rig.log.named("heartbeat"))
    assert first != last


async def test_metrics_show_what_was_sampled_last() -> None:
    world = World()
    await world.pipeline.pollers[NAME].once()
    async with running(world.attendant.forever):
        await anyio.sleep(1)
    assert 'reelkeep_files_pending{provider="a"} 3.0' in world.page()
    assert 'reelkeep_recordings_queued{provider="a"} 0.0' in world.page()


async def test_the_loops_lag_is_seen() -> None:
    world = World()
    async with running(Watchdog(Notifier({}, pid=7), world.metrics.lagged).forever):
        await anyio.sleep(61)
    assert 'reelkeep_loop_lag_seconds_bucket{le="0.001"} 12.0' in world.page()


async def test_recordings_in_memory_are_counted() -> None:
    world = World()
    await world.pipeline.pollers[NAME].once()
    waiting: list[int] = []

    async def steer() -> None:
        while not waiting:
            await anyio.sleep(0.001)
            waiting.extend(n for n in world.pipeline.queued().values() if n)

    world.pipeline.storage.opened = anyio.sleep_forever  # type: ignore[method-assign]
    await world.pipeline.run(steer)
    assert waiting[0] > 0


@pytest.mark.parametrize(("minutes", "long"), [(None, False), (15, False), (16, True)])
async def test_a_provider_is_broken_for_long_after_three_intervals(
    minutes: int | None, long: bool
) -> None:
    since = None if minutes is None else START - timedelta(minutes=minutes)
    health = ProviderHealth(
        NAME, timedelta(minutes=5), lambda: START, RecordedLog(), broken_since=since
    )
    assert broken_for_long(health, INTERVAL, lambda: START) is long


async def test_a_provider_of_which_single_listings_fail_is_not_broken() -> None:
    health = ProviderHealth(
        NAME,
        timedelta(minutes=5),
        lambda: START,
        RecordedLog(),
        broken_since=START - timedelta(days=9),
        partly=True,
    )
    assert not broken_for_long(health, INTERVAL, lambda: START)


pytestmark = pytest.mark.anyio


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of NOTIFY_SOCKET."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def heard(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(1000).decode())
        except BlockingIOError:
            return found


async def beaten(systemd: socket.socket, *, starting: bool) -> list[str]:
    """Return what is said within eleven seconds while the watchdog waits for ten."""
    notifier = Notifier({"NOTIFY_SOCKET": "set", "WATCHDOG_USEC": "10000000"}, pid=7)
    pulse = Watchdog(notifier, lambda _late: None)
    pulse.starting = starting
    with anyio.move_on_after(11):
        await pulse.forever()
    notifier.close()
    return heard(systemd)


async def test_the_watchdog_is_fed_in_time(systemd: socket.socket) -> None:
    assert await beaten(systemd, starting=False) == ["WATCHDOG=1"] * 3


async def test_a_start_may_take_as_long_as_the_loop_turns(systemd: socket.socket) -> None:
    said = await beaten(systemd, starting=True)
    assert said == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"] * 3


async def test_a_loop_that_does_not_turn_is_not_well() -> None:
    pulse = Watchdog(Notifier({}, pid=7), lambda _late: None)
    await anyio.sleep(19)
    assert pulse.healthy
    await anyio.sleep(2)
    assert not pulse.healthy


async def test_says_by_how_much_each_turn_is_late() -> None:
    late: list[float] = []
    with anyio.move_on_after(16):
        await Watchdog(Notifier({}, pid=7), late.append).forever()
    assert late == [0.0] * 3
