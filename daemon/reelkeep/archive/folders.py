"""Choose the folder of a recording, and make what lies above it."""

from __future__ import annotations

from contextlib import suppress
from datetime import tzinfo
from itertools import count
from pathlib import Path, PurePosixPath

from reelkeep.archive.walk import walk
from reelkeep.core.layout import Layout
from reelkeep.core.manifest import MANIFEST, MANIFEST_BYTES, is_plain_name, read_manifest
from reelkeep.core.model import Holding
from reelkeep.core.naming import NAME_BYTES, shorten
from reelkeep.core.text import is_storable
from reelkeep.disk import Disk, read_small
from reelkeep.errors import IoFailed

_REMEMBERED = 4096


class Folders:
    """The folders of the archive at `root`. Blocking."""

    def __init__(
        self, disk: Disk, root: Path, *, layout: Layout, timezone: tzinfo, mode: int
    ) -> None:
        self._disk = disk
        self._root = root
        self._layout = layout
        self._timezone = timezone
        self._mode = mode
        self._durable: set[Path] = set()  # directories whose names this process has flushed

    def choose(self, holding: Holding) -> tuple[PurePosixPath, bool]:
        """Return the folder (in the archive) that is or becomes that of `holding`; is it there?

        What others put where it belongs is left alone: it goes beside, with a number. Of a folder
        that cannot be read nobody knows whose it is, and nothing is put beside it.

        Raises:
            IoFailed: The catalog names a folder outside the archive.
            OSError: A folder with its name cannot be read, such as for want of rights.
        """
        if holding.folder is not None:
            known = self._known(holding.folder)
            return known, self._disk.status(self._root / known) is not None
        wanted = PurePosixPath(*self._layout_names(holding))
        folder = wanted
        for number in count(2):
            if self._disk.status(self._root / folder) is None:
                return folder, False
            if self._is_of(holding, folder):
                break
            ending = f"-{number}"
            name = shorten(wanted.name, NAME_BYTES - len(ending)) + ending
            folder = wanted.with_name(name)
        return folder, True

    def search(self, holding: Holding) -> PurePosixPath | None:
        """Return the folder of `holding` wherever it is; this reads every manifest.

        It serves the case that a crash hid from the catalog where the folder went, and the
        provider changed the title since.
        """
        for here in walk(self._root):
            named = here.is_recording and is_storable(str(here.folder))
            if named and self._is_of(holding, here.folder):
                return here.folder
        return None

    def make(self, folder: PurePosixPath) -> None:
        """Make the directories of `folder`, and their names durable; once for each process.

        An earlier process may have made one and died before its name was flushed.
        """
        path = self._root
        for name in folder.parts:
            parent, path = path, path / name
            there = self._disk.status(path) is not None
            if there and path in self._durable:
                continue
            if not there:
                with suppress(FileExistsError):
                    self._disk.mkdir(path, self._mode)
            self._disk.fsync_directory(parent)
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self._durable.add(path)

    def _layout_names(self, holding: Holding) -> tuple[str, ...]:
        return self._layout.folder(
            provider=holding.provider,
            start=holding.started,
            title=holding.title,
            user=holding.user,
            number=holding.number,
            id=holding.id,
            key=holding.key,
            timezone=self._timezone,
        )

    def _known(self, folder: str) -> PurePosixPath:
        names = folder.split("/")
        if not all(map(is_plain_name, names)):
            raise IoFailed(f"the catalog names a folder that cannot be: {folder!a}")
        return PurePosixPath(*names)

    def _is_of(self, holding: Holding, folder: PurePosixPath) -> bool:
        path = self._root / folder / MANIFEST
        if self._disk.status(path.parent) is None:
            return False
        try:
            content = read_small(self._disk, path, limit=MANIFEST_BYTES)
            manifest = read_manifest(content or b"")
        except (ValueError, NotADirectoryError):
            return False
        return (manifest.provider, manifest.id) == (holding.provider, holding.id)
