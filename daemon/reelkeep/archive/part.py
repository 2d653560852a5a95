"""A part as the pipeline sees it: a small one in memory, others on disk by way of threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import inf

from anyio import CancelScope, CapacityLimiter

from reelkeep.archive.finished_files import ArchiveContext, Verified
from reelkeep.archive.hashed_file import new_hash
from reelkeep.archive.part_file import PartFile
from reelkeep.archive.threads import Threads
from reelkeep.archive.verify import rehash
from reelkeep.batcher import Batcher
from reelkeep.core.coverage import Coverage, Segment
from reelkeep.core.digests import needed
from reelkeep.core.examination import Examination
from reelkeep.core.media import examine, kind_of
from reelkeep.core.model import Download
from reelkeep.core.resume import SEAM
from reelkeep.errors import TooLarge, TransferError
from reelkeep.ports import Held, Inspection, Source

SMALL = 256 * 1024
"""Bytes up to which a new file is held in memory."""


class Memory:
    """The beginning of a file that no disk knows yet, and what it belongs to."""

    def __init__(
        self,
        validator: str | None = None,
        total: int | None = None,
        promises: Mapping[str, str] | None = None,
        *,
        most: int,
    ) -> None:
        """Hold at most `most` bytes; more are for the disk."""
        self._most = most
        self._belongs = validator, total, dict(promises or {})
        self._size = 0
        self._sha256: str | None = None
        self.pieces: list[bytes] = []

    @property
    def held(self) -> Held:
        return Held(self._size, *self._belongs)

    def takes(self, pieces: Sequence[bytes]) -> bool:
        """Append `pieces`; False, and nothing is changed, if they would be too much."""
        size = self._size + sum(map(len, pieces))
        if size > self._most:
            return False
        self.pieces.extend(pieces)
        self._sha256 = None
        self._size = size
        return True

    def content(self) -> bytes:
        """Return all of it."""
        if len(self.pieces) != 1:
            self.pieces = [b"".join(self.pieces)]
        return self.pieces[0]

    def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return its size and digests; that takes less time than a thread hop would."""
        content = self.content()
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(content).hexdigest()
        found = {name: _digest(name, content) for name in digests}
        return Inspection(len(content), self._sha256, found)


def _digest(name: str, content: bytes) -> str:
    found = new_hash(name)
    found.update(content)
    return found.hexdigest()


BUFFER = 256 * 1024
"""Bytes that are drawn at once."""


