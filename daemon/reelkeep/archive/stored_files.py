"""Read stored files by the piece, for people who look at them; nothing is changed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Final

from anyio import CapacityLimiter

from reelkeep.archive.paths import ArchivePaths, form_of, waiting
from reelkeep.archive.threads import Threads
from reelkeep.core.model import HeldFile, Holding
from reelkeep.disk import Disk

_THREADS: Final = 4
"""Reads at once: browsers wait for each other, and never for long in the way of transfers."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A stored file that is open for reading."""

    size: int  #: Bytes.
    _fd: int
    _threads: Threads

    async def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on.

        Raises:
            IoFailed: The disk failed us.
        """
        return await self._threads.run(os.pread, self._fd, size, offset)


class StoredFiles:
    """The stored files of the archive at `root`."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._places = ArchivePaths(root)
        self._disk = disk
        self._threads = Threads(CapacityLimiter(_THREADS))

    @asynccontextmanager
    async def open(self, holding: Holding, file: HeldFile) -> AsyncIterator[OpenFile | None]:
        """Open a stored file; None if it is not there in the size that the catalog has.

        Raises:
            IoFailed: The disk failed us.
        """
        fd = await self._threads.run(self._opened, holding, file)
        if fd is None:
            yield None
            return
        try:
            yield OpenFile(file.size or 0, fd, self._threads)
        finally:
            os.close(fd)

    def _opened(self, holding: Holding, file: HeldFile) -> int | None:
        for path in self._candidates(holding, file):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                continue
            status = os.fstat(fd)
            if S_ISREG(status.st_mode) and status.st_size == file.size:
                return fd
            os.close(fd)
        return None

    def _candidates(self, holding: Holding, file: HeldFile) -> list[Path]:
        before = waiting(self._places, holding, file)
        if holding.folder is None:
            return before
        home = self._places.root / holding.folder
        return [form_of(self._disk, home).files(home) / file.name, *before]
