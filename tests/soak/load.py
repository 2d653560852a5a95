"""Small and large files by thousands, over kept and owned connections, from a hostile host.

The way is that of the daemon: transport, body, part, verification, final name. Two busy loops run
beside. Every file that gets a name is compared, by its digest, with what the host made, and
deleted then. What happens is drawn from a seed; its order is the machine's.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from random import Random

import anyio
from anyio.to_thread import run_sync

from fakes.attempts import Locating
from fakes.disk import archive_on
from fakes.holdings import NOON
from reelkeep.archive.local import LocalArchive
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.coverage import Scale
from reelkeep.core.model import (
    Download,
    FileId,
    HeldFile,
    Holding,
    Locator,
    ProviderName,
    RecordingId,
    Stored,
)
from reelkeep.core.naming import key
from reelkeep.errors import SizeMismatch
from reelkeep.stages.download import Downloader
from reelkeep.stages.stream import PartStream
from reelkeep.stages.worker_pool import ActiveTransfers, SlotPool
from reelkeep.transport import AiohttpTransport, TransportOptions
from soak.busy import busy_loops
from soak.late import LateTransport
from soak.made_files import KIB, MIB, MadeFiles
from soak.second_reader import second_reader

TESTS = Path(__file__).parents[1]
PROVIDER = ProviderName("load")

RECORDING = 8
"""Files of one recording, which are fetched at once."""

RECORDINGS = 6
"""Recordings that are worked on at once."""

SPARE = 8
"""Slots that are idle all the time, so that large files come by several ranges."""

TRIES = 60
"""Attempts at one file before it counts as not stored."""

CANCELLED = 0.03
"""The share of attempts that are cancelled."""

UNPROMISED = 0.15
"""The share of files whose size nobody promised: each comes on a connection of its own."""

MISPROMISED = 0.01
"""The share of files whose promise is wrong until they came: aiohttp reads large ones, too."""

SCALE = Scale(large=3 * MIB, rest=MIB, piece=1_300 * KIB, stolen=256 * KIB)
STALL = timedelta(seconds=2)
SECONDS_BETWEEN_LINES = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of it, and in what company."""

    seed: int
    files: int
    large: float = 0.05
    busy: int = 2
    niceness: int = 0  #: Of the busy loops.
    impatient: float = 0.01  #: Of requests, after whose reply the host says something unasked.
    second_reader: bool = False  #: Plant the old bug.


@dataclass
class Tally:
    """What came of it."""

    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    discards: list[str] = field(default_factory=list)
    stolen: int = 0  #: How often the second reader took bytes.
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_right(self) -> bool:
        """Every file is here as it was made, and nobody had a reason to throw one away."""
        return not (self.differences or self.missing or self.discards)

    def __str__(self) -> str:
        counts = self.counts
        return (
            f"{self.files} files, {self.bytes / 1e9:.2f} GB, "
            f"{len(self.differences)} differences, {len(self.missing)} missing, "
            f"{len(self.discards)} discards, {counts['resumes']} resumes, "
            f"{counts['cancelled']} cancelled, {counts['failed']} failed attempts, "
            f"{counts['pooled']} pooled and {counts['owned']} owned replies, "
            f"{counts['segments']} segments, {self.files / max(self.seconds, 0.001):.0f} files/s"
        )


def run(plan: Plan, *, say: Say) -> str:
    """Run `plan` in a directory of its own; return the verdict.

    Raises:
        AssertionError: A file is not what was made, is missing, or was thrown away.
    """
    place = Path(tempfile.mkdtemp(prefix="reelkeep-load-"))
    tally = anyio.run(load, place, plan, say)
    if not tally.is_right:
        found = [*tally.differences, *tally.missing, *tally.discards]
        raise AssertionError("\n".join([f"{tally}; see {place}", *found[:50]]))
    shutil.rmtree(place)
    return str(tally)


