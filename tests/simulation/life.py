"""One process: from its start to a stop, or to a death in the middle of something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any

import anyio
from sqlalchemy import Engine

from reelkeep.app.absence import Absence
from reelkeep.app.archive_access import hold_archive
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.one_pass import Pass
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import Resources, furnish, recover, tell_file_systems
from reelkeep.app.verification import Rereader, VerificationRun, make_scrubber
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.database import Database, Hop
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.schema import archive_identity
from reelkeep.cli.finding import every
from reelkeep.config_types.values import Surroundings
from reelkeep.core.layout import parse_layout
from reelkeep.errors import ConfigError, TransferError
from reelkeep.settings.model import Settings
from reelkeep.simulator.server import configuration, environment
from reelkeep.stages.integrity_check import Inspector
from reelkeep.stages.signals import Signal
from reelkeep.telemetry.notify import Notifier
from simulation.clocks import HostClock
from simulation.disk import SimDisk
from simulation.fate import Fate
from simulation.loop import Hops
from simulation.network import Network
from simulation.small import SMALL, installed
from simulation.trace import Log, Trace
from simulation.witness import Witness
from simulation.world import Nature

MOST_UNVERIFIED = 3 * 86_400.0
"""Seconds at most between two readings of the whole archive."""

SEARCH = 1200.0
"""Seconds between two looks for an archive that is not there."""


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
    clock: HostClock
    rng: Callable[[], float]
    operator: Callable[[], float]  #: Decides when an operator verifies the archive.
    worry: Signal = field(default_factory=Signal)  #: Notify it to have the archive verified.
    resources: Resources | None = None  #: That of the process that runs.

    def report(self, event: str, /, **keys: object) -> None:
        """Take note of what an operator's command reports."""
        self.trace(event, **keys)

    async def live(self, seconds: float, *, once: bool = False, ticks: int | None = None) -> bool:
        """Run a process for so long; `once`: one pass. Return whether it died.

        After `seconds` it is stopped politely. With `ticks` it is killed instead, so many effects
        later.
        """
        fate = Fate()
        self.hops.fate = self.disk.fate = fate
        self.network.enter(fate)
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
        self.resources = None
        if fate.dead:
            self.disk.bury()
            self.witness.died()
        self.hops.fate = Fate()
        self.trace("life.ended", died=fate.dead)
        return fate.dead

    async def _inhabit(self, fate: Fate, seconds: float, *, once: bool) -> None:
        log = Log(self.trace, fate, self.witness.reported)
        stop_at = anyio.current_time() + seconds
        async with AsyncExitStack() as stack:
            try:
                with anyio.move_on_at(stop_at):
                    self.resources = await self._enter(stack, log, once=once)
            except (TransferError, ConfigError) as error:
                if not self.witness.is_troubled:
                    raise
                self.trace(
                    "life.refused", reason=type(error).__name__
                )  # its text names a scratch folder
                return
            if self.resources is None:
                return
            if once:
                names = list(self.resources.providers)
                await Pass(self.resources, names, limit=None).run(anyio.Event())
            else:
                await self._serve(self.resources, log, stop_at - anyio.current_time())

    async def _enter(self, stack: AsyncExitStack, log: Log, *, once: bool) -> Resources:
        """Open the house; `run` waits for an archive that is not there, one pass does not."""
        if once:
            return await stack.enter_async_context(self._open(log))
        return await Absence(log, _NOBODY).outlast(
            stack, lambda: self._open(log), serving=_say_nothing, wait=_look_rarely
        )

    async def _serve(self, resources: Resources, log: Log, seconds: float) -> None:
        pipeline = Pipeline(resources, list(resources.providers))

        async def steer() -> None:
            with anyio.move_on_after(seconds):
                async with anyio.create_task_group() as group:
                    for name, poller in pipeline.pollers.items():
                        group.start_soon(poller.forever, name=f"poll {name}")
                    if (scrubber := make_scrubber(resources)) is not None:
                        group.start_soon(scrubber.forever, name="scrub")
                    group.start_soon(self._verify_now_and_then, resources, log, name="verify")

        await pipeline.run(steer)

    async def _verify_now_and_then(self, resources: Resources, log: Log) -> None:
        """Do as an operator who types `verify` beside the daemon, also if something is wrong."""
        while True:
            await self.worry.wait(self.operator() * MOST_UNVERIFIED)
            try:
                with unwrapped():
                    found = await self._verify(resources, log)
            except TransferError as error:
                self.trace("verify.failed", reason=type(error).__name__)
                continue
            marks = found.marks()
            self.trace("verify.ended", files=found.files, **{m.value: n for m, n in marks.items()})
            self.witness.verified(found.listed())

    async def _verify(self, resources: Resources, log: Log) -> VerificationRun:
        archive, found = self._archive(), VerificationRun()
        archive.identity.expect(await archive_identity(self._database()))
        inspector = Inspector(archive.verify, resources.checks, report=log)
        reader = Rereader(archive, inspector, resources.checks, found=found, clock=self.clock)
        await reader.everything(every(self._operator()))
        return found

    def _operator(self) -> OperatorCatalog:
        return OperatorCatalog(self._database(), self.clock)

    def _database(self) -> Database:
        return Database(self.engine, self.hop)

    @asynccontextmanager
    async def _open(self, log: Log) -> AsyncIterator[Resources]:
        archive, database = self._archive(), self._database()
        identities = (f"{number:032x}" for number in range(self.witness.lives, 1 << 30))
        async with hold_archive(archive, database, self.clock, identities=identities.__next__):
            await tell_file_systems(archive, log)
            resources = furnish(
                self.settings,
                log,
                archive=archive,
                database=database,
                transport=self.network,
                clock=self.clock,
                rng=self.rng,
            )
            await recover(resources, is_new=False)
            yield resources

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


_NOBODY = Notifier({}, pid=0)
"""There is no systemd here."""


async def _say_nothing(_stack: AsyncExitStack) -> None:
    """Have no pages."""


async def _look_rarely(_seconds: float) -> None:
    """Wait until the archive is looked for again: rarely, as days go by in seconds here."""
    await anyio.sleep(SEARCH)


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
        "archive": {
            "path": str(root / "archive"),
            "min_free": 0,
            "scrub": Random(f"{nature.scene.world.seed}/scrub").choice([None, "1d", "7d"]),
        },
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
