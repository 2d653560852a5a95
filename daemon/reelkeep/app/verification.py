"""Read the archive again, on demand or a little at a time, and begin the repair of damage."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.app.archive_access import make_archive
from reelkeep.app.catalog_access import CatalogAccess, utc_now
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.threads import Pace
from reelkeep.catalog.checks import SqlChecks
from reelkeep.core.integrity import DAMAGE, Blemish, FolderVerdict, Mark, blemishes
from reelkeep.core.lifecycle import UNSETTLED, FileState
from reelkeep.core.manifest import PAPERS
from reelkeep.core.model import Holding, ProviderName
from reelkeep.errors import TransferError
from reelkeep.ports import Clock, Report
from reelkeep.settings.model import Settings
from reelkeep.stages.integrity_check import Inspected, Inspector, Scrubber, findings

if TYPE_CHECKING:  # whoever verifies needs no connections to providers
    from reelkeep.app.resources import Resources


async def not_intact(archive: LocalArchive, holding: Holding) -> str | None:
    """Return why `holding` is not surely here; None if it is.

    It is, if every file is in its folder, with the digest it was stored with, and the folder's own
    sums and manifest say the same.
    """
    if holding.folder is None or not holding.files:
        return "nothing of it is in the archive"
    try:
        verdict = await archive.verify(holding.folder)
    except TransferError as error:
        return f"the archive cannot be read: {error}"
    read = {each.name: each.sha256 for each in verdict.checked if each.mark is Mark.OK}
    if all(file.sha256 and read.get(file.name) == file.sha256 for file in holding.files):
        return None
    for each in verdict.checked:
        if each.mark is Mark.UNREADABLE:
            return f"{holding.folder}/{each.name} cannot be read: {each.reason}"
    return "what the archive holds is not what was stored; see `reelkeep verify`"


Holdings = AsyncIterator[Holding] | Sequence[Holding]

FOLDER = "(folder)"
"""Stands for the file where a whole folder is meant."""

BEGUN = "verify"
"""The moment in the catalog at which a reading of the whole began that has not ended."""

AT_ONCE = 8
"""Folders under way; as many of them are being read as the machine has cores."""

_WAITING = 64
_NOTED = 256
"""Folders whose findings are committed together at most."""

_MARKS = (Mark.MISSING, Mark.ALTERED, Mark.UNREADABLE, Mark.FOREIGN)


@dataclass(slots=True)
class VerificationRun:
    """What was found; `read` grows while it is being found."""

    recordings: int = 0
    files: int = 0
    read: int = 0  #: Bytes.
    total: int | None = None  #: Bytes that there are to be read, if the catalog knows.
    stopped: bool = False  #: A signal ended it first.
    blemishes: dict[tuple[str, str], Blemish] = field(default_factory=dict)
    repaired: list[Blemish] = field(default_factory=list)
    returned: set[str] = field(default_factory=set)  #: Folders with files that are still wanted.

    def count(self, size: int) -> None:
        """Note that so many bytes were read."""
        self.read += size

    def note(self, found: Iterable[Blemish]) -> None:
        """Add what is wrong."""
        for blemish in found:
            self.blemishes[blemish.folder, blemish.file] = blemish

    def marks(self) -> Counter[Mark]:
        """Return how many things have each mark."""
        return Counter(blemish.mark for blemish in self.blemishes.values())

    def listed(self) -> list[Blemish]:
        """Return what is wrong, in the order of folders."""
        return [blemish for _, blemish in sorted(self.blemishes.items())]

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        by_mark = {
            mark.value: [_told(each) for each in self.listed() if each.mark is mark]
            for mark in _MARKS
        }
        counts = {"recordings": self.recordings, "files": self.files, "bytes": self.read}
        ok = not self.blemishes and not self.stopped
        repaired = [_told(each) for each in self.repaired]
        return {"ok": ok, "stopped": self.stopped, **counts, **by_mark, "repaired": repaired}


def _told(blemish: Blemish) -> dict[str, Any]:
    told = {
        "provider": blemish.provider,
        "recording": blemish.recording,
        "folder": blemish.folder,
        "file": blemish.file,
    }
    return told if blemish.reason is None else {**told, "reason": blemish.reason}


@dataclass(frozen=True, slots=True)
class _Task:
    """A folder that is to be read, and what the catalog knows of it."""

    folder: str
    holding: Holding | None


class Rereader:
    """Reads folders again, with the catalog at hand unless there is none.

    `since` is when the reading of the whole began that this one goes on with: what was read
    later is not read again.
    """

    def __init__(
        self,
        archive: LocalArchive,
        inspector: Inspector,
        checks: SqlChecks | None,
        *,
        found: VerificationRun,
        clock: Clock,
        since: datetime | None = None,
    ) -> None:
        self._archive = archive
        self._inspector = inspector
        self._checks = checks
        self._clock = clock
        self._since = since
        self._scope = anyio.CancelScope()
        self._seen = set[int]()  # rows of recordings whose folder was come by
        self.found = found
        self.verdicts: list[FolderVerdict] | None = (
            None  #: A list here keeps all, for small archives.
        )

    async def everything(self, holdings: Holdings) -> None:
        """Read the whole archive, then look for what the catalog knows and was not there.

        `holdings` are all of the catalog. A cut reading is gone on with by a `since`.
        """
        if self._checks is not None:
            self.found.total = (await self._checks.stock()).bytes
            await self._checks.keep_moment(BEGUN, self._since or self._clock())
        await self._all(self._walked())
        await self._all(self._unseen(holdings))
        if self._checks is not None and not self.found.stopped:
            await self._checks.keep_moment(BEGUN, None)

    async def some(self, holdings: Holdings) -> None:
        """Read the folders of `holdings`, of those that have one."""
        await self._all(_folders(holdings))

    def stop(self) -> None:
        """End early; what was read to its end is noted."""
        self.found.stopped = True
        self._scope.cancel()

    async def _all(self, tasks: AsyncIterator[_Task]) -> None:
        send, receive = anyio.create_memory_object_stream[_Task](_WAITING)
        send_done, done = anyio.create_memory_object_stream[Inspected](_NOTED)
        async with anyio.create_task_group() as notes:
            notes.start_soon(self._note, done, name="note")
            async with send_done:
                self._scope = anyio.CancelScope()
                if self.found.stopped:
                    self._scope.cancel()
                with self._scope:
                    async with receive, anyio.create_task_group() as group:
                        group.start_soon(_feed, tasks, send, name="walk")
                        for _ in range(AT_ONCE):
                            group.start_soon(self._read, receive.clone(), send_done.clone())

    async def _walked(self) -> AsyncIterator[_Task]:
        async for some in self._archive.directories():
            for verdict in (each for each in some if isinstance(each, FolderVerdict)):
                self.found.note(blemishes(verdict, None))
            folders = [each for each in some if isinstance(each, str)]
            for task in await self._with_holdings(folders):
                yield task

    async def _with_holdings(self, folders: Sequence[str]) -> list[_Task]:
        held: dict[str | None, Holding] = {}
        if self._checks is not None:
            known = await self._checks.in_folders(folders)
            held = {holding.folder: holding for holding in known}
            self._seen.update(holding.row for holding in known)
        return [_Task(folder, held.get(folder)) for folder in folders]

    async def _unseen(self, holdings: Holdings) -> AsyncIterator[_Task]:
        async for task in _folders(holdings):
            if task.holding is not None and task.holding.row not in self._seen:
                yield task

    async def _read(
        self,
        tasks: MemoryObjectReceiveStream[_Task],
        done: MemoryObjectSendStream[Inspected],
    ) -> None:
        async with tasks, done:
            async for task in tasks:
                known = () if task.holding is None else self._known(task.holding)
                inspected = await self._inspector.inspect(task.folder, task.holding, known=known)
                self._count(inspected)
                await done.send(inspected)

    def _known(self, holding: Holding) -> list[str]:
        """Return the files that an earlier part of the same reading found in order."""
        since = self._since
        return [
            file.name
            for file in holding.files
            if file.state == FileState.STORED and file.fault is None
            if since and file.checked_at and file.checked_at >= since
        ]

    def _count(self, inspected: Inspected) -> None:
        verdict, found = inspected.verdict, self.found
        found.recordings += verdict.key is not None
        found.files += sum(checked.sha256 is not None for checked in verdict.checked)
        found.note(inspected.blemishes)
        if inspected.holding is None and verdict.key is not None and self._checks is not None:
            found.note([_stray(verdict)])
        if inspected.holding is not None and _has_returned(verdict, inspected.holding):
            found.returned.add(verdict.folder)
        if self.verdicts is not None:
            self.verdicts.append(verdict)

    async def _note(self, done: MemoryObjectReceiveStream[Inspected]) -> None:
        async with done:
            async for first in done:
                some = [first]
                while len(some) < _NOTED and done.statistics().current_buffer_used:
                    some.append(done.receive_nowait())
                health = [each for inspected in some for each in findings(inspected)]
                if self._checks is not None and health:
                    await self._checks.noted(health)


async def _feed(tasks: AsyncIterator[_Task], send: MemoryObjectSendStream[_Task]) -> None:
    async with send:
        async for task in tasks:
            await send.send(task)


async def _folders(
    holdings: Holdings,
) -> AsyncIterator[_Task]:
    async for holding in _each(holdings) if isinstance(holdings, Sequence) else holdings:
        if holding.folder is not None:
            yield _Task(holding.folder, holding)


async def _each(holdings: Sequence[Holding]) -> AsyncIterator[Holding]:
    for holding in holdings:
        yield holding


def _has_returned(verdict: FolderVerdict, holding: Holding) -> bool:
    """Whether a file of `holding` that is to be fetched is in its folder, in order."""
    here = verdict.names(Mark.OK)
    return any(file.state in UNSETTLED and file.name in here for file in holding.files)


def _stray(verdict: FolderVerdict) -> Blemish:
    return Blemish(
        folder=verdict.folder,
        file=FOLDER,
        mark=Mark.FOREIGN,
        provider=verdict.provider,
        recording=verdict.id,
    )


def make_rereader(
    settings: Settings,
    opened: CatalogAccess | None,
    report: Report,
    *,
    rate: int | None = None,
    since: datetime | None = None,
) -> Rereader:
    """Return what reads the archive of `settings`, at most `rate` bytes a second."""
    archive, pace, found = make_archive(settings, utc_now, report), Pace(rate), VerificationRun()
    checks = None if opened is None else opened.checks
    archive.identity.expect(None if opened is None else opened.identity)

    async def read(folder: str, *, known: Collection[str] = ()) -> FolderVerdict:
        return await archive.verify(folder, known=known, pace=pace, progress=found.count)

    inspector = Inspector(read, checks, report=report)
    return Rereader(archive, inspector, checks, found=found, clock=utc_now, since=since)


def make_scrubber(resources: Resources) -> Scrubber | None:
    """Return the scrubber of `resources`, None if `archive.scrub` turns it off."""
    period = resources.settings.archive.scrub
    if period is None:
        return None
    pace = Pace()

    async def read(folder: str, *, known: Collection[str] = ()) -> FolderVerdict:
        return await resources.archive.verify(folder, known=known, pace=pace)

    return Scrubber(
        Inspector(read, resources.checks, report=resources.report),
        resources.checks,
        period=period,
        clock=resources.clock,
        report=resources.report,
        slow=pace.keep_to,
    )


@dataclass(slots=True)
class Repair:
    """What a repair has begun; the rest is the queue's."""

    due: int = 0  #: Files that are due again.
    folders: set[str] = field(default_factory=set)  #: Where something is to be made whole.
    names: set[ProviderName] = field(default_factory=set)


