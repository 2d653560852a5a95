"""The archive on a local disk."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta, tzinfo
from functools import partial
from importlib.metadata import version
from itertools import islice
from math import inf
from pathlib import Path, PurePosixPath

from anyio import CancelScope, CapacityLimiter, create_task_group

from reelkeep.archive.file_system import look, write_probe
from reelkeep.archive.finished_files import (
    ArchiveContext,
    FinishedFiles,
    FinishedPlace,
)
from reelkeep.archive.flushing import Flushers
from reelkeep.archive.folders import Folders, walk
from reelkeep.archive.import_existing import Adoption, adoption, returned
from reelkeep.archive.leftovers import LeftoverIndex, Orphan, tidy_all
from reelkeep.archive.part import SMALL, LocalPart, PartContext
from reelkeep.archive.paths import BAG, PLAIN, ArchivePaths, finished_file, rows_nowhere, tag
from reelkeep.archive.publish import FolderPublisher, PutAside
from reelkeep.archive.quarantine import Quarantine
from reelkeep.archive.setup import ArchiveIdentity, IdentityAccess, acquire, prepare
from reelkeep.archive.threads import Pace, Progress, Threads, drive
from reelkeep.archive.verify import away_from, directories, rehash, verification
from reelkeep.archive.volumes import VolumeAccess, Volumes
from reelkeep.batcher import Answer, Asked, Batcher
from reelkeep.core.integrity import FolderVerdict, Mark
from reelkeep.core.layout import Layout
from reelkeep.core.model import Download, HeldFile, Holding
from reelkeep.disk import ArchiveDisk, Disk
from reelkeep.errors import ArchiveAbsent, Busy, DiskFull, IoFailed
from reelkeep.ports import Clock, Inspection

_THREADS = 16
_SOME = 64

_BATCH = 64
"""Files, or folders, that are flushed together."""

_AT_ONCE = 2
"""Such batches at a time: while one waits for the disk, the next is prepared."""

_VERSION = version("reelkeep")


class LocalArchive:
    """The archive at `root`; see `ports.Archive`. `prepare` comes first, then `hold`.

    `put_aside` hears, from a thread, of files that stood in the way of a stored one.
    `min_free` and `small` are in bytes: new files up to `small` are held in memory until they are
    whole; `min_free` may be changed at any time. `file_mode` and `directory_mode` hold exactly,
    whatever the umask. `bags` makes new folders BagIt bags.
    """

    def __init__(  # noqa: PLR0913 - one for each setting, and the collaborators
        self,
        root: Path,
        *,
        layout: Layout,
        timezone: tzinfo,
        file_mode: int,
        directory_mode: int,
        min_free: int,
        clock: Clock,
        put_aside: PutAside = lambda _holding, _name: None,
        disk: Disk | None = None,
        small: int = SMALL,
        bags: bool = False,
    ) -> None:
        self._small = small
        self._places = ArchivePaths(root)
        self._directory_mode = directory_mode
        self.min_free = min_free
        self._clock = clock
        self._disk = disk or ArchiveDisk()
        self._threads = Threads(CapacityLimiter(_THREADS))
        self._readers = Threads(CapacityLimiter(len(os.sched_getaffinity(0))))
        self._traces = LeftoverIndex()
        self._is_prepared = True  # as far as we know
        self._expected = ArchiveIdentity(self._disk, self._places)
        self._volumes = volumes = Volumes(self._disk, self._places, self._expected)
        self.volumes = VolumeAccess(self._threads, volumes)
        self.identity = IdentityAccess(self._threads, self._expected)
        self._ground = ArchiveContext(
            disk=self._disk,
            places=self._places,
            quarantine=Quarantine(self._disk, self._places, volumes, clock),
            volumes=volumes,
            identity=self._expected,
            file_mode=file_mode,
        )
        flushers = Flushers()
        finished = FinishedFiles(self._ground, flushers)
        drawing = Threads(CapacityLimiter(inf))  # one for each transfer under way
        self._context = PartContext(
            self._ground,
            self._threads,
            drawing,
            self._batcher(finished.keep),
            self._usable,
        )
        self._publisher = FolderPublisher(
            self._ground,
            Folders(self._disk, root, layout=layout, timezone=timezone, mode=directory_mode),
            put_aside,
            directory_mode=directory_mode,
            flushers=flushers,
            version=_VERSION,
            form=BAG if bags else PLAIN,
        )
        self._publish = self._batcher(self._publisher.publish)

    def _batcher(
        self, work: Callable[[Sequence[Asked]], Sequence[Answer | Exception]]
    ) -> Batcher[Asked, Answer]:
        threads = self._threads
        return Batcher(lambda asked: threads.run(work, asked), most=_BATCH, at_once=_AT_ONCE)

    @property
    def root(self) -> Path:
        """The directory that all of it lies in."""
        return self._places.root

    async def prepare(self) -> bool:
        """Make the directories of the archive, and see that they can be written.

        False: the disk is full, and something may be missing.

        Raises:
            ArchiveAbsent: Another archive is expected.
            ConfigError: This user cannot write there.
        """
        await self.identity.check()
        work = partial(prepare, self._disk, self._places, self._directory_mode)
        self._is_prepared = await self._threads.run(work)
        await self._threads.run(self._traces.look, self._disk, self._places)
        return self._is_prepared

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Keep every other process from working in this archive.

        Raises:
            Busy: Another process does; the message says which.
        """
        what = f"the archive {self._places.root}"
        async with self.lock(self._places.lock, what):
            yield

    @asynccontextmanager
    async def lock(self, path: Path, what: str) -> AsyncIterator[None]:
        """Hold the lock file at `path`, which stands for `what`; errors as for `hold`."""
        work = partial(acquire, self._disk, path, self._clock(), what=what)
        fd = await self._threads.run(work)
        try:
            yield
        finally:
            with suppress(OSError):  # it is given back whatever the disk says
                self._disk.close(fd)

    @asynccontextmanager
    async def part(self, download: Download) -> AsyncIterator[LocalPart]:
        traces, name = self._traces, tag(download.key, download.file)
        if name in traces.open:
            raise Busy(f"another writer has the part of {download.name}")
        traces.open.add(name)
        small = 0 if traces.may_have_part(download) else self._small
        part = LocalPart(self._context, download, small=small)
        try:
            await part.enter()
            yield part
        finally:
            if not part.is_gone:
                with CancelScope(shield=True):
                    await part.leave()
            traces.open.discard(name)
            traces.left(download, finished=part.kept, part=not (part.kept or part.in_memory))

    async def finished(self, download: Download) -> Inspection | None:
        if not self._traces.may_be_finished(download):
            return None
        path = await self._threads.run(finished_file, self._disk, self._places, download)
        if path is None:
            return None
        found = await rehash(self._threads, self._disk, path)
        return Inspection(found.size, found.digests["sha256"])

    async def recall(self, download: Download, sha256: str) -> Inspection | None:
        for path in await self._threads.run(self._ground.quarantine.of, download):
            found = await rehash(self._threads, self._disk, path)
            if found.digests["sha256"] == sha256:
                await self._threads.run(FinishedPlace(self._ground, download).recall, path, sha256)
                self._traces.left(download, finished=True, part=False)
                return Inspection(found.size, sha256)
        return None

    async def reclaim(self, holding: Holding) -> Sequence[HeldFile]:
        await self.identity.check()
        steps = returned(self._disk, self._places.root, holding)
        return await drive(self._readers, steps, pace=Pace(), progress=lambda _size: None)

    async def publish(self, holding: Holding) -> str:
        folder = await self._publish(holding)
        self._traces.published(holding)
        return folder

    async def free(self) -> int:
        await self.identity.check()
        if not self._is_prepared:  # the disk was full then
            await self.prepare()
        return await self._threads.run(self._usable)

    def _usable(self) -> int:
        return self._volumes.free() - self.min_free

    async def capacity(self) -> int:
        return (await self._threads.run(self._disk.limits, self._places.root)).total - self.min_free

    async def probe(self, *, write: bool = True) -> None:
        if not self._is_prepared:
            await self.prepare()
        if not self._is_prepared:
            await self._threads.run(look, self._disk, self._places)
            raise DiskFull(f"no room to begin an archive in {self._places.root}")
        await self._threads.run(look, self._disk, self._places)
        if write:
            await self._threads.run(write_probe, self._disk, self._places)

    async def lost(self, holdings: Sequence[Holding]) -> Mapping[int, Mark]:
        """Return which stored files do not lie here with the size they had, by their rows.

        They are missing, or unreadable where nobody can look. Their content is not read: see
        `verify`.

        Raises:
            IoFailed: The archive itself is not there: perhaps its disk is not mounted.
        """
        return await self._threads.run(self._lost, holdings)

    def _lost(self, holdings: Sequence[Holding]) -> Mapping[int, Mark]:
        found: dict[int, Mark] = {}
        for each in holdings:
            lost, mark = rows_nowhere(self._disk, self._places, each)
            if lost and each.folder and self._volumes.away(PurePosixPath(each.folder)):
                mark = Mark.UNREADABLE
            found.update(dict.fromkeys(lost, mark))
        if found:
            self._see_that_it_is_there()
        return found

    async def not_there(self, holdings: Sequence[Holding]) -> frozenset[int]:
        """Return the rows of stored files that do not lie here, whatever lies here."""

        def work() -> frozenset[int]:
            lost = (rows_nowhere(self._disk, self._places, each)[0] for each in holdings)
            return frozenset(row for rows in lost for row in rows)

        return await self._threads.run(work)

    async def verify(
        self, folder: str, *, known: Collection[str] = (), pace: Pace | None = None,
        progress: Progress = lambda _size: None,
    ) -> FolderVerdict:  # fmt: skip
        """Read one recording's folder again, and compare with its sums and its manifest.

        As many folders at a time as the machine has cores. Files that are `known` to be in order
        are not read. Where the volume of the folder is away, its verdict says so, and no more.

        Raises:
            IoFailed: The archive itself is not there: perhaps its disk is not mounted.
        """
        steps = verification(self._disk, self._places.root, folder, known)
        verdict = await drive(self._readers, steps, pace=pace or Pace(), progress=progress)
        if verdict.ok:
            return verdict
        return await self._threads.run(self._unless_away, folder, verdict)

    def _unless_away(self, folder: str, verdict: FolderVerdict) -> FolderVerdict:
        """Return what there is to say of a folder in which something seems to be wrong."""
        self._see_that_it_is_there()
        away = self._volumes.away(PurePosixPath(folder))
        return verdict if away is None else away_from(folder, away)

    async def put_aside(self, holding: Holding, name: str, reason: str) -> bool:
        """Move what has `name` in the folder of `holding` to quarantine; return whether it went.

        What this user may not read is left where it is: that is no damage. What is missing is
        gone already.

        Raises:
            ArchiveAbsent: Another archive is expected.
        """
        await self.identity.check()
        return await self._threads.run(self._ground.quarantine.put_aside, holding, name, reason)

    async def directories(self) -> AsyncIterator[Sequence[str | FolderVerdict]]:
        """Yield the folders of recordings in the order of their names, some at a time.

        In the place of a directory that holds other files, or cannot be read, is its verdict.
        """
        steps = directories(walk(self._disk, self._places.root, tolerant=True))
        while some := await self._threads.run(list, islice(steps, _SOME)):
            yield some

    async def adopt(self, progress: Progress = lambda _size: None) -> AsyncIterator[Adoption]:
        """Yield each recording's folder with what of it can be believed, for a new catalog.

        Reads every manifest, and every file that one calls stored; in the order of their names.

        Raises:
            ArchiveAbsent: A volume is not mounted: what is on it must not seem to be lost.
            IoFailed: A directory cannot be read: the same holds for what is in it.
        """
        for told in await self.volumes.absences():
            raise ArchiveAbsent(told)
        recordings = (here for here in walk(self._disk, self._places.root) if here.is_recording)
        while some := await self._threads.run(list, islice(recordings, _SOME)):
            found: dict[str, Adoption] = {}

            async def read(folder: str, found: dict[str, Adoption] = found) -> None:
                steps = adoption(self._disk, self._places.root, folder)
                found[folder] = await drive(self._readers, steps, pace=Pace(), progress=progress)

            async with create_task_group() as group:
                for here in some:
                    group.start_soon(read, str(here.folder))
            for here in some:
                yield found[str(here.folder)]

    async def tidy(
        self, keys_in_use: Collection[str], *, older_than: timedelta = timedelta(days=7)
    ) -> tuple[Orphan, ...]:
        """Remove what a crash left behind; return what waits for recordings nobody knows."""
        await self.identity.check()
        since = self._clock() - older_than

        places = await self._threads.run(list, self._volumes.all_places())
        return await self._threads.run(tidy_all, self._disk, places, keys_in_use, since)

    def _see_that_it_is_there(self) -> None:
        self._expected.check()
        if self._disk.status(self._places.ours) is None:
            raise IoFailed(f"there is no archive at {self._places.root}: is its disk mounted?")