async def load(place: Path, plan: Plan, say: Say = lambda _line: None) -> Tally:
    """Fetch all files of `plan` into an archive in `place`."""
    tally, began = Tally(), time.monotonic()
    draw = Random(f"{plan.seed}/load")
    with (
        _origin(place, plan, tally) as ports,
        busy_loops(plan.busy, niceness=plan.niceness),
        second_reader(draw) if plan.second_reader else nullcontext() as taken,
    ):
        async with (
            _load(place, plan, ports, tally, draw) as work,
            anyio.create_task_group() as all_,
        ):
            all_.start_soon(_tell, tally, plan, began, say)
            await work.all()
            all_.cancel_scope.cancel()
        tally.stolen = 0 if taken is None else taken.times
    tally.seconds = time.monotonic() - began
    return tally


async def _tell(tally: Tally, plan: Plan, began: float, say: Say) -> None:
    while True:
        await anyio.sleep(SECONDS_BETWEEN_LINES)
        tally.seconds = time.monotonic() - began
        say(f"load: {tally.files} of {plan.files}, {tally.seconds:.0f} s: {tally}")


@contextmanager
def _origin(place: Path, plan: Plan, tally: Tally) -> Iterator[tuple[int, int]]:
    """Run the host in a process of its own; give its ports for http and https."""
    figures = [str(each) for each in (plan.seed, plan.large, plan.impatient)]
    command = [sys.executable, "-m", "soak.origin", *figures, str(place)]
    process = subprocess.Popen(
        command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        plain, secure = process.stdout.readline().split()
        try:
            yield int(plain), int(secure)
        finally:
            process.stdin.close()
    if process.returncode:
        tally.missing.append("the host ended by an error")


@asynccontextmanager
async def _load(
    place: Path, plan: Plan, ports: tuple[int, int], tally: Tally, draw: Random
) -> AsyncIterator[_Load]:
    options = TransportOptions(
        connect_timeout=timedelta(seconds=15),
        stall_timeout=STALL,
        stall_rate=1000,
        per_host=24,
        ca_file=place / "ca.pem",
        allow=AddressPolicy.parse(["127.0.0.1", "localhost"]),
    )
    (root := place / "archive").mkdir()
    archive = archive_on(root)
    await archive.prepare()
    async with AiohttpTransport(options) as inner:
        transport = LateTransport(inner, draw, tally.counts)
        yield _Load(plan, ports, transport=transport, archive=archive, tally=tally, draw=draw)


@dataclass
class _Locating(Locating):
    """Says where a file is, http or https."""

    bases: tuple[str, ...] = ()

    async def locate(self, _recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        del fresh
        number = int(file)
        return Locator(f"{self.bases[number % 2]}/file/{number}", {})


class _Load:
    """Fetches recordings, several at a time, and compares them."""

    def __init__(
        self, plan: Plan, ports: tuple[int, int], *, transport: LateTransport,
        archive: LocalArchive, tally: Tally, draw: Random,
    ) -> None:  # fmt: skip
        self._made = MadeFiles(plan.seed, plan.large)
        self._plan = plan
        self._transport = transport
        self._archive = archive
        self._tally = tally
        self._draw = draw
        provider = _Locating(
            bases=(f"http://127.0.0.1:{ports[0]}", f"https://localhost:{ports[1]}")
        )
        transfers = ActiveTransfers()
        slots = RECORDINGS * RECORDING + SPARE
        stream = PartStream(
            transport,
            clock=lambda: datetime.now(UTC),
            report=self._hear,
            transfers=transfers,
            slots=SlotPool(transfers, slots=slots, lanes=4),
            scale=SCALE,
        )
        self._fetch = Downloader(
            {PROVIDER: provider}, archive, stream, transfers=transfers, report=self._hear
        )

    async def all(self) -> None:
        """Work through the plan."""
        numbers = iter(range(0, self._plan.files, RECORDING))

        async def work() -> None:
            for first in numbers:
                await self._recording(range(first, min(first + RECORDING, self._plan.files)))

        async with anyio.create_task_group() as group:
            for _ in range(RECORDINGS):
                group.start_soon(work)

    async def _recording(self, numbers: range) -> None:
        stored: dict[int, Stored] = {}

        async def one(number: int) -> None:
            if (found := await self._stored(number)) is not None:
                stored[number] = found

        async with anyio.create_task_group() as group:
            for number in numbers:
                group.start_soon(one, number)
        if stored:
            folder = await self._archive.publish(_holding(numbers.start, stored))
            await run_sync(self._compare, self._archive.root / folder, stored)

    async def _stored(self, number: int) -> Stored | None:
        """Try until the file is stored; whatever happens on the way is counted."""
        due = self._download(number)
        error: Exception | None = None
        for _ in range(TRIES):
            with anyio.move_on_after(self._patience()) as scope:
                outcome = await self._fetch(due)
                if isinstance(outcome, Stored):
                    return outcome
                error = outcome.error
                self._tally.counts["failed"] += 1
                due = replace(due, tries=due.tries + 1, seen=outcome.sha256 or due.seen)
                if isinstance(error, SizeMismatch) and due.size is not None:
                    due = replace(due, size=self._made.size(number))  # its provider was asked again
            self._tally.counts["cancelled"] += scope.cancelled_caught
        self._tally.missing.append(f"file {number} was not stored: {error}")
        return None

    def _patience(self) -> float:
        return self._draw.random() * 0.1 if self._draw.random() < CANCELLED else inf

    def _download(self, number: int) -> Download:
        return Download(
            row=number,
            provider=PROVIDER,
            recording=_recording_id(number),
            file=FileId(str(number)),
            key=key(PROVIDER, _recording_id(number)),
            name=f"{number}.bin",
            size=self._promised(number),
        )

    def _promised(self, number: int) -> int | None:
        rng, size = self._draw.random(), self._made.size(number)
        if rng < UNPROMISED:
            return None
        return size if rng >= UNPROMISED + MISPROMISED else self._draw.choice([1, size + 1])

    def _hear(self, event: str, /, **keys: object) -> None:
        if event == "file.resumed":
            self._tally.counts["resumes"] += 1
        elif event == "file.discarded":
            self._tally.discards.append(f"{keys['file']} was thrown away: {keys['reason']}")

    def _compare(self, folder: Path, stored: dict[int, Stored]) -> None:
        """Compare what has a name with what was made; delete it if that is the same."""
        found = [line for each in stored.values() if (line := self._difference(folder, each))]
        self._tally.differences += found
        if not found:
            shutil.rmtree(folder)

    def _difference(self, folder: Path, outcome: Stored) -> str | None:
        number, name = outcome.download.row, outcome.download.name
        content = (folder / name).read_bytes()
        self._tally.files += 1
        self._tally.bytes += len(content)
        made, found = self._made.sha256(number), hashlib.sha256(content).hexdigest()
        if made == found == outcome.sha256:
            return None
        size, told = self._made.size(number), outcome.sha256
        return (
            f"{folder / name}: {size} bytes {made} were made; {len(content)} {found}, told {told}"
        )


def _recording_id(number: int) -> RecordingId:
    return RecordingId(str(number // RECORDING))


def _holding(first: int, stored: dict[int, Stored]) -> Holding:
    files = [
        HeldFile(
            row=number,
            id=each.download.file,
            name=each.download.name,
            state="stored",
            size=each.size,
            sha256=each.sha256,
            verified=each.verified.value,
            source=each.source,
            stored_at=NOON,
        )
        for number, each in sorted(stored.items())
    ]
    recording = _recording_id(first)
    return Holding(
        row=first,
        provider=PROVIDER,
        id=recording,
        key=key(PROVIDER, recording),
        state="open",
        title=f"Recording {recording}",
        started=NOON,
        folder=None,
        files=tuple(files),
    )
