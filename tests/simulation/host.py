"""What happens to the host while the daemon works on it, one trouble at a time.

The disk of the archive is not mounted, or another one is; the clock is set; somebody changes
rights; the file system is read-only, has no inode or no quota left, or its device fails. Each
begins at any time, lasts for minutes or days, and ends: while a process lives, or between two. Some
begin in the very moment in which a file of the archive is read again, and some of those are over
before the next one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import anyio

from simulation.clocks import HostClock
from simulation.disk import SimDisk
from simulation.mount import another_archive, nothing
from simulation.refusals import closed, dead, flaky, no_inodes, no_quota, read_only
from simulation.trace import Trace
from simulation.weather import Spell, Weather
from simulation.witness import Violation, Witness

KINDS = (
    "unmounted", "unmounted", "another", "ahead", "ahead", "behind", "closed", "closed", "closed",
    "inodes", "quota", "read-only", "dead", "flaky",
)  # fmt: skip
"""What happens, as often as it is named."""

OF_PLACE = frozenset({"unmounted", "another", "read-only", "dead", "closed.all"})
"""Troubles in which nothing can be stored, and of which a daemon that lives must speak."""

IN_READING = frozenset({"unmounted", "another", "closed", "dead", "flaky"})
"""Troubles that begin, every second time, while the archive is read again."""

PIECES = 8
"""Pieces that are read at most before one of those begins."""

OURS = (".reelkeep", ".reelkeep/parts", ".reelkeep/finished", ".reelkeep/staging")


@dataclass
class Host:
    """Brings troubles over a host until the calm comes."""

    disk: SimDisk
    clock: HostClock
    witness: Witness
    trace: Trace
    random: Random
    knows_archive: Callable[[], bool]  #: Whether catalog and archive know each other by now.
    weather: Weather
    is_late: bool  #: Nothing happens to it but that its clock is set, right after a failure.
    worry: Callable[[], None]  #: Lets an operator verify the archive, if a process lives.

    async def suffer(self, calm_from: datetime) -> None:
        """Let troubles come and go until then."""
        draw = self.random
        if self.is_late:
            await self._be_set_late(calm_from)
            return
        for _ in range(draw.choice([0, 2, 3, 5, 8])):
            await anyio.sleep(86_400 * 10 ** draw.uniform(-1.5, 0.5))
            left = (calm_from - self.clock.right()).total_seconds()
            seconds = min(left - 60, 60 * 10 ** draw.uniform(0.0, 3.5))  # a minute to two days
            if seconds <= 0:
                return
            kind = draw.choice(KINDS)
            if kind == "ahead" and draw.random() < 0.5:
                self._outlast(seconds, calm_from)
            await self._one(kind, seconds)

    async def _be_set_late(self, calm_from: datetime) -> None:
        """Let the clock be ahead, and right again the moment an attempt has failed."""
        for _ in range(8):
            await anyio.sleep(86_400 * 10 ** self.random.uniform(-1.5, 0.0))
            left = (calm_from - self.clock.right()).total_seconds()
            if left <= 60:
                return
            seconds, now, failed = min(left - 60, 2 * 86_400), self.clock.right(), anyio.Event()
            down = Spell("downloads", now, now + timedelta(seconds=seconds), "down")
            self.weather.spells.append(down)
            self.witness.at_retry = failed.set
            with anyio.move_on_after(seconds), self._told("ahead"):
                self.clock.off = timedelta(days=30 + 300 * self.random.random())
                await failed.wait()
            self.witness.at_retry = None
            self.weather.spells.remove(down)
            if failed.is_set():  # another time ahead would make up for this one
                return

    def _outlast(self, seconds: float, calm_from: datetime) -> None:
        """Let downloads fail when the clock is put right: what failed then is due far ahead."""
        draw, now = self.random, self.clock.right()
        start = now + timedelta(seconds=seconds * draw.random())
        end = now + timedelta(seconds=seconds, minutes=30 * draw.random())
        what = draw.choice(["down", "error", "hang"])
        self.weather.spells.append(Spell("downloads", start, min(end, calm_from), what))

    async def _one(self, kind: str, seconds: float) -> None:
        with ExitStack() as stack:
            if kind in IN_READING and self.random.random() < 0.5:
                began = await self._begin_in_reading(kind, stack, seconds)
                seconds = self.random.choice([0.01, 0.1, seconds / 2])
            else:
                began = self._begin(kind, stack)
            if began:
                await anyio.sleep(seconds)

    def _begin(self, kind: str, stack: ExitStack) -> bool:
        """Begin a trouble that ends with `stack`; return whether there is one."""
        if kind in ("unmounted", "another") and not self.knows_archive():
            return False  # an empty folder is where a new catalog begins
        stack.enter_context(self._told(kind))
        return True

    @contextmanager
    def _told(self, kind: str) -> Iterator[None]:
        with self._trouble(kind) as (name, detail):
            self.trace("host.trouble", kind=name, detail=detail)
            self.witness.trouble_began(name, of_place=name in OF_PLACE)
            if self.random.random() < 0.5:
                self.worry()
            yield
        self.trace("host.well", kind=name)
        self.witness.trouble_ended()

    async def _begin_in_reading(self, kind: str, stack: ExitStack, seconds: float) -> bool:
        """Begin a trouble as soon as the archive is read, within half of `seconds`."""
        left, begun = self.random.randint(1, PIECES), anyio.Event()

        def read() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.disk.at_reading = None
                self._begin(kind, stack)
                begun.set()

        self.disk.at_reading = read
        self.worry()
        with anyio.move_on_after(seconds / 2):
            await begun.wait()
        self.disk.at_reading = None
        return begun.is_set()

    def _trouble(self, kind: str) -> AbstractContextManager[tuple[str, str]]:
        if kind in ("unmounted", "another"):
            return self._away(kind)
        if kind in ("ahead", "behind"):
            return self._wrong_clock(kind)
        return self._refused(kind)

    @contextmanager
    def _away(self, kind: str) -> Iterator[tuple[str, str]]:
        mount = self.disk.mount
        mount.take_away(nothing if kind == "unmounted" else another_archive)
        try:
            yield kind, ""
        finally:
            if changed := mount.put_back():
                raise Violation(f"written into a place that is not the archive: {changed}")

    @contextmanager
    def _wrong_clock(self, kind: str) -> Iterator[tuple[str, str]]:
        draw = self.random
        days = draw.choice([0.05, 2, 31, 200, 400]) * (0.5 + draw.random() / 2)
        self.clock.off = timedelta(days=days if kind == "ahead" else -min(days, 4))
        try:
            yield kind, f"{days:.2f} d"
        finally:
            self.clock.off = timedelta()

    @contextmanager
    def _refused(self, kind: str) -> Iterator[tuple[str, str]]:
        draw, refusals = self.random, self.disk.refusals
        name, detail = kind, ""
        if kind == "closed":
            path, is_all = self._whose_rights()
            refusals.rule, refusals.is_single = closed(path), not is_all
            root = self.disk.mount.root
            name = "closed.all" if path in (root, root / OURS[0]) else "closed"
            detail = path.name
        elif kind == "flaky":
            refusals.rule, refusals.is_single = flaky(draw, draw.choice([0.01, 0.1, 0.5])), True
        elif kind == "inodes":
            refusals.rule, refusals.no_names = no_inodes, draw.random() < 0.5
        elif kind == "read-only":
            refusals.rule, refusals.read_only = read_only, True
        else:
            refusals.rule = {"quota": no_quota, "dead": dead}[kind]
        try:
            yield name, detail
        finally:
            refusals.clear()

    def _whose_rights(self) -> tuple[Path, bool]:
        """Return a path whose rights are taken away, and whether nothing can be stored then."""
        root, draw = self.disk.mount.root, self.random
        if draw.random() < 0.4:
            return root / draw.choice(OURS), True
        below = [path for path in _below(root) if str(path.relative_to(root)) not in OURS]
        return (draw.choice(below), False) if below else (root, True)


def _below(root: Path) -> Sequence[Path]:
    return sorted(root.rglob("*"))
