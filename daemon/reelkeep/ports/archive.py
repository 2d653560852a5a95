"""What the pipeline needs of the place where finished recordings live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reelkeep.core.model import Download, Holding


@dataclass(frozen=True, slots=True)
class Held:
    """What earlier attempts left of a file."""

    size: int = 0  #: Bytes that can be built on.
    validator: str | None = None  #: The strong ETag or date they belong to.
    total: int | None = None  #: Bytes of the whole, as its server announced it.
    promises: Mapping[str, str] = field(default_factory=dict)  #: Digests of the whole, announced.


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is held: bytes, hex SHA-256, and further digests by hashlib name."""

    size: int
    sha256: str
    digests: Mapping[str, str] = field(default_factory=dict)


class Part(Protocol):
    """An unfinished file, held by one writer. Leaving its context keeps the bytes."""

    @property
    def held(self) -> Held: ...

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        """Forget all bytes; what is written from now on belongs to `validator`.

        The validator is on disk before the first byte is (rule 2 of the transfer notes).
        """
        ...

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append, in one thread hop, and hash what was written. A short write is completed.

        Raises:
            DiskFull: No room; what fitted stays.
            IoFailed: The disk failed; the part is not trusted any more.
        """
        ...

    async def checkpoint(self) -> None:
        """Flush what was written and journal the offset, so that it survives a power cut."""
        ...

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return size, SHA-256 and the other `digests` (hashlib names) of what is held."""
        ...

    async def check(self, file_type: str) -> str | None:
        """Return what is wrong with the container of the held bytes, None if nothing is known."""
        ...

    async def keep(self) -> None:
        """Flush the bytes and give them their name among the recording's finished files.

        The file is durable when this returns. An equal file that is there already is fine.
        """
        ...

    async def quarantine(self, reason: str) -> None:
        """Put the bytes aside for people to look at, and forget them."""
        ...


class Archive(Protocol):
    """Where finished recordings live."""

    def part(self, download: Download) -> AbstractAsyncContextManager[Part]:
        """Open the unfinished file for `download`, resuming an earlier one."""
        ...

    async def finished(self, download: Download) -> Inspection | None:
        """Return what is known of a finished file of that name, read again from disk, if any.

        A crash may fall between the file getting its name and the catalog hearing of it.
        """
        ...

    async def publish(self, holding: Holding) -> str:
        """Make the recording's finished files visible, with manifest and sums; return the folder.

        Atomic and durable: the folder appears whole, or a late file is added and the manifest
        replaced. Doing it again changes nothing.
        """
        ...

    async def free(self) -> int:
        """Return the bytes that may still be written to this disk by us."""
        ...
