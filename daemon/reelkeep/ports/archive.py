"""What the pipeline needs of the place where finished recordings live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reelkeep.core.coverage import Coverage, Segment
from reelkeep.core.examination import Examination
from reelkeep.core.model import Download, HeldFile, Holding


@dataclass(frozen=True, slots=True)
class Held:
    """What earlier attempts left of a file."""

    size: int = 0  #: Bytes from the start that can be built on.
    validator: str | None = None  #: The strong ETag or date they belong to.
    total: int | None = None  #: Bytes of the whole, as its server announced it.
    promises: Mapping[str, str] = field(default_factory=dict)  #: Digests of the whole, announced.
    beyond: int = 0  #: Bytes that are there behind a gap.


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is held: bytes, hex SHA-256, and further digests by the names of `core.digests`."""

    size: int
    sha256: str
    digests: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Where a thread draws bytes from; see `ports.Tap`."""

    def draw(self, into: memoryview) -> int:
        """Put bytes at the beginning of `into`; return how many, fewer than fit if it stops."""
        ...


class Part(Protocol):
    """An unfinished file, held by one writer. Leaving its context keeps the bytes."""

    @property
    def held(self) -> Held: ...

    @property
    def coverage(self) -> Coverage | None:
        """What is there of a part that is filled out of order; None: it grows at its end only."""
        ...

    @property
    def distrusted(self) -> bool:
        """Whether bytes that nobody may build on may be on disk still."""
        ...

    @property
    def behind(self) -> int:
        """Bytes of the beginning that `follow` has still to hash."""
        ...

    async def read(self, offset: int, size: int) -> bytes:
        """Return the bytes that are held from `offset`, `size` of them unless they end before."""
        ...

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        """Forget all bytes; what is written from now on belongs to `validator`.

        The validator is on disk before the first byte is (rule 2 of the transfer notes).
        """
        ...

    def distrust(self) -> None:
        """Let nobody build on what is held, from now on; no disk is asked for that.

        Leaving removes the bytes. `begin` forgets them, and what comes then is trusted.
        """
        ...

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append, in one thread hop, and hash what was written. A short write is completed.

        Raises:
            DiskFull: No room; what fitted stays.
            IoFailed: The disk failed; the part is not trusted any more.
        """
        ...

    async def absorb(self, source: Source, most: int) -> None:
        """Append what `source` gives, until it stops or `most` bytes came, in one thread hop.

        What was drawn before an error is kept.

        Raises:
            DiskFull, IoFailed: As `write`.
            TransferError: Whatever `source` raises.
        """
        ...

    async def scatter(self, total: int) -> Coverage:
        """Let the part be filled out of order from now on; it will have `total` bytes."""
        ...

    async def fill(self, source: Source, most: int, claim: Segment) -> None:
        """Write what `source` gives where `claim` of the coverage stands; as `absorb` else.

        Several may do so at once, each with a claim of its own.
        """
        ...

    async def follow(self) -> None:
        """Hash a slice of the beginning that was not hashed yet; others may write meanwhile.

        Raises:
            Rotten: The disk does not hold what was written to it.
        """
        ...

    async def checkpoint(self) -> None:
        """Flush what was written and journal it, so that it survives a power cut."""
        ...

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return size, SHA-256 and the other `digests` (`core.digests.needed`) of what is held."""
        ...

    async def examine(self, file_type: str, *, sized: bool) -> Examination:
        """Return what the held bytes show; `sized`: they are as many as the provider promised."""
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

    @property
    def min_free(self) -> int:
        """Bytes of the disk that are left free for others."""
        ...

    def part(self, download: Download) -> AbstractAsyncContextManager[Part]:
        """Open the unfinished file for `download`, resuming an earlier one.

        One that is `distrusted` begins anew, or does not open.
        """
        ...

    async def finished(self, download: Download) -> Inspection | None:
        """Return what is known of a finished file of that name, read again from disk, if any.

        A crash may fall between the file getting its name and the catalog hearing of it.
        """
        ...

    async def recall(self, download: Download, sha256: str) -> Inspection | None:
        """Give quarantined bytes of `download` that have this digest the place of its file.

        None if there are none any more. The file is durable when this returns.
        """
        ...

    async def reclaim(self, holding: Holding) -> Sequence[HeldFile]:
        """Return, as they were stored, files of `holding` that its folder holds, but not it.

        The folder's manifest must call them stored, and their bytes be those.
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

    async def capacity(self) -> int:
        """Return the bytes that this disk would hold of ours if nothing else were on it."""
        ...

    async def probe(self, *, write: bool = True) -> None:
        """See whether the archive takes files now; with `write`, by writing a small one.

        Raises:
            DiskFull: It has no room for one more file.
            StorageUnavailable: It cannot be written at all.
        """
        ...
