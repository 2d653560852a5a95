"""The whole life of a recording, in small: the real pipeline on a real catalog and a model disk.

Two small files are kept together, one of middling size comes in two attempts, a large one by
several ranges; the folder appears, a file comes late, the provider is told, and forgets it all.
What outlives a process is the `World`; `live` is what one process does in it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, cast
from unittest.mock import patch

import anyio
from anyio.lowlevel import checkpoint
from sqlalchemy import Connection, Engine

import virtual
from fakes.books import IN_MEMORY, empty_catalog, load
from fakes.disk import archive_on
from fakes.fated import FatedDisk, Killed
from fakes.log import RecordedLog
from fakes.model_disk import ModelDisk
from fakes.provider import FakeProvider, traits
from fakes.shelf import Shelf, media
from fakes.transport import Answer, FakeReply, FakeTransport
from reelkeep.app.resources import Resources, furnish, recover
from reelkeep.archive.paths import ArchivePaths, tag
from reelkeep.catalog.database import Database, open_engine
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.core.coverage import Scale
from reelkeep.core.manifest import MANIFEST, SUMS, decode_sums, read_manifest
from reelkeep.core.model import (
    Download,
    Failed,
    File,
    FileId,
    Outcome,
    ProviderName,
    Recording,
    RecordingId,
)
from reelkeep.core.naming import key
from reelkeep.disk import translated
from reelkeep.errors import Error, Unreachable
from reelkeep.ports import Reply, Request
from reelkeep.settings.model import ArchiveOptions, DownloadOptions, Settings
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.download import Downloader
from reelkeep.stages.poll import Poller
from reelkeep.stages.publish import Publisher
from reelkeep.stages.signals import Signal
from reelkeep.stages.storage import Storage
from reelkeep.stages.stream import PartStream
from reelkeep.stages.worker_pool import SlotPool

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

NAME, ID = ProviderName("meetings"), RecordingId("4711")
KEY = key(NAME, ID)
ROOT = Path("/archive")
PLACES = ArchivePaths(ROOT)
FOLDER = f"{NAME}/2026/{KEY}"
KIB = 1 << 10
JOURNAL_FROM, CHECKPOINT, GRAIN = 4 * KIB, 8 * KIB, 4 * KIB

CONTENT = {
    "video.mp4": media(24 * KIB),
    "screen.mp4": media(40 * KIB),
    **{f"{word}.txt": f"these are notes, part {word}\n".encode() for word in ("a", "b", "c", "d")},
}
LATE = {"late.vtt": b"WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n"}
EVERYTHING = CONTENT | LATE
CUT_AT = 18 * KIB
SMALL = 2 * KIB
SEAM = 256  # bytes before the missing ones that are compared again
SEAMS = 16 * SEAM  # those of all ranges that a file may be fetched by after a crash
PROCESSES = 4  # so many are started before it is said that it never ends
TURNS, PATIENCE = 12, 31.0  # seconds, after which whatever failed is tried again


@contextmanager
def in_small() -> Iterator[None]:
    """Scale down what is measured in MiB, so that a life takes little memory and time."""
    """The disk works at once, not in threads: so the k-th call is the same one every time."""
    scale = Scale(large=32 * KIB, rest=12 * KIB, piece=12 * KIB, stolen=4 * KIB)
    with (
        patch("reelkeep.core.resume.SEAM", SEAM),
        patch("reelkeep.archive.part_file._JOURNAL_FROM", JOURNAL_FROM),
        patch("reelkeep.archive.hashed_file.MARK", CHECKPOINT),
        patch("reelkeep.archive.part_file.MARK", CHECKPOINT),
        patch("reelkeep.stages.body.CHECKPOINT", CHECKPOINT),
        patch("reelkeep.stages.stream.Scale", lambda: scale),
        patch("reelkeep.archive.threads.Threads.run", _at_once),
    ):
        yield


async def _at_once(_threads: object, work: Callable[[*_Ts], T], *args: *_Ts) -> T:
    await checkpoint()
    with translated():
        return work(*args)


class Host(FakeTransport):
    """Serves the files of the recording while the provider has it; `served` counts bytes.

    Those of seams are not counted: they come again on purpose.
    """

    def __init__(self, has: Callable[[], bool]) -> None:
        super().__init__(self._reply)
        self._has = has
        self._shelves = {name: Shelf(content) for name, content in EVERYTHING.items()}
        self.cuts = {"video.mp4": [CUT_AT]}
        self.served: Counter[str] = Counter()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        async with super().open(request) as reply:
            try:
                yield reply
            finally:
                received = cast(Any, reply).received
                self.served[_file(request)] += received - min(received, _seam(request))

    def _reply(self, request: Request) -> Answer:
        name = _file(request)
        if not self._has():
            return FakeReply.of(b"", status=404)
        reply = self._shelves[name](request.headers)
        (body,) = (piece for piece in reply.pieces if isinstance(piece, bytes))
        grains = [body[start : start + GRAIN] for start in range(0, len(body), GRAIN)]
        cuts = self.cuts.get(name, [])
        if cuts:
            return replace(
                reply, drawn=True, pieces=[*grains[: cuts.pop() // GRAIN], Unreachable("cut")]
            )
        return replace(reply, drawn=len(body) > SMALL, pieces=grains)


def _seam(request: Request) -> int:
    """Return how many bytes of the answer are asked for only to be compared."""
    first, dash, last = request.headers.get("Range", "").removeprefix("bytes=").partition("-")
    if not dash:
        return 0
    is_seam = last and int(last) - int(first) < SEAM
    return SEAM if is_seam or not last else 0


class Owner(FakeProvider):
    """Deletes what it is told to be archived, after `look` had a look."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__(name=NAME, traits=traits(acknowledges=True))
        self._look = look

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        for _ in recordings:
            self._look()
        accepted = await super().acknowledge(recordings)
        for id_ in accepted:
            self.recordings.pop(id_, None)
        return accepted


