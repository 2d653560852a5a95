"""One process: from its start to a stop, or to a death in the middle of something."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import anyio
from sqlalchemy import Engine

from reelkeep.app.house import House, furnish, recover
from reelkeep.app.one_pass import Pass
from reelkeep.app.pipeline import Pipeline
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.database import Database, Hop
from reelkeep.core.layout import parse_layout
from reelkeep.options import Surroundings
from reelkeep.settings import Settings
from reelkeep.simulator.configuration import configuration, environment
from simulation.disk import SimDisk
from simulation.fate import Fate
from simulation.loop import Hops
from simulation.network import Network
from simulation.small import SMALL, installed
from simulation.trace import Log, Trace
from simulation.witness import Witness
from simulation.world import Nature


@dataclass
class Machine:
    """What is there before a process begins, and stays when it ends."""

    settings: Settings
    engine: Engine
    hop: Hop
    hops: Hops
    disk: SimDisk
    network: Network
    witness: Witness
    trace: Trace
    clock: Callable[[], datetime]
    dice: Callable[[], float]
    house: House | None = None  #: That of the process that runs.

    def report(self, event: str, /, **keys: object) -> None:
        """Take note of what an operator's command reports."""
        self.trace(event, **keys)

    async def live(self, seconds: float, *, once: bool = False, ticks: int | None = None) -> bool:
        """Run a process for so long; `once`: one pass. Return whether it died.

        After `seconds` it is stopped politely. With `ticks` it is killed instead, so many effects
        later.
        """
        fate = Fate()
        self.hops.fate = self.disk.fate = self.network.fate = fate
        self.witness.started()
        self.trace("life.began", once=once)
        try:
            async with anyio.create_task_group() as group:
                fate.die = group.cancel_scope.cancel
                if ticks is not None:
                    group.start_soon(_doom, fate, seconds, ticks)
                await self._inhabit(fate, seconds if ticks is None else float("inf"), once=once)
                group.cancel_scope.cancel()
        except BaseException as error:
            if not fate.dead or isinstance(error, GeneratorExit | KeyboardInterrupt):
                raise
        self.house = None
        if fate.dead:
            self.disk.bury()
            self.witness.died()
        self.hops.fate = Fate()
        self.trace("life.ended", died=fate.dead)
        return fate.dead

    async def _inhabit(self, fate: Fate, seconds: float, *, once: bool) -> None:
        log = Log(self.trace, fate, self.witness.reported)
        archive = self._archive()
        async with AsyncExitStack() as stack:
            await archive.prepare()
            await stack.enter_async_context(archive.hold())
            self.house = house = furnish(
                self.settings,
                log,
                archive=archive,
                database=Database(self.engine, self.hop),
                transport=self.network,
                clock=self.clock,
                dice=self.dice,
            )
            await recover(house, is_new=False)
            if once:
                await Pass(house, list(house.providers), limit=None).run(anyio.Event())
            else:
                await _serve(house, seconds)

    def _archive(self) -> LocalArchive:
        options = self.settings.archive
        return LocalArchive(
            options.path,
            layout=parse_layout(options.layout),
            timezone=UTC,
            file_mode=options.file_mode,
            directory_mode=options.directory_mode,
            min_free=options.min_free,
            clock=self.clock,
            disk=self.disk,
            small=SMALL,
        )


async def _serve(house: House, seconds: float) -> None:
    pipeline = Pipeline(house, list(house.providers))

    async def steer() -> None:
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for name, poller in pipeline.pollers.items():
                    group.start_soon(poller.forever, name=f"poll {name}")

    await pipeline.run(steer)


async def _doom(fate: Fate, seconds: float, ticks: int) -> None:
    await anyio.sleep(seconds)
    fate.left = ticks


def settings_for(nature: Nature, root: Path, draw: Random) -> Settings:
    """Return a configuration for the providers of `nature`, the rest of it drawn."""
    given = configuration(nature.scene)
    chosen: list[dict[str, Any]] = []
    for each in given["providers"]:
        if each["type"] in nature.types:
            each |= {"interval": f"{draw.choice([12, 12, 24])}h"}
            if each["type"] != "gotoassist":
                each |= {"deep_scan": "3d", "lookback": "2d", "settle": "72h"}
            if each["type"] == "zoom" and draw.random() < 0.7:
                each |= {"users": [user.id for user in nature.scene.world.users]}
            chosen.append(each)
    workers = draw.choice([1, 2, 4, 8])
    document = {
        "archive": {"path": str(root / "archive"), "min_free": 0},
        "catalog": {"url": f"sqlite:///{root}/catalog.db"},
        "downloads": {
            "workers": workers,
            "per_host": 8,
            "queue_size": draw.choice([1, 3, 50]),
            "segments": draw.choice(["off", "auto", "auto"]),
            "retry": {
                "base": "1s",
                "max": draw.choice(["5m", "1h"]),
                "attempts": draw.choice([4, 8]),
            },
        },
        "shutdown_grace": draw.choice(["0s", "4s", "20s"]),
        "providers": chosen,
    }
    around = Surroundings(environ=environment(nature.scene), kinds=installed())
    return Settings.model_validate(document, context=around)
