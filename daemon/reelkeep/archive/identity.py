"""Know which archive lies at a place, and notice when it is another one."""

from __future__ import annotations

from pathlib import Path

from reelkeep.archive.places import Places
from reelkeep.archive.threads import Threads
from reelkeep.core.disk_errors import row_of
from reelkeep.core.identity import IDENTITY_BYTES, Ruling, decode_identity, encode_identity, refusal
from reelkeep.disk import Disk, read_small, replace_small
from reelkeep.errors import ArchiveAbsent

_MODE = 0o600


class ArchiveIdentity:
    """The identity of the archive at one place, and the one that is expected there. Blocking.

    Until one is expected, every place will do.
    """

    def __init__(self, disk: Disk, places: Places) -> None:
        self._disk = disk
        self._places = places
        self._expected: str | None = None
        self._seen: tuple[int, int] | None = None  # device and number of the file that was right

    def read(self) -> str | None:
        """Return the identity that lies there, None if there is none.

        Raises:
            ArchiveAbsent: There is one, and it cannot be read.
        """
        path = self._places.identity
        try:
            content = read_small(self._disk, path, limit=IDENTITY_BYTES)
        except NotADirectoryError:
            return None
        except OSError as error:
            row = row_of(error.errno)
            why = f"{error.strerror}. {row.meaning} {row.advice}"
            told = f"{path} cannot be read: {why} Nothing is written to this archive until then"
            raise ArchiveAbsent(told) from error
        if content is None and self._disk.status(path) is not None:
            told = f"{path} is no regular file; move away what stands there"
            raise ArchiveAbsent(f"{told}. Nothing is written to this archive until then")
        try:
            return None if content is None else decode_identity(content)
        except ValueError as error:
            told = (
                f"{path} is damaged: {error}; nothing is written to this archive. If it is the "
                "right one, remove that file and run `reelkeep archive init`"
            )
            raise ArchiveAbsent(told) from error

    def write(self, identity: str) -> None:
        """Give the archive `identity`, durably, and expect it from now on."""
        scratch = self._places.identity.with_suffix(".tmp")
        content = encode_identity(identity)
        replace_small(self._disk, self._places.identity, content, mode=_MODE, scratch=scratch)
        self.expect(identity)

    def expect(self, identity: str | None) -> None:
        """Let only the archive with `identity` be written to from now on; None: any."""
        self._expected, self._seen = identity, None

    def check(self) -> None:
        """See that the expected archive is still there: one look at a file's status.

        Raises:
            ArchiveAbsent: It is not; nothing must be written.
        """
        if self._expected is None:
            return
        status = self._disk.status(self._places.identity)
        mark = None if status is None else (status.st_dev, status.st_ino)
        if mark is not None and mark == self._seen:
            return
        found = self.read()
        if found == self._expected:
            self._seen = mark  # some file systems number their files anew now and then
            return
        self._seen = None
        ruling = Ruling.ABSENT if found is None else Ruling.OTHER
        raise ArchiveAbsent(refusal(ruling, str(self._places.root)) or "")


class IdentityAccess:
    """The same for those on the event loop."""

    def __init__(self, threads: Threads, identity: ArchiveIdentity) -> None:
        self._threads = threads
        self._identity = identity

    async def read(self) -> str | None:
        """Return which archive lies there; see `ArchiveIdentity.read`."""
        return await self._threads.run(self._identity.read)

    async def write(self, identity: str) -> None:
        """Give the archive an identity, durably, and expect it from now on."""
        await self._threads.run(self._identity.write, identity)

    def expect(self, identity: str | None) -> None:
        """Let only this archive be written to, whatever else is mounted there; None: any."""
        self._identity.expect(identity)

    async def check(self) -> None:
        """See that the expected archive is there; see `ArchiveIdentity.check`."""
        await self._threads.run(self._identity.check)


def read_identity(root: Path) -> str | None:
    """Return which archive is at `root`; see `ArchiveIdentity.read`. Blocking."""
    return ArchiveIdentity(Disk(), Places(root)).read()