class Repairer:
    """Begins the repair of what a reading found.

    The bad bytes go first, then the catalog hears of it: whoever dies in between leaves a file
    that is missing, which the next reading finds. The queue fetches, publishes and writes the
    manifest as it does for a file that is new.
    """

    def __init__(self, archive: LocalArchive, checks: SqlChecks, report: Report) -> None:
        self._archive = archive
        self._checks = checks
        self._report = report

    async def begin(self, found: Iterable[Blemish], returned: Iterable[str] = ()) -> Repair:
        """Put aside what is damaged, and make it due again, of recordings that are known.

        In the folders `returned` are files that are to be fetched: who publishes them finds these.
        """
        damaged: dict[str, list[Blemish]] = {}
        for each in found:
            if each.mark in DAMAGE:
                damaged.setdefault(each.folder, []).append(each)
        repair = Repair()
        for folder, found_there in damaged.items():
            for holding in await self._checks.in_folders([folder]):
                await self._one(holding, found_there, repair)
        for holding in await self._checks.in_folders(sorted(returned)):
            await self._checks.lost([], [holding.row])
            repair.folders.add(holding.folder or "")
            repair.names.add(holding.provider)
        return repair

    async def _one(self, holding: Holding, found: list[Blemish], repair: Repair) -> None:
        stored = {f.name: f.row for f in holding.files if f.state == FileState.STORED}
        mine = [each for each in found if each.file in stored or each.file in PAPERS]
        gone = [each for each in mine if await self._put_aside(holding, each)]
        if not gone:
            return
        rows = [stored[each.file] for each in gone if each.file in stored]
        repair.due += await self._checks.lost(rows, [holding.row])
        repair.folders.add(holding.folder or "")
        repair.names.add(holding.provider)

    async def _put_aside(self, holding: Holding, blemish: Blemish) -> bool:
        """Return whether nothing stands any more where good bytes shall be.

        What cannot be put aside is said, and left as it is; the repair goes on with the next one.
        """
        reason = blemish.reason or f"found {blemish.mark} when the archive was read again"
        try:
            if not await self._archive.put_aside(holding, blemish.file, reason):
                return False
        except TransferError as error:  # a folder that is closed to us keeps no other from repair
            self._report(
                "repair.failed",
                provider=holding.provider,
                recording=holding.id,
                folder=blemish.folder,
                file=blemish.file,
                reason=str(error),
            )
            return False
        self._report(
            "file.quarantined",
            provider=holding.provider,
            recording=holding.id,
            file=blemish.file,
            reason=reason,
        )
        return True
