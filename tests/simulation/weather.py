"""What goes wrong, when: spells of bad weather at each host, and mishaps of single requests.

All of it is drawn from the seed, before or while it happens, and all of it ends when the calm
comes: from then on everybody behaves, and all that was left over has to be made good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

HOSTS = ("goto", "zoom", "downloads")

API_SPELLS = ("down", "error", "page", "hang", "token", "throttled")
FILE_SPELLS = ("down", "error", "hang", "login", "throttled", "cut", "slow")
FILE_MISHAPS = (
    "down", "error", "login", "hang", "throttled", "cut", "cut", "cut", "cut", "cut", "stall",
    "stall", "slow", "silent", "changed", "corrupt", "grown", "packed", "expired",
)  # fmt: skip
RANGE_MISHAPS = (
    "error", "throttled", "cut", "cut", "slow", "whole", "whole", "whole", "shifted", "shifted",
    "shifted", "short", "refused", "changed", "changed", "changed", "corrupt", "grown", "packed",
)  # fmt: skip
RANGE_SHARE = 0.5
"""Ranges are asked for rarely, after something went wrong: what is wrong there only, is often."""

API_MISHAPS = ("down", "error", "page", "hang", "token", "throttled", "lost", "lost", "nonsense")


@dataclass(frozen=True, slots=True)
class Spell:
    """From `start` to `end`, `host` does `what`."""

    host: str
    start: datetime
    end: datetime
    what: str


@dataclass
class Weather:
    """The weather of one simulation."""

    random: Random
    began: datetime
    calm_from: datetime
    share: dict[str, float] = field(default_factory=dict)  #: Of requests that meet a mishap.
    spells: list[Spell] = field(default_factory=list)

    def __post_init__(self) -> None:
        draw = self.random
        for host in HOSTS:
            shares = [0.05, 0.15, 0.3, 0.5] if host == "downloads" else [0.0, 0.01, 0.05, 0.08]
            self.share[host] = draw.choice(shares)
            for _ in range(draw.choice([0, 1, 1, 2, 4])):
                self.spells.append(self._spell(host))

    def at(self, host: str, now: datetime, *, ranged: bool) -> str | None:
        """Return what goes wrong with a request to `host`, `ranged` or not, if anything does."""
        for spell in self.spells:
            if spell.host == host and spell.start <= now < spell.end:
                return spell.what
        share = RANGE_SHARE if ranged and host == "downloads" else self.share[host]
        if now >= self.calm_from or self.random.random() >= share:
            return None
        if host != "downloads":
            return self.random.choice(API_MISHAPS)
        return self.random.choice(RANGE_MISHAPS if ranged else FILE_MISHAPS)

    def over(self, host: str, now: datetime) -> datetime:
        """Return when the spell at `host` ends that is on."""
        ends = [s.end for s in self.spells if s.host == host and s.start <= now < s.end]
        return max(ends, default=now)

    def fair_since(self, hosts: tuple[str, ...], now: datetime) -> datetime | None:
        """Return since when there has been no spell at `hosts`; None if there is one."""
        mine = [spell for spell in self.spells if spell.host in hosts and spell.start <= now]
        last = max((spell.end for spell in mine), default=self.began)
        return last if last <= now else None

    def _spell(self, host: str) -> Spell:
        draw = self.random
        span = (self.calm_from - self.began).total_seconds()
        start = self.began + timedelta(seconds=draw.uniform(0, span))
        length = timedelta(minutes=10 ** draw.uniform(0.0, 3.8))  # from a minute to four days
        what = draw.choice(FILE_SPELLS if host == "downloads" else API_SPELLS)
        return Spell(host, start, min(start + length, self.calm_from), what)
