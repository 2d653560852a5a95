"""Know how each provider fares; say it once when one breaks, and once when it is back.

What polls, what dispatches, what downloads and what trashes are given the same object.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reelkeep.core.instants import age
from reelkeep.core.model import ProviderName
from reelkeep.core.poll_window import PartlyRead
from reelkeep.core.text import storable
from reelkeep.errors import AuthFailed, ProviderError, RateLimited, Remedy
from reelkeep.ports import Clean, Clock, Report

SLOW_PACE = timedelta(minutes=15)
"""How often a provider is asked that refuses our credentials, at most."""

LONGEST_PAUSE = timedelta(days=1)
"""The longest pause that a provider is given: daily limits end with the day."""


@dataclass(slots=True)
class ProviderHealth:
    """How one provider fares."""

    name: ProviderName
    interval: timedelta  #: Between two polls.
    clock: Clock
    report: Report
    clean: Clean = str
    broken_since: datetime | None = None
    reason: str | None = None
    paused: bool = False  #: Nothing is fetched of it, and it is polled now and then.
    refused: bool = False  #: It does not accept our credentials.
    partly: bool = False  #: Single listings failed the last time; all others were served.
    doubted: bool = False  #: An earlier process may have reported that they are refused.
    said: bool = False  #: This process has reported that it is broken.

    def resume(
        self, broken_since: datetime | None, reason: str | None, *, partly: bool = False
    ) -> None:
        """Take over what an earlier process knew, unless this one knows better."""
        if self.broken_since is None:
            self.broken_since, self.reason, self.partly = broken_since, reason, partly
            self.doubted = broken_since is not None

    def met(self, error: ProviderError) -> None:
        """Note an error that stopped a download: some pause the whole provider."""
        if error.remedy is Remedy.PAUSE and not self.paused:
            self.failed(error, retry_at=self.clock() + self.interval, pauses=True)

    def failed(self, error: ProviderError, *, retry_at: datetime, pauses: bool) -> None:
        """Note a failure, and report it if it is the first that this process sees.

        It `pauses` the provider if nothing can be fetched before that is mended.
        """
        self.reason = storable(self.clean(str(error)))
        partly = isinstance(error, PartlyRead)
        if self.broken_since is None or (self.partly and not partly):
            self.broken_since = self.clock()  # that single listings failed before is another matter
        self.partly = partly
        self.paused = self.paused or pauses
        if not self.said:
            self.said = True
            self.report(
                "poll.failed",
                provider=self.name,
                code=error.code,
                reason=self.reason,
                retry_at=retry_at,
            )
        if isinstance(error, AuthFailed) and not self.refused:
            self.refused = True
            self.report("provider.auth_failed", provider=self.name, reason=self.reason)

    def served(self) -> bool:
        """Note that the credentials are accepted; return whether that was unknown or not so."""
        if self.refused or self.doubted:
            self.report("provider.auth_recovered", provider=self.name)
        paused, self.paused, self.refused, self.doubted = self.paused, False, False, False
        return paused

    @property
    def troubled(self) -> bool:
        """Whether nothing is served of the account, as far as is known."""
        return self.broken_since is not None and not self.partly

    def recovered(self) -> None:
        """Note a complete poll, and report it if the provider was broken."""
        if self.broken_since is not None:
            seconds = round(age(self.broken_since, self.clock()).total_seconds(), 3)
            self.report("poll.recovered", provider=self.name, seconds=seconds)
        if self.refused or self.doubted:
            self.report("provider.auth_recovered", provider=self.name)
        self.doubted = False
        self.broken_since, self.reason = None, None
        self.paused, self.refused, self.said, self.partly = False, False, False, False


def pause_after(error: ProviderError, interval: timedelta, now: datetime) -> timedelta:
    """Return how long to leave a provider alone after `error`, at the least."""
    if isinstance(error, RateLimited) and error.until is not None:
        return min(max(error.until - now, timedelta(seconds=1)), LONGEST_PAUSE)
    if error.remedy is Remedy.PAUSE:
        return max(interval, SLOW_PACE)
    return interval
