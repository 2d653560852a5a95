"""A part as the pipeline sees it: each verb is one hop to a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, TypeVarTuple

from reelkeep.archive.disk import Disk
from reelkeep.archive.partfile import PartFile
from reelkeep.archive.rehash import rehash
from reelkeep.archive.threads import Threads
from reelkeep.ports import Held, Inspection

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class LocalPart:
    """The part of one download on a local disk. `enter` comes first, `leave` last.

    One thread at a time works on it, even where a caller was torn away from its thread: leaving
    waits for that thread before the file is closed (rule 28 of the transfer notes).
    """

    def __init__(self, file: PartFile, disk: Disk, threads: Threads) -> None:
        self._file = file
        self._disk = disk
        self._threads = threads
        self._turn = threading.Lock()
        self._kept = False

    @property
    def held(self) -> Held:
        return self._file.held

    async def enter(self) -> None:
        """Open the part; what can be resumed is hashed now, before a server is made to wait."""
        await self._run(self._file.open)
        if self._file.held.validator is not None:
            await self._catch_up()

    async def leave(self) -> None:
        """Close the part; unless it was kept, its bytes stay for the next attempt."""
        if not self._kept:
            await self._run(self._file.leave)

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        if self._file.pristine:  # nothing to do on disk
            self._file.begin(validator, total, promises)
        else:
            await self._run(self._file.begin, validator, total, promises)

    async def write(self, pieces: Sequence[bytes]) -> None:
        await self._catch_up()
        await self._run(self._file.append, pieces)

    async def checkpoint(self) -> None:
        await self._run(self._file.checkpoint)

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        await self._catch_up()
        size, sha256 = self._file.held.size, self._file.sha256()
        found = {"sha256": sha256}
        if others := set(digests) - {"sha256"}:
            found |= (await rehash(self._threads, self._disk, self._file.path, others)).digests
        return Inspection(size, sha256, {name: found[name] for name in digests})

    async def check(self, file_type: str) -> str | None:
        return await self._run(self._file.flaw, file_type)

    async def keep(self) -> None:
        await self._catch_up()
        await self._run(self._file.keep)
        self._kept = True

    async def quarantine(self, reason: str) -> None:
        await self._run(self._file.set_aside, reason)

    async def _catch_up(self) -> None:
        while self._file.behind:
            await self._run(self._file.catch_up)

    async def _run(self, work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        def in_turn() -> _T:
            with self._turn:
                return work(*args)

        return await self._threads.run(in_turn)
