"""Know the file systems of their own that are mounted, or linked to, below an archive.

A file can be renamed only within one file system. What becomes part of a folder on another volume
is therefore copied to `.reelkeep` of that volume first, flushed there, and then renamed. A volume
is found when the kernel refuses a rename; from then on it is listed in `.reelkeep/volumes` of the
archive, and bears the archive's identity: its empty mount point is not taken for it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reelkeep.archive.file_system import try_file_system
from reelkeep.archive.paths import ArchivePaths
from reelkeep.archive.setup import ArchiveIdentity
from reelkeep.archive.threads import Threads
from reelkeep.core.file_system import FileSystem
from reelkeep.core.manifest import is_plain_name
from reelkeep.disk import Disk, read_small, replace_small, write_small
from reelkeep.errors import ArchiveAbsent

_LIST_BYTES = 1 << 20
_OCTAL = re.compile(r"\\([0-7]{3})")
"""How the kernel writes spaces and the like in its table of mounts."""
_OURS = 0o700
_LIST_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Away:
    """A folder of the archive below which nobody can say now what is missing."""

    folder: PurePosixPath
    reason: str


class Volumes:
    """The volumes below one archive. Blocking."""

    def __init__(self, disk: Disk, places: ArchivePaths, identity: ArchiveIdentity) -> None:
        self._disk = disk
        self._main = places
        self._identity = identity
        self._known: list[PurePosixPath] | None = None
        self._filled = set[PurePosixPath]()
        self._lock = threading.Lock()

    def near(self, folder: PurePosixPath) -> ArchivePaths:
        """Return the places on the volume that holds `folder`, those of the archive for most.

        Raises:
            ArchiveAbsent: It is listed as a volume, and is not mounted.
        """
        within = [volume for volume in self.known() if folder.is_relative_to(volume)]
        if not within:
            return self._main
        volume = max(within, key=lambda each: len(each.parts))
        if (told := self.absence(volume)) is not None:
            raise ArchiveAbsent(told)
        return self._places(volume)

    def find(self, folder: PurePosixPath) -> ArchivePaths:
        """Return the places on the volume that holds `folder`, which a rename did not reach.

        Raises:
            ArchiveAbsent: As `near`.
            OSError: There is no such volume, or it cannot be written.
        """
        with self._lock:
            self._look_along(folder)
        places = self.near(folder)
        if places is self._main:
            told = (
                "`.reelkeep` is on another file system than the archive that it belongs to; put "
                "both on one"
            )
            raise OSError(errno.EXDEV, told, str(self._main.ours))
        return places

    def _look_along(self, folder: PurePosixPath) -> None:
        within = self._main
        for volume in _above(folder):
            if self._disk.status(self._main.root / volume) is None:
                return
            if volume in self.known():
                within = self._places(volume)
            elif not self._reaches(within, volume):
                self._begin(volume)
                within = self._places(volume)

    def known(self) -> list[PurePosixPath]:
        """Return the volumes that are listed, as folders of the archive."""
        if self._known is None:
            content = read_small(self._disk, self._main.volumes, limit=_LIST_BYTES)
            self._known = [] if content is None else _decoded(content)
        return self._known

    def absence(self, volume: PurePosixPath) -> str | None:
        """Return why `volume` cannot be written to; None if it is mounted."""
        try:
            if (lies := self._lies(volume)) is None:
                return None
        except (OSError, ArchiveAbsent) as error:
            return str(error)
        return (
            f"{self._main.root / volume} {lies}, and this archive has a volume there: nothing is "
            "written to it. "
            "Mount it. If it is lost for good, `reelkeep archive init --volumes` begins it anew"
        )

    def away(self, folder: PurePosixPath) -> Away | None:
        """Return what keeps everybody from saying what is in `folder`; None: nothing does.

        That is a volume above it that is not mounted, or a link above it that leads nowhere, or to
        an empty directory: the mount point of a disk, for all we know.

        Raises:
            ArchiveAbsent, OSError: The list of volumes cannot be read.
        """
        for volume in self.known():
            if folder.is_relative_to(volume) and (reason := self._why_away(volume)) is not None:
                return Away(volume, reason)
        for place in _above(folder):
            if _leads_nowhere(self._main.root / place):
                return Away(place, f"the link {place} leads nowhere: is its disk mounted?")
        return None

    def _why_away(self, volume: PurePosixPath) -> str | None:
        try:
            lies = self._lies(volume)
        except (OSError, ArchiveAbsent) as error:
            lies = f"cannot be read: {error}"
        return lies and f"the volume {volume} {lies}"

    def _lies(self, volume: PurePosixPath) -> str | None:
        """Return how it stands with a volume that is not there; None if it is."""
        places = self._places(volume)
        ours, found = self._identity.read(), ArchiveIdentity(self._disk, places).read()
        if found == ours and self._disk.status(places.ours) is not None:
            return None
        return "is not mounted" if found is None else "is a volume of another archive"

    def absences(self) -> list[str]:
        """Return why volumes cannot be written to; nothing if all are mounted."""
        return [told for volume in self.known() if (told := self.absence(volume)) is not None]

    def begin_absent(self) -> list[PurePosixPath]:
        """Begin those anew that are not there, because an operator says so; return them."""
        absent = [volume for volume in self.known() if self.absence(volume) is not None]
        for volume in absent:
            self._furnish(self._places(volume))
        return absent

    def fills(self, folder: PurePosixPath) -> None:
        """Note that new recordings go to the volume of `folder`."""
        within = [volume for volume in self.known() if folder.is_relative_to(volume)]
        self._filled.update(within)

    def free(self) -> int:
        """Return the bytes that are free where new recordings go, on the fullest volume."""
        roots = [self._main.root / volume for volume in sorted(self._filled)]
        return min(self._disk.free(root) for root in [self._main.root, *roots])

    def try_all(self) -> list[FileSystem]:
        """Return what the archive's file system can do, and each volume's that is there."""
        root = self._main.root
        found = [
            try_file_system(self._disk, places, str(places.root.relative_to(root)))
            for places in self.all_places()
        ]
        with suppress(OSError):  # a courtesy to those who only look
            content = json.dumps([each.facts() for each in found], indent=2).encode() + b"\n"
            write_small(self._disk, self._main.file_systems, content, _LIST_MODE)
        return found

    def tried(self) -> list[FileSystem]:
        """Return what was found at the last start; nothing if that is not known."""
        try:
            content = read_small(self._disk, self._main.file_systems, limit=_LIST_BYTES)
            return [FileSystem(**each) for each in json.loads(content or b"[]")]
        except (OSError, ValueError, TypeError, RecursionError):
            return []

    def all_places(self) -> Iterator[ArchivePaths]:
        """Yield the places of the archive, and of each volume that is there."""
        yield self._main
        for volume in self.known():
            if self.absence(volume) is None:
                yield self._places(volume)

    def _places(self, volume: PurePosixPath) -> ArchivePaths:
        return ArchivePaths(self._main.root / volume)

    def _reaches(self, within: ArchivePaths, volume: PurePosixPath) -> bool:
        """Whether what is staged `within` a volume can get a name below the folder `volume`."""
        there, name = self._places(volume).ours, f"volume-{os.getpid()}.tmp"
        is_new = self._disk.status(there) is None
        if is_new:
            self._disk.mkdir(there, _OURS)
        try:
            return self._can_rename(within.staging / name, there / name)
        finally:
            if is_new:
                self._disk.rmdir(there)

    def _can_rename(self, source: Path, target: Path) -> bool:
        write_small(self._disk, source, b"reelkeep looks for file systems here\n", _LIST_MODE)
        try:
            self._disk.rename(source, target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        finally:
            for path in (source, target):
                with suppress(OSError):
                    self._disk.unlink(path)
        return True

    def _begin(self, volume: PurePosixPath) -> None:
        """Make `.reelkeep` on a volume, and list it, durably; only then it is used."""
        self._furnish(self._places(volume))
        known = [*self.known(), volume]
        content = json.dumps([str(each) for each in known], indent=2).encode() + b"\n"
        scratch = self._main.volumes.with_suffix(".tmp")
        replace_small(self._disk, self._main.volumes, content, mode=_LIST_MODE, scratch=scratch)
        self._known = known

    def _furnish(self, places: ArchivePaths) -> None:
        for path in (places.ours, places.staging, places.quarantine):
            if self._disk.status(path) is None:
                self._disk.mkdir(path, _OURS)
        self._disk.fsync_directory(places.ours)
        self._disk.fsync_directory(places.root)
        if (identity := self._identity.read()) is not None:
            ArchiveIdentity(self._disk, places).write(identity)


def _above(folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield each folder of the archive down to `folder`."""
    for length in range(1, len(folder.parts) + 1):
        yield PurePosixPath(*folder.parts[:length])