class DigestPart:
    """See `ports.Part`. Bytes are hashed as they come, and forgotten; nothing touches a disk.

    It grows at its end only, and may be resumed while it lives. It can be neither kept nor
    examined.
    """

    def __init__(self) -> None:
        self._threads = Threads(CapacityLimiter(inf))  # each waits for a network
        self._held = Held()
        self._hashes = {"sha256": new_hash("sha256")}
        self._tail = b""  # the last bytes, for a resume proves that they fit

    @property
    def held(self) -> Held:
        return self._held

    @property
    def coverage(self) -> Coverage | None:
        return None

    @property
    def distrusted(self) -> bool:
        return False

    @property
    def behind(self) -> int:
        return 0

    @property
    def sha256(self) -> str:
        """The digest of what came so far."""
        return self._hashes["sha256"].hexdigest()

    async def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the last 64 KiB; what came before is gone, and nothing is returned."""
        at = offset - (self._held.size - len(self._tail))
        return b"" if at < 0 else self._tail[at : at + size]

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        self._held = Held(0, validator, total, dict(promises))
        self._hashes = {name: new_hash(name) for name in {"sha256", *needed(promises)}}
        self._tail = b""

    def distrust(self) -> None:
        self._held, self._tail = Held(), b""

    async def write(self, pieces: Sequence[bytes]) -> None:
        await self._threads.run(self._add, pieces)

    async def absorb(self, source: Source, most: int) -> None:
        await self._threads.run(self._absorb, source, most)

    async def scatter(self, total: int) -> Coverage:
        raise NotImplementedError("what is only hashed comes in order")

    async def fill(self, source: Source, most: int, claim: Segment) -> None:
        raise NotImplementedError("what is only hashed comes in order")

    async def follow(self) -> None:
        """Do nothing: all is hashed as it comes."""

    async def checkpoint(self) -> None:
        """Do nothing: nothing is durable."""

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return what is known; of `digests`, those that the beginning promised."""
        found = {name: made.hexdigest() for name, made in self._hashes.items()}
        known = {name: found[name] for name in digests if name in found}
        return Inspection(self._held.size, found["sha256"], known)

    async def examine(self, file_type: str, *, sized: bool) -> Examination:  # noqa: ARG002 (the signature is the port's)
        """Return nothing: the bytes are gone."""
        return Examination()

    async def keep(self) -> None:
        raise NotImplementedError("what is only hashed cannot be kept")

    async def quarantine(self, reason: str) -> None:  # noqa: ARG002 (the signature is the port's)
        """Forget the bytes: there is nothing to put aside."""
        await self.begin(validator=None, total=None, promises={})

    def _add(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            for made in self._hashes.values():
                made.update(piece)
            self._tail = (self._tail[-SEAM:] + piece[-SEAM:])[-SEAM:]
        size = self._held.size + sum(map(len, pieces))
        held = self._held
        self._held = Held(size, held.validator, held.total, held.promises)

    def _absorb(self, source: Source, most: int) -> None:
        buffer, left = memoryview(bytearray(min(BUFFER, most))), most
        while left:
            view = buffer[: min(len(buffer), left)]
            count = source.draw(view)
            self._add([bytes(view[:count])] if count else [])
            left -= count
            if count < len(view):
                return


LARGE = 1024 * 1024
"""From here on it is looked whether there is room for a body, once its size is announced."""

ABSURD = 1 << 50
"""A body announced with so many bytes is no file that waits for room: it ends early."""


@dataclass(frozen=True, slots=True)
class PartContext:
    """What all parts of one archive share; `drawing` are threads that may wait for a network."""

    ground: ArchiveContext
    threads: Threads
    drawing: Threads
    keep: Batcher[Verified, bool]
    room: Callable[[], int]  #: Bytes that may still be written; blocking.


class LocalPart:
    """The part of one download on a local disk. `enter` comes first, `leave` last.

    What it does to its file it does in threads. A caller may be torn away from its thread: leaving
    waits for all of them before the file is closed (rule 28 of the transfer notes). `small` is the
    number of bytes up to which it is held in memory; 0 for a part that may be on disk already.
    """

    def __init__(self, context: PartContext, download: Download, *, small: int) -> None:
        self._context = context
        self._ground = context.ground
        self._download = download
        self._threads = context.threads
        self._drawing = context.drawing
        self._small = small
        self._memory = Memory(most=small) if small else None
        self.kept = False  #: It is a finished file now.

    @cached_property
    def _file(self) -> PartFile:
        return PartFile(self._ground, self._download)

    @property
    def in_memory(self) -> bool:
        """Whether no disk knows of it."""
        return self._memory is not None

    @property
    def is_gone(self) -> bool:
        """Whether there is nothing to leave behind."""
        return self.kept or (self._memory is not None and not self._memory.pieces)

    @property
    def held(self) -> Held:
        return self._file.held if self._memory is None else self._memory.held

    @property
    def coverage(self) -> Coverage | None:
        return self._file.coverage if self._memory is None else None

    @property
    def behind(self) -> int:
        return self._file.behind if self._memory is None else 0

    @property
    def distrusted(self) -> bool:
        return self._memory is None and self._file.distrusted

    async def enter(self) -> None:
        """Open the part, and take over what there is of it."""
        if self._memory is None:
            await self._threads.run(self._file.open)

    async def leave(self) -> None:
        """Close the part; unless it was kept, its bytes stay for the next attempt."""
        if self.is_gone:
            return
        if self._memory is not None:
            with suppress(TransferError):  # nothing depends on a part
                await self._to_disk()
        if self._memory is None:
            await self._threads.run(self._file.leave)

    async def read(self, offset: int, size: int) -> bytes:
        if self._memory is not None:
            return self._memory.content()[offset : offset + size]
        return await self._threads.run(self._file.read_at, offset, size)

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        if total is not None and LARGE < total < ABSURD:
            await self._threads.run(self._see_that_it_fits, total)
        if self._memory is not None:
            self._memory = Memory(validator, total, promises, most=self._small)
        elif self._file.pristine:  # nothing to do on disk
            self._file.begin(validator, total, promises)
        else:
            await self._threads.run(self._file.begin, validator, total, promises)

    def distrust(self) -> None:
        if self._memory is not None:
            self._memory = Memory(most=self._small)
        else:
            self._file.distrust()

    async def write(self, pieces: Sequence[bytes]) -> None:
        if self._memory is not None and self._memory.takes(pieces):
            return
        await self._to_disk()
        await self._threads.run(self._file.append, pieces)

    async def absorb(self, source: Source, most: int) -> None:
        await self._to_disk()
        await self._drawing.run(self._file.absorb, source, most)

    async def scatter(self, total: int) -> Coverage:
        await self._to_disk()
        return await self._threads.run(self._file.scatter, total)

    async def fill(self, source: Source, most: int, claim: Segment) -> None:
        claim.reach = min(claim.end, claim.at + most)
        await self._drawing.run(self._file.fill, source, claim.reach - claim.at, claim)

    async def follow(self) -> None:
        await self._threads.run(self._file.follow, self._file.written)

    async def _follow_all(self) -> None:
        while self._file.behind:
            await self.follow()

    async def checkpoint(self) -> None:
        await self._to_disk()
        await self._threads.run(self._file.checkpoint, self._file.filled)

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        if self._memory is not None:
            return self._memory.inspect(digests)
        await self._follow_all()
        size, sha256 = self._file.written, self._file.sha256()
        found = {"sha256": sha256}
        if others := set(digests) - {"sha256"}:
            again = await rehash(self._threads, self._ground.disk, self._file.path, others)
            found |= again.digests
        return Inspection(size, sha256, {name: found[name] for name in digests})

    async def examine(self, file_type: str, *, sized: bool) -> Examination:
        kind = kind_of(file_type, self._download.name.rpartition(".")[2])
        if self._memory is None:
            return await self._threads.run(self._file.examine, kind, sized)
        content = self._memory.content()
        return examine(kind, lambda at, size: content[at : at + size], len(content), sized=sized)

    async def keep(self) -> None:
        with CancelScope(shield=True):  # either it has its place, or it is a part as before
            if self._memory is not None:
                content, sha256 = self._memory.content(), self._memory.inspect(()).sha256
                await self._context.keep(Verified(self._download, sha256, content))
            else:
                await self._follow_all()
                sha256 = await self._threads.run(self._file.finish)
                await self._context.keep(Verified(self._download, sha256))
                await self._threads.run(self._file.record.drop)
        self.kept = True

    async def quarantine(self, reason: str) -> None:
        await self._to_disk()
        await self._threads.run(self._file.set_aside, reason)

    def _see_that_it_fits(self, total: int) -> None:
        """Refuse a body that its server announces to be larger than what is left. Blocking."""
        room = self._context.room() + self.held.size
        if total > room:
            raise TooLarge(f"{total} bytes are announced, {max(0, room)} are left", size=total)

    async def _to_disk(self) -> None:
        """Go on on disk, with what was held in memory."""
        if self._memory is not None:
            memory, self._memory = self._memory, None
            with CancelScope(shield=True):  # else they would be nowhere
                await self._threads.run(self._file.take_in, memory.held, memory.pieces)
