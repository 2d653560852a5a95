"""Give small files their place among the finished ones, many in one visit to a thread.

All are written, then all are flushed at once, then all get their names, and at last these are
flushed. Whatever fails of one concerns no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from anyio import CancelScope, Event, Semaphore

from reelkeep.archive.flushing import Flushers
from reelkeep.archive.part_file import ArchiveContext, FinishedPlace
from reelkeep.archive.threads import Threads
from reelkeep.core.model import Download
from reelkeep.disk import disk_error, write_unflushed
from reelkeep.errors import TransferError

Asked = TypeVar("Asked")
Grant = TypeVar("Grant")

MOST = 64
"""Requests in one visit."""

VISITS = 2
"""Visits at a time: while one waits for the disk, the next is prepared."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Asked, Grant]):
    """What somebody asked for, and what became of it."""

    asked: Asked
    done: Event = field(default_factory=Event)
    answer: Grant | OSError | TransferError | None = None


class Batcher(Generic[Asked, Grant]):
    """Whoever comes while others are served waits, and is served with all who wait by then.

    `work` runs in a thread, and returns for each request what was asked for, or why not.
    """

    def __init__(
        self,
        threads: Threads,
        work: Callable[[Sequence[Asked]], Sequence[Grant | OSError | TransferError]],
    ) -> None:
        self._threads = threads
        self._work = work
        self._waiting: list[_Waiting[Asked, Grant]] = []
        self._visits = Semaphore(VISITS, fast_acquire=True)

    async def __call__(self, asked: Asked) -> Grant:
        """Return what became of `asked`.

        Raises:
            DiskFull, IoFailed: The disk failed it.
        """
        mine: _Waiting[Asked, Grant] = _Waiting(asked)
        self._waiting.append(mine)
        try:
            async with self._visits:
                if mine in self._waiting:
                    await self._serve()
            await mine.done.wait()
        finally:
            if mine in self._waiting:  # we were torn away before our turn
                self._waiting.remove(mine)
        return _granted(mine)

    async def _serve(self) -> None:
        """Serve all who wait; others depend on it, so that whoever does it is not cancelled."""
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            with CancelScope(shield=True):
                answers = await self._threads.run(self._work, [each.asked for each in batch])
            for each, answer in zip(batch, answers, strict=True):
                each.answer = answer
        finally:
            for each in batch:
                each.done.set()


def _granted(waiting: _Waiting[Asked, Grant]) -> Grant:
    answer = waiting.answer
    if isinstance(answer, OSError):
        raise disk_error(answer) from answer
    if isinstance(answer, TransferError):
        raise answer
    if answer is None:
        raise RuntimeError("a batch left somebody without an answer")
    return answer


@dataclass(frozen=True, slots=True)
class Whole:
    """A small file that is whole and verified, and still in memory."""

    download: Download
    content: bytes
    sha256: str


class SmallFiles:
    """Keeps small files of one archive. Blocking."""

    def __init__(self, ground: ArchiveContext, flushers: Flushers) -> None:
        self._ground = ground
        self._flushers = flushers

    def keep(self, wholes: Sequence[Whole]) -> list[bool | OSError | TransferError]:
        """Keep all of `wholes`; return for each True, or why not."""
        try:
            self._ground.identity.check()
        except (OSError, TransferError) as absent:
            return [absent] * len(wholes)
        all_ = [_Keeping(self._ground, whole) for whole in wholes]
        _each(all_, _Keeping.write)
        good = [each for each in all_ if each.error is None]
        for each, error in zip(good, self._flushers.flush([g.flush for g in good]), strict=True):
            each.error = error
        _each(good, _Keeping.give_name)
        self._flush_names([each for each in good if each.error is None])
        for each in all_:
            each.tidy()
        return [each.error or True for each in all_]

    def _flush_names(self, named: list[_Keeping]) -> None:
        try:
            if named:
                self._ground.directories.flush(self._ground.places.finished)
        except OSError as error:
            for each in named:
                each.error = error
                each.take_name()


class _Keeping:
    """One file on its way."""

    def __init__(self, ground: ArchiveContext, whole: Whole) -> None:
        self.error: OSError | TransferError | None = None
        self._disk = ground.disk
        self._mode = ground.file_mode
        self._whole = whole
        self._scratch = ground.places.part(whole.download)
        self._finish = FinishedPlace(ground, whole.download)
        self._fd: int | None = None

    def write(self) -> None:
        self._fd = write_unflushed(self._disk, self._scratch, self._whole.content, self._mode)

    def flush(self) -> None:
        if self._fd is not None:
            self._disk.fsync(self._fd)

    def give_name(self) -> None:
        self._finish.make_room(self._whole.sha256)
        self._finish.give_name(self._scratch)

    def take_name(self) -> None:
        self._finish.take_name()

    def tidy(self) -> None:
        """Close the file; if something failed, remove what is left of it."""
        with suppress(OSError):
            if self._fd is not None:
                self._disk.close(self._fd)
        if self.error is not None:
            with suppress(OSError):
                self._disk.unlink(self._scratch)


def _each(files: list[_Keeping], step: Callable[[_Keeping], None]) -> None:
    for each in files:
        if each.error is None:
            try:
                step(each)
            except (OSError, TransferError) as error:
                each.error = error
