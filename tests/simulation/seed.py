"""Run one seed: a month and more of storm, then ten days of calm, and look at what is left."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import anyio
from sqlalchemy import Engine

import virtual
from reelkeep.app.exception_groups import leaves
from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import prepare
from reelkeep.simulator.access import GotoTokens, ZoomTokens
from simulation.apis import Apis
from simulation.auditor import Auditor
from simulation.clocks import HostClock
from simulation.disk import SimDisk
from simulation.files import Files
from simulation.holdings import Books
from simulation.host import Host
from simulation.life import Machine, settings_for
from simulation.loop import Hops, SimLoop, deterministic
from simulation.network import Network
from simulation.planted import PLANTS
from simulation.small import in_small
from simulation.trace import Trace
from simulation.weather import Weather
from simulation.witness import Witness
from simulation.world import SMALL_DISK, make

STORM = timedelta(days=25)
CALM = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Result:
    """How one seed ended."""

    seed: int
    digest: str  #: Of the trace: equal for equal seeds.
    days: float  #: That passed in the simulation.
    seconds: float  #: Of CPU that it took.
    steps: int  #: Turns of the loop.
    counts: dict[str, int]  #: Lines of the trace by what they tell.
    deaths: int = 0
    error: str | None = None
    last: tuple[str, ...] = field(default=(), repr=False)  #: The last lines of the trace.


def simulate(
    seed: int, *, plant: str | None = None, echo: Callable[[str], None] | None = None
) -> Result:
    """Run `seed`, with the bug called `plant` in the daemon; whatever goes wrong is in the result.

    One simulation a process at a time: it changes what modules hold while it runs.
    """
    began = time.process_time()
    loop = SimLoop()
    root = Path(tempfile.mkdtemp(prefix="reelkeep-sim-", dir=_shm()))
    trace = Trace(lambda: virtual.START + timedelta(seconds=loop.time()), echo, str(root))
    hops = Hops(Random(f"{seed}/hops").random)
    story = _Story(seed, root, trace, hops)
    error: str | None = None
    try:
        with ExitStack() as stack:
            stack.enter_context(deterministic(hops))
            stack.enter_context(in_small())
            if plant is not None:
                stack.enter_context(PLANTS[plant]())
            loop.set_exception_handler(lambda _loop, context: story.complain(context))
            loop.run_until_complete(story.tell())
    except Exception as failure:  # noqa: BLE001 - it is what we look for
        error = _causes(failure)
    finally:
        _discard(loop)
        shutil.rmtree(root)
    return Result(
        seed=seed,
        digest=trace.digest,
        days=loop.time() / 86_400,
        seconds=time.process_time() - began,
        steps=loop.steps,
        counts=dict(trace.counts),
        deaths=story.deaths,
        error=error or story.complaint,
        last=tuple(trace.last),
    )


class _Story:
    """What happens in one seed."""

    def __init__(self, seed: int, root: Path, trace: Trace, hops: Hops) -> None:
        self._seed = seed
        self._root = root
        self._trace = trace
        self._hops = hops
        self._draw = Random(f"{seed}/story")
        self.deaths = 0
        self.complaint: str | None = None

    def complain(self, context: dict[str, Any]) -> None:
        """Hear of what no task could hear of."""
        self.complaint = self.complaint or str(context.get("message"))

    async def tell(self) -> None:
        calm_from = virtual.clock() + STORM
        deadly = self._draw.random() < 0.7
        machine, auditor, history = self._set_up(calm_from, deadly=deadly)
        async with anyio.create_task_group() as group:
            group.start_soon(auditor.forever)
            group.start_soon(self._pass_by, history)
            group.start_soon(self._fill_the_disk, machine)
            group.start_soon(self._replace_the_disk, machine)
            group.start_soon(self._host(machine, auditor.weather).suffer, calm_from)
            while virtual.clock() < calm_from:
                await self._one_life(machine, calm_from, deadly=deadly)
            machine.disk.room = 1 << 40
            await machine.live(CALM.total_seconds() / 2)
            await auditor.settle()
            await machine.live(CALM.total_seconds() / 2)
            await auditor.close()
            group.cancel_scope.cancel()
        self.deaths = machine.witness.deaths

    def _set_up(self, calm_from: datetime, *, deadly: bool) -> tuple[Machine, Auditor, list[Any]]:
        seed, trace = self._seed, self._trace
        nature = make(seed, virtual.clock, calm_from=calm_from, deaths=deadly)
        (archive := self._root / "archive").mkdir()
        clock = HostClock(virtual.clock)
        disk = SimDisk(archive, lambda: clock().timestamp())
        engine = _empty_catalog()
        books = Books(nature, engine, disk, archive)
        witness = Witness(virtual.clock, books)
        weather = Weather(Random(f"{seed}/weather"), virtual.clock(), calm_from)
        draw = Random(f"{seed}/network")
        apis = Apis(
            nature.scene, GotoTokens(nature.scene), ZoomTokens(nature.scene), draw, witness.told
        )
        files = Files(
            nature.scene,
            draw,
            etags=draw.choice([0.0, 0.7, 1.0]),
            dates=draw.random() < 0.7,
            digests=draw.random() < 0.4,
        )
        settings = settings_for(nature, self._root, self._draw)
        machine = Machine(
            settings=settings,
            engine=engine,
            hop=_hop,
            hops=self._hops,
            disk=disk,
            network=Network(
                apis, files, weather, witness, trace, draw, readers=Random(f"{seed}/readers")
            ),
            witness=witness,
            trace=trace,
            clock=clock,
            rng=Random(f"{seed}/dice").random,
            operator=Random(f"{seed}/operator").random,
        )
        trace("seed", number=seed, types=nature.types, spells=len(weather.spells))
        return machine, Auditor(machine, books, weather), nature.history

    async def _one_life(self, machine: Machine, calm_from: datetime, *, deadly: bool) -> None:
        draw = self._draw
        left = (calm_from - virtual.clock()).total_seconds()
        seconds = min(left, draw.choice([600.0, 86_400.0, 5 * 86_400.0]) * draw.random())
        ends = draw.choice(["stop", "kill", "power"]) if deadly else "stop"
        if draw.random() < 0.15:
            await machine.live(seconds, once=True)
            await anyio.sleep(draw.random() * 43_200)
            return
        ticks = None if ends == "stop" else draw.randint(0, 400)
        died = await machine.live(seconds, ticks=ticks)
        if died and ends == "power":
            machine.disk.power_cut(self._root / "archive", draw)
            self._trace("power.cut")
        await anyio.sleep(draw.choice([1.0, 3600.0, 86_400.0]) * draw.random())

    async def _pass_by(self, history: list[Any]) -> None:
        for at, what, how in history:
            await anyio.sleep(max(0.0, (at - virtual.clock()).total_seconds()))
            self._trace("history", what=what)
            how()

    def _host(self, machine: Machine, weather: Weather) -> Host:
        known = "SELECT count(*) FROM milestone WHERE name LIKE 'archive:%'"
        return Host(
            machine.disk,
            machine.clock,
            machine.witness,
            self._trace,
            Random(f"{self._seed}/host"),
            lambda: machine.witness.books.count(known) > 0,
            weather,
            Random(f"{self._seed}/late").random() < 0.1,
            machine.worry.notify,
        )

    async def _replace_the_disk(self, machine: Machine) -> None:
        """Let the disk be too small for one file, and then larger."""
        grows = machine.witness.books.nature.disk_grows
        if grows is None:
            return
        machine.disk.largest = SMALL_DISK
        self._trace("disk.small", bytes=SMALL_DISK)
        await anyio.sleep(max(0.0, (grows - virtual.clock()).total_seconds()))
        machine.disk.largest = 1 << 40
        self._trace("disk.replaced")

    async def _fill_the_disk(self, machine: Machine) -> None:
        """Let others fill the disk for a while."""
        draw = Random(f"{self._seed}/room")
        if draw.random() < 0.6:
            return
        await anyio.sleep(draw.random() * STORM.total_seconds() * 0.8)
        machine.witness.tight = True
        machine.disk.room = draw.randint(0, 200_000)
        self._trace("disk.filled", room=machine.disk.room)
        await anyio.sleep(draw.random() * 2 * 86_400)
        machine.disk.room = 1 << 40
        machine.witness.tight = False
        machine.witness.excuse_all()
        self._trace("disk.emptied")


async def _hop(work: Callable[[], Any], /) -> Any:
    return await anyio.to_thread.run_sync(work)


@lru_cache(maxsize=1)
def _engine() -> tuple[Engine, bytes]:
    """Return the one engine of this process, which keeps its statements, and an empty catalog."""
    engine = open_engine("sqlite://")
    prepare(engine)
    return engine, _connection(engine).serialize()


def _empty_catalog() -> Engine:
    engine, empty = _engine()
    _connection(engine).deserialize(empty)
    return engine


def _connection(engine: Engine) -> Any:
    return engine.raw_connection().driver_connection


def _shm() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _discard(loop: SimLoop) -> None:
    """Close the loop, and what was left on it."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.close()


def _causes(error: BaseException) -> str:
    return "; ".join(f"{type(each).__name__}: {each}" for each in leaves(error))