class Books(Database):
    """A catalog that dies with its process, and says when something was committed."""

    def __init__(self, engine: Engine, disk: FatedDisk, committed: Callable[[], None]) -> None:
        async def hop(work: Callable[[], T]) -> T:
            if disk.dead:
                raise Killed
            return work()

        super().__init__(engine, hop)
        self._committed = committed

    async def write(self, work: Callable[[Connection], T]) -> T:
        done = await super().write(work)
        self._committed()
        return done


@dataclass
class World:
    """What outlives a process."""

    catalog: bytes | None = None  #: What it holds; None: it is new.
    books: Engine | None = None  #: A catalog that is a file, in place of one in memory.
    look: Callable[[], None] = lambda: None  #: Called just before the provider is told.
    committed: Callable[[], None] = lambda: None  #: Called after each commit.

    def __post_init__(self) -> None:
        self.engine = self.books or the_engine()
        if self.books is None:
            load(self.engine, empty_catalog() if self.catalog is None else self.catalog)
        self.provider = Owner(self._told)
        self.provider.hold(recording(CONTENT, settles=timedelta(days=1)))
        self.host = Host(lambda: bool(self.provider.recordings))
        self.log = RecordedLog()
        self.is_late = False
        self.lies: list[AssertionError] = []  #: What was not so when the provider was told it.

    def _told(self) -> None:
        try:
            self.look()
        except AssertionError as error:  # which the pipeline would blame on the provider
            self.lies.append(error)

    def go_on(self) -> None:
        """Let the late file come, after which the provider is done."""
        self.is_late = True
        self.provider.hold(recording(EVERYTHING))

    @property
    def told(self) -> bool:
        return bool(self.provider.told)

    def forget_counts(self) -> None:
        self.host.served.clear()


@cache
def the_engine() -> Engine:
    """Return the one engine of this process: what it has learnt about statements is kept."""
    return open_engine(IN_MEMORY)


def recording(contents: dict[str, bytes], settles: timedelta | None = None) -> Recording:
    files = [
        File(id=FileId(name), stem=name[:-4], extension=name[-3:], size=len(content))
        for name, content in contents.items()
    ]
    return Recording(
        id=ID,
        title="Weekly",
        started=virtual.START - timedelta(hours=1),
        settles=None if settles is None else virtual.START + settles,
        files=tuple(files),
    )


async def live(world: World, disk: FatedDisk) -> None:
    """Do what one process does, from its start until the recording is acknowledged."""
    resources = house_of(world, disk)
    await resources.archive.prepare()
    async with resources.archive.hold():
        await recover(resources, is_new=False)
        work = _Work(resources)
        for _ in range(TURNS):
            await work.turn()
            standing_ = await standing(world)
            if standing_.get("state") == "acknowledged":
                return
            if not world.is_late and standing_.get("folder"):
                world.go_on()
            else:
                await anyio.sleep(PATIENCE)


