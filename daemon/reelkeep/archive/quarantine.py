"""Put bytes aside for people to look at.

The latest two of each bad download; what stood in the way of a stored file is all kept.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from reelkeep.archive.hashed_file import sha256_of
from reelkeep.archive.paths import ArchivePaths, form_of, tag
from reelkeep.archive.volumes import Volumes
from reelkeep.core.manifest import PAPERS, is_plain_name
from reelkeep.core.model import Download, HeldFile, Holding
from reelkeep.disk import Disk, link_or_move, write_small
from reelkeep.errors import IoFailed
from reelkeep.ports import Held

_KEPT = 2


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantine of one archive. Blocking."""

    disk: Disk
    places: ArchivePaths
    volumes: Volumes
    clock: Callable[[], datetime]

    def take(self, path: Path, download: Download, held: Held, reason: str) -> None:
        """Move the file at `path` here, with a note; it need not survive a power cut."""
        begins = f"{tag(download.key, download.file)}-"
        taken = _numbers(self.disk, self.places.quarantine / begins)
        self._move(path, self.places.quarantine / begins, self._note(download, held, reason))
        for old in sorted(taken)[: max(0, len(taken) + 1 - _KEPT)]:
            for ending in ("part", "json"):
                self.disk.unlink(self.places.quarantine / f"{begins}{old}.{ending}")

    def of(self, download: Download) -> list[Path]:
        """Return the bytes that were put aside of `download`, the latest first."""
        begins = f"{tag(download.key, download.file)}-"
        numbers = sorted(_numbers(self.disk, self.places.quarantine / begins), reverse=True)
        paths = [self.places.quarantine / f"{begins}{number}.part" for number in numbers]
        return [path for path in paths if self.disk.status(path) is not None]

    def set_aside(self, path: Path, holding: Holding, file: HeldFile) -> None:
        """Move a file here that has the name of a stored one, and other bytes.

        Whoever made it may want it back: these are all kept.
        """
        note = {
            "reason": "it stood in the archive under the name of another file",
            "at": self.clock().isoformat(),
            "provider": holding.provider,
            "recording": holding.id,
            "file": file.id,
            "name": file.name,
            "folder": holding.folder,
            "expected_sha256": file.sha256,
        }
        self._move_near(path, f"{tag(holding.key, file.id)}-altered-", note)

    def put_aside(self, holding: Holding, name: str, reason: str) -> bool:
        """Move what has `name` in the folder of `holding` here; return whether that could be.

        All of them are kept. What this user may not read is left alone. A daemon may work in the
        archive meanwhile: it never touches the name of a file that the catalog calls stored.
        """
        if holding.folder is None or not _is_readable(path := self._path(holding, name)):
            return False
        if self.disk.status(path) is None:  # gone, unless its volume is away
            return self.volumes.away(PurePosixPath(holding.folder)) is None
        file = next((each for each in holding.files if each.name == name), None)
        note = {
            "reason": reason,
            "at": self.clock().isoformat(),
            "provider": holding.provider,
            "recording": holding.id,
            "file": file and file.id,
            "name": name,
            "folder": holding.folder,
            "expected_sha256": file and file.sha256,
        }
        self._move_near(path, f"{tag(holding.key, file.id if file else name)}-altered-", note)
        self.disk.fsync_directory(path.parent)
        return True

    def _path(self, holding: Holding, name: str) -> Path:
        names = [*(holding.folder or "").split("/"), name]
        if not all(map(is_plain_name, names)):
            raise IoFailed(f"the catalog names a file of {holding.key} that cannot be")
        home = self.places.root.joinpath(*names[:-1])
        return (home if name in PAPERS else form_of(self.disk, home).files(home)) / name

    def _move_near(self, path: Path, begins: str, note: dict[str, Any]) -> None:
        """Move a file of a folder to the quarantine of its volume."""
        folder = PurePosixPath(path.parent.relative_to(self.places.root))
        try:
            self._move(path, self.volumes.near(folder).quarantine / begins, note)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._move(path, self.volumes.find(folder).quarantine / begins, note)

    def _move(self, path: Path, begins: Path, note: dict[str, Any]) -> None:
        place = self._moved(path, begins)
        with suppress(OSError):  # the note is a courtesy
            content = json.dumps(note, indent=2).encode() + b"\n"
            write_small(self.disk, place.with_suffix(".json"), content, 0o600)

    def _moved(self, path: Path, begins: Path) -> Path:
        """Move without writing over another: two processes may do so at once."""
        number = max(_numbers(self.disk, begins), default=0) + 1
        place = begins.with_name(f"{begins.name}{number}.part")
        try:
            link_or_move(self.disk, path, place)
        except FileExistsError:
            return self._moved(path, begins)
        self.disk.fsync_directory(place.parent)  # evidence: never without a durable name
        self.disk.unlink(path)
        return place

    def _note(self, download: Download, held: Held, reason: str) -> dict[str, Any]:
        return {
            "reason": reason,
            "at": self.clock().isoformat(),
            "provider": download.provider,
            "recording": download.recording,
            "file": download.file,
            "name": download.name,
            "promised": download.size,
            "announced": held.total,
            "held": held.size,
            "validator": held.validator,
            "digests": dict(held.promises),
        }


def latest(root: Path, key: str, file: str) -> tuple[Path, str] | None:
    """Return the bytes that were put aside last of a file, and their SHA-256. Blocking.

    Raises:
        IoFailed: They are there, and cannot be read.
    """
    disk, places = Disk(), ArchivePaths(root)
    begins = f"{tag(key, file)}-"
    try:
        names = [name for name in disk.names(places.quarantine) if name.startswith(begins)]
        found = {
            int(number): places.quarantine / name
            for name in names
            if name.endswith(".part")
            and (number := name.removeprefix(begins).removesuffix(".part")).isascii()
            and number.isdigit()
        }
        if not found:
            return None
        path = found[max(found)]
        return path, sha256_of(disk, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoFailed(f"the quarantine of {root} cannot be read: {error.strerror}") from error


def _numbers(disk: Disk, begins: Path) -> set[int]:
    names = (name for name in disk.names(begins.parent) if name.startswith(begins.name))
    numbers = (name.removeprefix(begins.name).partition(".")[0] for name in names)
    return {int(number) for number in numbers if number.isascii() and number.isdigit()}


def _is_readable(path: Path) -> bool:
    """Whether this user may read what has this name; a bad block is no question of permission."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:
        return True
    return True
