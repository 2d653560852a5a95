"""No wait is silent: each is begun in a pipeline that has work, and ended ten minutes later."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import virtual
from fakes.archive import MemoryArchive
from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import Rig, whole
from fakes.transport import Answer, FakeReply, FakeTransport
from reelkeep.app.pipeline import Pipeline
from reelkeep.catalog.database import Outage
from reelkeep.core.model import Holding, ProviderName, Readiness, RecordingId
from reelkeep.disk import disk_error
from reelkeep.errors import AuthFailed, CatalogUnavailable, Error, IoFailed, NotYet, Unavailable
from reelkeep.ports import Request
from virtual import VIRTUAL, Backend
from waits import WAITS

A = ProviderName("a")
NEW = RecordingId("new")
QUIET = timedelta(minutes=2)
"""How long files may wait without a byte and without a word."""

TESTS = Path(__file__).parents[2]
ELSEWHERE = {
    "archive.absent": "unit/app/test_absence.py",
    "archive.content_missing": "unit/app/test_monitor.py",
    "volume.absent": "unit/app/test_monitor.py",
    "heartbeat.failed": "unit/app/test_monitor.py",
    "server.unavailable": "integration/test_daemon.py",
    "listing.failed": "unit/providers/zoom/test_discover.py",
    "provider.throttled": "unit/providers/test_throttle_log.py",
    "recording.trash_refused": "integration/test_disposal.py",
    "backfill.failed": "unit/stages/test_backfill.py",
    "scrub.failed": "unit/stages/test_integrity_check.py",
    "config.rejected": "integration/test_daemon.py",
    "repair.queued": "integration/test_verify.py",
}
"""Waits of what is not in a pipeline, and where both ends of each are tried."""


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class World:
    """A pipeline with a provider; something is in the way while it is `blocked`."""

    def __init__(self) -> None:
        self.blocked = False
        self.off = timedelta()
        more: dict[str, Any] = {"transcodes": True, "transcode_timeout": timedelta(minutes=5)}
        self.provider = FakeProvider(A, traits=traits(acknowledges=True, **more))
        self.provider.hold(*many(2))
        outage = Outage(self._report)
        self.catalog_fails = self.host_fails = False
        self.rig: Rig = Rig(
            self.provider,
            script=self._answer,
            clock=self.clock,
            hop=self._hop,
            outlast=outage.outlast,
        )
        self.pipeline = Pipeline(self.rig.resources, [A], polls=True)

    def _report(self, event: str, /, **keys: object) -> None:
        self.rig.log(event, **keys)

    def clock(self) -> Any:
        return virtual.clock() + self.off

    def _answer(self, request: Request) -> Answer:
        return FakeReply.of(b"", status=503) if self.host_fails else whole(request)

    async def _hop(self, work: Callable[[], Any], /) -> Any:
        await anyio.lowlevel.checkpoint()
        if self.catalog_fails:
            raise CatalogUnavailable("its disk is full")
        return work()

    async def compare_clocks(self) -> None:
        """Hear an API every five minutes, which knows the time."""

        def dated(_request: Request) -> Answer:
            return FakeReply(headers={"Date": format_datetime(virtual.clock(), usegmt=True)})

        api = self.rig.resources.clock_check.watching(FakeTransport(dated))
        while True:
            async with api.open(Request(url="https://api.test/")):
                await anyio.sleep(300)


Switch = Callable[[World, bool], None]
"""Begins a blockage, and ends it."""


def disk_full(world: World, on: bool) -> None:
    world.rig.archive.room = 0 if on else 1000


def too_small(world: World, on: bool) -> None:
    world.rig.archive.room = 4 if on else 1000


def read_only(world: World, on: bool) -> None:
    refusal = disk_error(OSError(errno.EROFS, os.strerror(errno.EROFS)))
    world.rig.archive.refusal = refusal if on else None


def broken(call: str, error: Error) -> Switch:
    def switch(world: World, on: bool) -> None:
        world.provider.broken.pop(call, None)
        if on:
            world.provider.broken[call] = error

    return switch


def unpublished(world: World, on: bool) -> None:
    async def refuse(_holding: Holding) -> str:
        raise IoFailed("no folder")

    archive: Any = world.rig.archive
    archive.publish = refuse if on else partial(MemoryArchive.publish, archive)


def unmarked(world: World, on: bool) -> None:
    world.provider.refused = {NEW} if on else set()


def catalog_full(world: World, on: bool) -> None:
    world.catalog_fails = on


def host_down(world: World, on: bool) -> None:
    world.host_fails = on


def clock_behind(world: World, on: bool) -> None:
    world.off = -timedelta(hours=3) if on else timedelta()


def endless(world: World, on: bool) -> None:
    world.provider.transcoding_takes = float("inf") if on else 1.0
    if not on:
        world.provider._ready_at = dict.fromkeys(world.provider._ready_at, 0.0)


@dataclass(frozen=True, kw_only=True)
class Blockage:
    """A way to wait: the events that begin and end it, each said once, and what brings it about."""

    begins: str
    ends: str
    switch: Switch
    lasts: timedelta = timedelta(minutes=10)
    after: timedelta = timedelta(minutes=12)
    quiet: timedelta = QUIET
    new: Any = field(default_factory=lambda: recording(str(NEW)))
    said: int | None = 1  #: How often it is said that it begins; None: at each attempt.


HOURS = timedelta(hours=4)
BLOCKAGES = [
    Blockage(begins="disk.low", ends="disk.recovered", switch=disk_full),
    Blockage(begins="archive.unavailable", ends="archive.available", switch=read_only),
    Blockage(begins="file.too_large", ends="file.fits", switch=too_small),
    Blockage(begins="recording.publish_failed", ends="recording.published", switch=unpublished),
    Blockage(
        begins="poll.failed",
        ends="poll.recovered",
        switch=broken("discover", Unavailable("down")),
    ),
    Blockage(
        begins="provider.auth_failed",
        ends="provider.auth_recovered",
        switch=broken("discover", AuthFailed("no")),
    ),
    Blockage(begins="catalog.unavailable", ends="catalog.available", switch=catalog_full),
    Blockage(begins="clock.wrong", ends="clock.right", switch=clock_behind),
    Blockage(
        begins="file.retry",
        ends="file.stored",
        switch=host_down,
        said=None,
        lasts=timedelta(minutes=1),
    ),
    Blockage(
        begins="file.overdue",
        ends="file.stored",
        switch=broken("locate", NotYet("soon")),
        lasts=HOURS,
        quiet=timedelta(hours=2.5),
        after=timedelta(hours=1.5),
    ),
    Blockage(
        begins="recording.acknowledge_refused",
        ends="recording.acknowledged",
        switch=unmarked,
        after=timedelta(hours=1.5),
    ),
    Blockage(
        begins="recording.incomplete",
        ends="recording.archived",
        switch=endless,
        new=recording(str(NEW), readiness=Readiness.TRANSCODABLE),
        after=timedelta(hours=1.5),
    ),
]


async def lived(blockage: Blockage) -> tuple[World, list[str]]:
    """Return a world after a blockage, and when files waited in silence while it lasted."""
    world, silences = World(), list[str]()

    async def steer() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(world.compare_clocks)
            group.start_soon(listen, world, blockage.quiet, silences)
            await anyio.sleep(60)
            world.rig.log.events.clear()
            blockage.switch(world, True)
            world.provider.hold(blockage.new)
            world.pipeline.poll()
            await anyio.sleep(blockage.lasts.total_seconds())
            blockage.switch(world, False)
            world.pipeline.poll()
            await anyio.sleep(blockage.after.total_seconds())
            group.cancel_scope.cancel()

    await world.pipeline.run(steer)
    return world, silences


async def listen(world: World, quiet: timedelta, silences: list[str]) -> None:
    """Note when files were pending, for `quiet`, while no byte came and no wait was open."""
    heard = anyio.current_time()
    received = 0
    while True:
        await anyio.sleep(30)
        came, received = (
            world.rig.resources.transfers.received - received,
            world.rig.resources.transfers.received,
        )
        if came or still_open(world.rig.log.events) or not await pending(world):
            heard = anyio.current_time()
        if anyio.current_time() - heard > quiet.total_seconds():
            silences.append(f"since {heard:g} s")


async def pending(world: World) -> int:
    if world.catalog_fails:
        return 1
    return await world.rig.files("due") + await world.rig.files("active")


def still_open(events: Sequence[tuple[str, dict[str, object]]]) -> set[str]:
    """Return the events that began a wait which none has ended."""
    found = set[str]()
    for event, _ in events:
        for wait in WAITS:
            if event in wait.begins:
                found.add(event)
            elif event in wait.ends:
                found.difference_update(wait.begins)
    return found


CASES = [
    pytest.param(
        each, id=each.begins, marks=pytest.mark.prove if each.after > timedelta(hours=1) else []
    )
    for each in BLOCKAGES
]
"""Those that take hours are for `make prove`."""


@pytest.mark.parametrize("blockage", CASES)
async def test_a_blockage_is_said_once_and_ended_once_and_nothing_waits_in_silence(
    blockage: Blockage,
) -> None:
    world, silences = await lived(blockage)
    log = world.rig.log
    begun, ended = log.count(blockage.begins, blockage.ends)
    assert silences == []
    assert begun == blockage.said if blockage.said else begun >= 1
    assert ended == 1
    assert await world.rig.recordings("acknowledged") == ["new", "r00000", "r00001"]


def test_every_wait_is_tried_here_or_elsewhere() -> None:
    here = {each.begins for each in BLOCKAGES}
    assert here.isdisjoint(ELSEWHERE)
    assert here | ELSEWHERE.keys() == {event for wait in WAITS for event in wait.begins}


@pytest.mark.parametrize("event", ELSEWHERE)
def test_a_wait_that_is_tried_elsewhere_is(event: str) -> None:
    there = (TESTS / ELSEWHERE[event]).read_text("utf-8")
    (wait,) = (each for each in WAITS if event == each.begins[0])
    assert event in there
    assert any(each in there for each in wait.ends) or event == "repair.queued"