def _leads_nowhere(path: Path) -> bool:
    """Whether `path` is a link to nothing, or to an empty directory."""
    if not path.is_symlink():
        return False
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except PermissionError:
        return False  # something is there, and says so itself
    except OSError:
        return True


def _decoded(content: bytes) -> list[PurePosixPath]:
    try:
        found = json.loads(content)
        names = [str(each).split("/") for each in found]
    except (ValueError, TypeError, RecursionError):
        names = [[""]]
    if not all(is_plain_name(name) for each in names for name in each):
        raise ArchiveAbsent("`.reelkeep/volumes` is damaged; remove it, and restart reelkeep")
    return [PurePosixPath(*each) for each in names]


class VolumeAccess:
    """The same for those on the event loop."""

    def __init__(self, threads: Threads, volumes: Volumes) -> None:
        self._threads = threads
        self._volumes = volumes

    async def absences(self) -> Sequence[str]:
        """Return why volumes cannot be written to; nothing if all are mounted."""
        return await self._threads.run(self._volumes.absences)

    async def tried(self) -> Sequence[FileSystem]:
        """Return what was found at the last start; nothing if that is not known."""
        return await self._threads.run(self._volumes.tried)

    async def try_all(self) -> Sequence[FileSystem]:
        """Return what the archive's file system can do, and each volume's that is there."""
        return await self._threads.run(self._volumes.try_all)

    async def begin_absent(self) -> Sequence[PurePosixPath]:
        """Begin those anew that are not there, because an operator says so; return them."""
        return await self._threads.run(self._volumes.begin_absent)


def mounted_below(root: Path, table: Path = Path("/proc/self/mountinfo")) -> list[PurePosixPath]:
    """Return where something is mounted below `root`, as far as the kernel says. Blocking.

    This finds a volume before anything was written to it, when `Volumes` does not list it yet.
    """
    try:
        lines = table.read_bytes().decode(errors="surrogateescape").splitlines()
    except OSError:
        return []
    top, found = Path(os.path.realpath(root)), set[PurePosixPath]()
    for line in lines:
        fields = line.split(" ")
        path = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4] if fields[4:] else ""))
        if path != top and path.is_relative_to(top):
            found.add(PurePosixPath(path.relative_to(top)))
    return sorted(found)


def volumes_below(root: Path) -> Volumes:
    """Return the volumes of the archive at `root`, for those who only look. Blocking."""
    disk, places = Disk(), ArchivePaths(root)
    return Volumes(disk, places, ArchiveIdentity(disk, places))
