"""Ask one provider what there is, and make it known to the catalog."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import anyio

from reelkeep.core.audit import AT_RISK
from reelkeep.core.filters import fingerprint
from reelkeep.core.model import ProviderName
from reelkeep.core.poll_window import PartlyRead, Reading, next_poll, next_reading
from reelkeep.errors import AuthFailed, ProviderError
from reelkeep.ports import Clock, Intake, Provider, Report, Rng, Scan
from reelkeep.stages.discovery import RepeatTimer, WindowReader
from reelkeep.stages.provider_health import ProviderHealth, pause_after
from reelkeep.stages.signals import Notifiable, Signal

NOTE = 10.0
"""Seconds between two notes that say nothing but that it was polled again, at least."""


class PollCursor:
    """Where the polls of one provider stand. Nobody else moves it, unless the clock was set.

    The catalog is read once. What a poll changes is written at once; that nothing but time went by
    is written now and then: after a crash, a little more is listed again.
    """

    def __init__(self, name: ProviderName, intake: Intake) -> None:
        self._name = name
        self._intake = intake
        self._scan: Scan | None = None
        self._noted = Scan()
        self._notes = RepeatTimer(NOTE)

    async def read(self) -> Scan:
        """Return what was read of the provider so far.

        Raises:
            CatalogError: The catalog failed us.
        """
        if self._scan is None:
            self._scan = self._noted = await self._intake.scan(self._name)
        return self._scan

    def forget(self) -> None:
        """Read the catalog again the next time: somebody else has changed it."""
        self._scan = None

    async def move(self, scan: Scan) -> None:
        """Replace what was read of the provider.

        Raises:
            CatalogError: The catalog failed us; nothing was replaced.
        """
        if self._notes.due or not _later(self._noted, scan):
            await self._intake.scanned(self._name, scan)
            self._noted = scan
            self._notes.done()
        self._scan = scan


def _later(noted: Scan, scan: Scan) -> bool:
    """Return whether `scan` says no more than `noted`, but at other times."""
    return scan == replace(
        noted, polled_at=scan.polled_at, deep_at=scan.deep_at, covered_until=scan.covered_until
    )


LATER = 0.1
"""A broken provider is asked again up to this part of an interval late, and never early."""

WATCH = 60.0
"""Seconds between two looks at what is deleted soon, at least."""


class Poller:
    """Polls one provider; `work` is notified when there may be something to fetch."""

    def __init__(
        self, provider: Provider, intake: Intake, *, clock: Clock, rng: Rng, report: Report,
        work: Notifiable, health: ProviderHealth | None = None,
    ) -> None:  # fmt: skip
        """`health` is that of the provider, if others are to know of it."""
        self._provider = provider
        self._intake = intake
        self._clock = clock
        self._rng = rng
        self._report = report
        self._work = work
        self._rules = fingerprint(provider.traits.filter)
        self.cursor = PollCursor(provider.name, intake)
        self._watches = RepeatTimer(WATCH)
        self.reader = WindowReader(provider, intake, work=work)
        interval = provider.traits.interval
        self.health = health or ProviderHealth(provider.name, interval, clock, report)
        self.error: ProviderError | None = None  #: What the last poll failed with.
        self.wake = Signal()  #: Notify it to poll at once.

    async def forever(self) -> None:
        """Poll on the jittered interval until cancelled; failures only make it wait longer."""
        while True:
            delay = await self.once()
            await self.wake.wait(delay.total_seconds())

    async def once(self) -> timedelta:
        """Poll once, and return how long to wait before the next poll.

        Whatever the provider does wrong is noted, not raised.

        Raises:
            CatalogError: The catalog failed us.
        """
        began, started = anyio.current_time(), self._clock()
        self.error = None
        interval = self._provider.traits.interval
        try:
            await self._read(began, started)
        except ProviderError as error:
            self.error = error
            delay = pause_after(error, interval, self._clock())
            delay += min(delay, interval) * LATER * self._rng()
            await self._broken(error, delay)
            await self._watch()
            return delay
        await self._watch()
        now = started + timedelta(seconds=anyio.current_time() - began)
        return next_poll(started, now, interval, self._rng()) - now

    async def _read(self, began: float, started: datetime) -> None:
        name, traits = self._provider.name, self._provider.traits
        scan = await self.cursor.read()
        self.health.resume(scan.broken_since, scan.reason, partly=scan.partly)
        if scan.filter != self._rules and await self._intake.refilter(name, traits):
            self._work.notify()
        reading = self._reading(scan, started)
        after = _after(scan, reading, started, traits.scope, self._rules)
        try:
            tally = await self.reader.poll(reading)
        except PartlyRead as error:
            if error.unread is not None:
                # all others go on from here; what is unread is noted
                kept = replace(after, polled_at=scan.polled_at, broken_since=scan.broken_since)
                await self.cursor.move(replace(kept, reason=scan.reason, partly=scan.partly))
            if self.health.served():
                self._work.notify()
            raise
        await self.cursor.move(after)
        paused = self.health.paused
        self.health.recovered()
        if paused:
            self._work.notify()  # what came due meanwhile was left alone
        self._report(
            "poll.completed",
            provider=name,
            listed=tally.listed,
            new=tally.new,
            changed=tally.changed,
            seconds=round(anyio.current_time() - began, 3),
            deep=reading.deep,
        )

    def _reading(self, scan: Scan, now: datetime) -> Reading:
        traits = self._provider.traits
        return next_reading(
            now=now,
            epoch=traits.epoch,
            lookback=traits.lookback,
            deep_scan=traits.deep_scan,
            covered_until=scan.covered_until,
            deep_at=scan.deep_at,
            scope_changed=scan.scope != traits.scope,
        )

    async def _watch(self) -> None:
        """Look after what is deleted soon, also while the provider cannot be polled."""
        if self._watches.due:
            self._watches.done()
            if await self._intake.watch(self._provider.name, AT_RISK):
                self._work.notify()

    async def _broken(self, error: ProviderError, delay: timedelta) -> None:
        """Note that a poll failed. Only refused credentials keep what is known from being fetched.

        A call that is not understood may be about one recording alone, such as a transcoding that
        is refused; if it concerns downloads too, the next of them will tell.
        """
        retry_at = self._clock() + delay
        self.health.failed(error, retry_at=retry_at, pauses=isinstance(error, AuthFailed))
        scan = await self.cursor.read()
        health = self.health
        broken = replace(
            scan, broken_since=health.broken_since, reason=health.reason, partly=health.partly
        )
        await self.cursor.move(broken)


def _after(scan: Scan, reading: Reading, started: datetime, scope: str, rules: str) -> Scan:
    return Scan(
        polled_at=started,
        deep_at=started if reading.deep else scan.deep_at,
        covered_until=started,
        scope=scope,
        filter=rules,
    )