class _Work:
    """The stages, one after the other rather than all at once: so every run is the same."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        signal = Signal()
        common: dict[str, Any] = {"clock": resources.clock, "report": resources.report}
        slots = SlotPool(resources.transfers, slots=6, lanes=3)
        stream = PartStream(
            resources.transport, transfers=resources.transfers, slots=slots, **common
        )
        self._storage = Storage(resources.archive, resources.report)
        self._poller = Poller(
            resources.providers[NAME], resources.intake, rng=resources.rng, work=signal, **common
        )
        self._fetch = Downloader(
            resources.providers,
            resources.archive,
            stream,
            transfers=resources.transfers,
            report=resources.report,
        )
        self._publisher = Publisher(
            resources.ledger,
            resources.archive,
            report=resources.report,
            done=signal,
            storage=self._storage,
        )
        self._acknowledger = Acknowledger(resources.providers[NAME], resources.intake, **common)

    async def turn(self) -> None:
        await self._poller.once()
        for claim in await self._resources.queue.claim(NAME, 10):
            outcomes: list[Outcome] = []
            async with anyio.create_task_group() as group:
                for download in claim.downloads:
                    group.start_soon(self._one, download, outcomes)
            await self._resources.ledger.record(outcomes)
        await self._publisher.once()
        await self._acknowledger.once()

    async def _one(self, download: Download, outcomes: list[Outcome]) -> None:
        await self._storage.opened()
        try:
            outcomes.append(await self._fetch(download))
        except Exception as error:  # noqa: BLE001 - as the pool of the download stage does
            outcomes.append(Failed(download=download, error=error))


async def survive(world: World, disk: FatedDisk) -> bool:
    """Do what one process does; return whether it came to its end without being killed."""
    try:
        await live(world, disk)
    except Error:
        return False
    except BaseException:
        if not disk.dead:
            raise
        return False
    return not disk.dead


async def finish(world: World, disk: ModelDisk) -> None:
    """Start a process again until the recording is acknowledged, a few times at most."""
    for _ in range(PROCESSES):
        if world.lies:
            raise world.lies[0]
        if await acknowledged(world):
            return
        disk.bury()
        await survive(world, FatedDisk(disk))
    raise AssertionError(f"it never ends: {await standing(world)}")


def house_of(world: World, disk: FatedDisk) -> Resources:
    settings = Settings.model_construct(
        archive=ArchiveOptions.model_construct(path=ROOT, min_free=0),
        downloads=DownloadOptions(workers=6, segments=3),
        shutdown_grace=timedelta(seconds=20),
        providers=(),
    )
    resources = furnish(
        settings,
        world.log,
        archive=archive_on(ROOT, disk, small=SMALL),
        database=Books(world.engine, disk, world.committed),
        transport=world.host,
        clock=virtual.clock,
        rng=lambda: 0.5,
    )
    resources.providers[NAME] = world.provider
    return resources


async def acknowledged(world: World) -> bool:
    return (await standing(world)).get("state") == "acknowledged"


async def standing(world: World) -> dict[str, Any]:
    """Return what the catalog says: the state, and that of each file."""

    async def hop(work: Callable[[], T]) -> T:
        return work()

    operator = OperatorCatalog(Database(world.engine, hop), virtual.clock)
    for found in await operator.find(ID):
        files = {each.name: each.state for each in found.files}
        return {"state": found.state, "folder": found.folder, **files}
    return {}


def assert_nothing_visible_is_wrong(files: dict[str, bytes]) -> None:
    """No wrong bytes are under a final name, and no paper claims what is not there."""
    home = f"{ROOT}/{FOLDER}/"
    shown = {path: content for path, content in files.items() if not _is_ours(path)}
    assert all(path.startswith(home) for path in shown), sorted(shown)
    for path, content in shown.items():
        if (name := path.removeprefix(home)) not in (MANIFEST, SUMS):
            assert content == EVERYTHING[name], f"wrong bytes in {name}"
    if not shown:
        return
    for entry in read_manifest(shown[home + MANIFEST]).files:
        if entry.stored:
            assert shown[home + entry.name] == EVERYTHING[entry.name]
    for name, sha256 in decode_sums(shown[home + SUMS]).items():
        found = hashlib.sha256(shown[home + name]).hexdigest()
        assert name == MANIFEST or found == sha256


def assert_whole(files: dict[str, bytes]) -> None:
    """All of the recording is there, and its papers say so."""
    assert_nothing_visible_is_wrong(files)
    home = f"{ROOT}/{FOLDER}/"
    assert {p for p in files if not _is_ours(p)} == {
        home + name for name in [*EVERYTHING, MANIFEST, SUMS]
    }
    manifest, sums = files[home + MANIFEST], decode_sums(files[home + SUMS])
    assert {e.name for e in read_manifest(manifest).files if e.stored} == set(EVERYTHING)
    assert sums == {
        name: hashlib.sha256(files[home + name]).hexdigest() for name in [*EVERYTHING, MANIFEST]
    }


def places_of(name: str) -> tuple[Path, ...]:
    """Return where a whole file may be."""
    return PLACES.kept(KEY, name), PLACES.staged(KEY) / name, ROOT / FOLDER / name


def kept(files: dict[str, bytes]) -> set[str]:
    """Return the names of files that are whole, wherever that is."""
    return {name for name in EVERYTHING for place in places_of(name) if str(place) in files}


def part_of(name: str) -> str:
    """Return the path of the part of a file, without its ending."""
    return str(PLACES.parts / tag(KEY, name))


def _is_ours(path: str) -> bool:
    return path.startswith(f"{ROOT}/.reelkeep/")


def _file(request: Request) -> str:
    return request.url.rpartition("/")[2].partition("?")[0]
