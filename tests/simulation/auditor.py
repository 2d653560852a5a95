"""Looks in, several times a day, at what must hold at any time; and at the end, at what is left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio

from reelkeep.catalog.database import Database
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.core.lifecycle import RETRIABLE
from reelkeep.stages.dispatch import GULP
from simulation.holdings import Books
from simulation.life import Machine
from simulation.weather import Weather
from simulation.witness import Violation

EVERY = timedelta(hours=6)
TASKS = 120
"""Tasks that a process may have at most, whatever there is to do."""

SPOKEN_WITHIN = timedelta(hours=8)
"""How long after it began or ended a wait is spoken of at the latest: the disk is looked at every
three hours here."""

_HOSTS = {"support": ("goto", "downloads"), "meetings": ("zoom", "downloads"),
          "sdk": ("zoom", "downloads")}  # fmt: skip


@dataclass
class Auditor:
    """Holds the daemon to its promises."""

    machine: Machine
    books: Books
    weather: Weather
    _since: tuple[object, datetime] | None = field(default=None)
    _claimed: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Since when each file has been under way, or due at once, in this process, on a good disk."""

    async def forever(self) -> None:
        while True:
            await anyio.sleep(EVERY.total_seconds())
            self._look()

    async def settle(self) -> None:
        """Do as an operator in the calm: try once more what failed."""
        self._nothing_false()
        rows = "SELECT count(*) FROM attempt"
        attempts, flaws = self.books.count(rows), self.machine.witness.flaws
        allowed = flaws + self.machine.witness.deaths
        if attempts > allowed:
            raise Violation(f"{attempts} attempts failed, but only {allowed} had a reason to")
        database = Database(self.machine.engine, self.machine.hop)
        clock, report = self.machine.clock, self.machine.report
        failed = await OperatorCatalog(database, clock).listing(
            states=[state.value for state in RETRIABLE]
        )
        files = [file.row for holding in failed for file in holding.files]
        await OperatorDecisions(database, clock, report).retry(files)

    async def close(self) -> None:
        """See that nothing is left over, once all was well for days."""
        self._look()
        self._nothing_false()
        if still := list(self.machine.witness.waits.open):
            raise Violation(f"a wait that was never ended: {still[0]}")
        if lacking := self.books.lacking():
            raise Violation(f"not in the archive: {', '.join(lacking)}")
        if unsettled := self.books.unsettled():
            raise Violation(f"not settled: {', '.join(unsettled)}")
        if behind := self.books.count("SELECT count(*) FROM recording WHERE behind"):
            raise Violation(f"{behind} recordings are not published")
        if untold := self.books.untold():
            raise Violation(f"archived, and the provider was not told: {', '.join(untold)}")
        if leaks := self.machine.network.files.leaks:
            raise Violation(f"credentials came to the download host: {leaks[0]}")

    def _nothing_false(self) -> None:
        if false := self.books.false_names():
            raise Violation(f"wrong bytes under a final name: {', '.join(false)}")

    def _look(self) -> None:
        if self.machine.witness.broken is not None:
            raise self.machine.witness.broken
        resources = self.machine.resources
        if resources is None:
            self._since = None
            return
        now = self.machine.clock.right()
        if self._since is None or self._since[0] is not resources:
            self._since = (resources, now)
            self._claimed.clear()
        options = resources.settings.downloads
        if len(resources.transfers.under_way) > options.workers:
            raise Violation(f"{len(resources.transfers.under_way)} files are being transferred")
        if len(asyncio.all_tasks()) > TASKS:
            raise Violation(f"there are {len(asyncio.all_tasks())} tasks")
        active = self.books.count(
            "SELECT count(DISTINCT recording) FROM file WHERE state = 'active'"
        )
        most = (options.queue_size + GULP) * len(resources.providers) + options.workers
        if active > most:
            raise Violation(f"{active} recordings are held in memory")
        self._no_wait_is_silent(now)
        self._nothing_waits(self._since[1], now)

    def _no_wait_is_silent(self, now: datetime) -> None:
        """See that it is said that nothing can be stored, and that it is over."""
        witness = self.machine.witness
        if self._since is None:
            return
        lived = self._since[1]
        said = witness.waits.of_place
        if witness.trouble is not None and witness.trouble_since is not None:
            since = max(lived, witness.trouble_since)
            if witness.is_of_place and not said and now - since > SPOKEN_WITHIN:
                raise Violation(f"{witness.trouble}: nothing can be stored, and nothing is said")
        elif not witness.tight and said:
            since = max(lived, witness.well_since or lived)
            if now - since > SPOKEN_WITHIN:
                raise Violation(f"it is said to be in the way, and is not: {said[0]}")

    def _nothing_waits(self, since: datetime, now: datetime) -> None:
        """See that what is due is had, if all has been well for long enough."""
        resources = self.machine.resources
        witness = self.machine.witness
        if resources is None or witness.tight or witness.trouble is not None:
            self._claimed.clear()
            return
        lag = self.machine.clock() - now
        since = max(since, witness.well_since or since)
        claimed = self.books.under_way() | self.books.due_at_once()
        self._claimed = {each: self._claimed.get(each, now) for each in claimed}
        for name, provider in resources.providers.items():
            fair = self.weather.fair_since(_HOSTS[name], now)
            patience = 2 * provider.traits.interval + timedelta(hours=2)
            if fair is None or now - max(fair, since) < patience:
                continue
            if overdue := self.books.overdue(now + lag - patience, [name]):
                raise Violation(f"waits for ever: {overdue[0]}")
            for (whose, what), began in self._claimed.items():
                if whose == name and now - max(fair, began) >= patience:
                    raise Violation(f"under way or due at once for ever: {what} of {whose}")
