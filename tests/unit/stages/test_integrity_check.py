"""The daemon reads its archive again, in virtual time over a real catalog and real files."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import anyio
import pytest

import virtual
from fakes.catalog import Catalog, a_file, a_recording, open_catalog, stored
from fakes.log import RecordedLog
from reelkeep.core.integrity import FOLDER_ITSELF, Checked, FolderVerdict, Mark
from reelkeep.errors import IoFailed
from reelkeep.stages.integrity_check import Inspector, Scrubber
from virtual import VIRTUAL, Backend

PERIOD = timedelta(days=30)
SHA = "0" * 64


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@dataclass
class Folders:
    """What is read: every folder in order, but for those in `harm`."""

    catalog: Catalog
    harm: dict[str, Mark] = field(default_factory=dict)
    error: IoFailed | None = None
    away: str | None = None  #: The key of a recording on a volume that is not there.
    reads: list[tuple[datetime, str]] = field(default_factory=list)

    async def read(self, folder: str, *, known: Collection[str] = ()) -> FolderVerdict:
        assert not known
        if self.error is not None:
            raise self.error
        (holding,) = await self.catalog.checks.in_folders([folder])
        self.reads.append((virtual.clock(), holding.id))
        if self.away and folder == f"at/{self.away}":
            closed = Checked(FOLDER_ITSELF, Mark.UNREADABLE, reason="not mounted")
            return FolderVerdict(folder=folder, checked=(closed,), away=folder)
        mark = self.harm.get(holding.id, Mark.OK)
        checked = tuple(Checked(each.name, mark, 10, SHA) for each in holding.files)
        return FolderVerdict(folder=folder, key=holding.key, checked=checked)


@dataclass
class Scene:
    catalog: Catalog
    folders: Folders
    rates: list[int] = field(default_factory=list)

    @property
    def events(self) -> RecordedLog:
        return self.catalog.log

    def scrubber(self) -> Scrubber:
        inspector = Inspector(self.folders.read, self.catalog.checks, report=self.events)
        return Scrubber(
            inspector,
            self.catalog.checks,
            period=PERIOD,
            clock=virtual.clock,
            report=self.events,
            slow=self.rates.append,
        )

    @asynccontextmanager
    async def scrubbing(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self.scrubber().forever)
            yield
            group.cancel_scope.cancel()

    async def pass_days(self, days: float) -> None:
        async with self.scrubbing():
            await anyio.sleep(days * 86_400)

    def times(self, id_: str) -> list[datetime]:
        return [at for at, each in self.folders.reads if each == id_]


@pytest.fixture
async def scene() -> Scene:
    """Thirty recordings of one size."""
    catalog = open_catalog()
    catalog.checks._clock = virtual.clock
    catalog.clock.now = virtual.START - timedelta(hours=1)
    for number in range(30):
        await catalog.admit(a_recording(f"r{number}", a_file("1", size=10**9)))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    await catalog.publish()
    catalog.log.events.clear()
    return Scene(catalog, Folders(catalog))


async def test_every_file_is_read_once_in_a_period(scene: Scene) -> None:
    await scene.pass_days(29.5)
    assert sorted(id_ for _, id_ in scene.folders.reads) == sorted(f"r{n}" for n in range(30))


async def test_the_reading_is_spread_evenly(scene: Scene) -> None:
    await scene.pass_days(29.5)
    times = [at for at, _ in scene.folders.reads]
    pauses = [after - before for before, after in pairwise(times)]
    assert all(abs(pause - timedelta(days=1)) < timedelta(minutes=15) for pause in pauses)


async def test_then_it_begins_anew(scene: Scene) -> None:
    await scene.pass_days(35)
    first, second = scene.times("r0")
    assert abs(second - first - PERIOD) < timedelta(hours=1)


async def test_restarts_change_nothing(scene: Scene) -> None:
    for _ in range(20):
        await scene.pass_days(0.49)
    assert len(scene.folders.reads) == 10


async def test_after_a_long_rest_it_reads_twice_as_often(scene: Scene) -> None:
    await anyio.sleep(50 * 86_400)
    await scene.pass_days(9.9)
    assert len(scene.folders.reads) == 20


@pytest.mark.parametrize("mark", [Mark.ALTERED, Mark.MISSING, Mark.UNREADABLE])
async def test_damage_is_said_at_once_and_once(scene: Scene, mark: Mark) -> None:
    scene.folders.harm["r0"] = mark
    await scene.pass_days(35)
    assert len(scene.times("r0")) > 2
    (said,) = scene.events.named(f"file.{mark.value}")
    assert said["recording"] == "r0"


async def test_damage_is_read_twice_before_it_is_said(scene: Scene) -> None:
    scene.folders.harm["r0"] = Mark.ALTERED
    await scene.pass_days(0.5)
    assert [id_ for _, id_ in scene.folders.reads] == ["r0", "r0"]


async def test_an_archive_that_is_not_there_is_said_once_and_tried_again(scene: Scene) -> None:
    scene.folders.error = IoFailed(f"not mounted: {errno.ENOENT}")
    async with scene.scrubbing():
        await anyio.sleep(86_400)
        scene.folders.error = None
        await anyio.sleep(7200)
    assert [name for name in scene.events.names if name.startswith("scrub.")] == [
        "scrub.failed", "scrub.recovered",
    ]  # fmt: skip
    assert scene.events.named("file.missing") == []
    assert scene.folders.reads


async def test_an_empty_archive_costs_a_look_now_and_then() -> None:
    catalog = open_catalog()
    scene = Scene(catalog, Folders(catalog))
    await scene.pass_days(1)
    assert scene.folders.reads == []


async def test_it_reads_gently(scene: Scene) -> None:
    await scene.pass_days(0.1)
    assert scene.rates == [8 << 20]


async def test_what_lies_on_a_volume_that_is_away_is_passed_over_and_read_later(
    scene: Scene,
) -> None:
    scene.folders.away = (await scene.catalog.holding("r7")).key
    await scene.pass_days(29.5)
    others = {f"r{number}" for number in range(30)} - {"r7"}
    assert {id_ for _, id_ in scene.folders.reads if id_ != "r7"} == others
    assert set(scene.events.names) == {"recording.checked"}
    scene.folders.away = None
    scene.folders.reads.clear()
    await scene.pass_days(1)
    assert scene.times("r7")


async def test_while_all_volumes_are_away_it_looks_now_and_then() -> None:
    catalog = open_catalog()
    catalog.checks._clock = virtual.clock
    await catalog.admit(a_recording("r1", a_file("1", size=10**9)))
    await catalog.store_all()
    scene = Scene(catalog, Folders(catalog, away=(await catalog.holding("r1")).key))
    await scene.pass_days(1)
    assert len(scene.folders.reads) <= 2 * 25
