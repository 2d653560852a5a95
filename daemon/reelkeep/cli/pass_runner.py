"""Make one pass, watched on a terminal, and say how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio

from reelkeep.app.house import Resources, open_house
from reelkeep.app.one_pass import Pass
from reelkeep.app.status import snapshot
from reelkeep.catalog.remaining_work import look
from reelkeep.cli.camera import Camera
from reelkeep.cli.humanize import duration, number, size
from reelkeep.cli.leftovers import NAMED, Circumstances, known_before, leftovers
from reelkeep.cli.screen import Screen
from reelkeep.cli.signals import obey
from reelkeep.cli.troubles import Troubles, troubles
from reelkeep.core.model import ProviderName
from reelkeep.settings import Settings
from reelkeep.telemetry.logs import Log

Line = Mapping[str, Any]

_SOME_DAY = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """How one pass went."""

    seconds: float
    received: int  #: Bytes of bodies.
    left: list[str]  #: What is not done, in sentences.
    stopped: bool
    cut_short: bool
    providers: list[dict[str, Any]]  #: As `app.status` gives them.
    failures: list[dict[str, Any]] = field(default_factory=list)  #: The first files that failed.
    failed: int = 0  #: How many files need a person.
    known: list[str] = field(default_factory=list)  #: What is not counted as left, in sentences.

    @property
    def ok(self) -> bool:
        """Whether nothing is left over."""
        return not self.left

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        said = asdict(self)
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "received_bytes": said.pop("received"),
            **{
                key: said[key]
                for key in ("left", "known", "failures", "stopped", "cut_short", "providers")
            },
        }

    def sentence(self) -> str:
        """Return it in a sentence."""
        came = f"{size(self.received)} came in {duration(self.seconds)}"
        if self.left:
            return f"Not done: {'; '.join(self.left)}. {came}."
        files = sum(line["stored"] for line in self.providers)
        recordings = sum(line["listed"] for line in self.providers)
        return f"Done: {number(recordings, 'recording')} with {number(files, 'file')}; {came}."


async def make_pass(
    settings: Settings,
    names: Sequence[ProviderName],
    log: Log,
    screen: Screen,
    *,
    limit: timedelta | None,
    polls: bool = True,
    new_failures_only: bool = False,
) -> Passed:
    """Make one pass over the providers `names`, until it is over or a signal comes.

    Without `polls`, only what an operator wants to be read again is read. With
    `new_failures_only`, what had failed before the pass is told, and not counted as left.
    """
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        await group.start(obey, stop)
        async with open_house(settings, log, learn=log.learn, clean=log.clean) as house:
            before = await troubles(house.desk, names) if new_failures_only else Troubles()
            pass_ = Pass(house, names, limit=limit, polls=polls)
            passed = await _pass(house, pass_, names, screen, stop=stop, before=before)
        group.cancel_scope.cancel()
    return passed


async def _pass(
    house: Resources,
    pass_: Pass,
    names: Sequence[ProviderName],
    screen: Screen,
    *,
    stop: anyio.Event,
    before: Troubles,
) -> Passed:
    began = anyio.current_time()
    camera = Camera(house.desk, house.flights, names)
    async with screen.showing(camera.draw):
        await pass_.run(stop)
    status = await snapshot(house)
    lines = [line for line in status["providers"] if line["name"] in names]
    now = await troubles(house.desk, names)
    new = now.since(before)
    how = await _circumstances(house, pass_, names, stop)
    return Passed(
        seconds=anyio.current_time() - began,
        received=house.flights.received,
        left=leftovers(lines, replace(how, needing=new)),
        failures=new.named(),
        failed=len(new.files),
        known=known_before(now, new),
        stopped=stop.is_set(),
        cut_short=pass_.cut_short,
        providers=lines,
    )


async def _circumstances(
    house: Resources, pass_: Pass, names: Sequence[ProviderName], stop: anyio.Event
) -> Circumstances:
    acknowledgers = pass_.pipeline.acknowledgers
    telling = [name for name in names if acknowledgers[name].acknowledges]

    def some_day() -> datetime:
        """Return a time at which whatever was put off is due."""
        return house.clock() + _SOME_DAY

    outlook = await look(house.database, some_day, names=names, telling=telling)
    health = {name: pass_.pipeline.pollers[name].health for name in names}
    unread = {name: pass_.pipeline.backfillers[name].error for name in names}
    broken: dict[str, str] = {name: error for name, error in unread.items() if error is not None}
    for name, each in health.items():
        if each.broken_since is not None:
            broken[name] = each.reason or "it does not say why"
    named = partial(house.desk.listing, names=names, limit=NAMED + 1)
    return Circumstances(
        broken=broken,
        clock=house.clock_check.problem,
        missing=house.missing_content,
        cut_short=pass_.cut_short,
        stopped=stop.is_set(),
        unpublished=len(outlook.unpublished),
        untold=outlook.untold,
        waiting=[each.id for each in await named(states=["waiting"])],
        pending=[each.id for each in await named(states=["due"])],
    )
