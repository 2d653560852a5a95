"""A file system that is mounted at a path, and may not be for a while.

While it is away, its mount point is seen: an empty folder, or another archive. Whatever is open
stays open, as after `umount --lazy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Tree = dict[str, bytes | None]
"""What lies below a folder: bytes of files, None for folders."""


class Mount:
    """The file system at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hidden = root.with_name(f"{root.name}.hidden")
        self._aside = root.with_name(f"{root.name}.aside")
        self._before: Tree | None = None  # what the place held when it came to light

    @property
    def is_away(self) -> bool:
        return self._before is not None

    def home(self, path: Path) -> Path:
        """Return where what has `path` lies now, mounted or not."""
        if not self.is_away or not path.is_relative_to(self.root):
            return path
        return self._hidden / path.relative_to(self.root)

    def take_away(self, fill: Callable[[Path], None]) -> None:
        """Unmount it; `fill` makes what is seen then in the folder below."""
        self.root.rename(self._hidden)
        self.root.mkdir()
        fill(self.root)
        self._before = tree(self.root)

    def put_back(self) -> list[str]:
        """Mount it again; return what was changed in the meantime in its place."""
        before, after = self._before or {}, tree(self.root)
        _remove(self.root)
        self._hidden.rename(self.root)
        self._before = None
        names = sorted(before.keys() | after.keys())
        return [name for name in names if before.get(name, 0) != after.get(name, 0)]

    @contextmanager
    def there(self) -> Iterator[None]:
        """Let it be where it belongs for a moment, which nobody sees."""
        if not self.is_away:
            yield
            return
        self.root.rename(self._aside)
        self._hidden.rename(self.root)
        try:
            yield
        finally:
            self.root.rename(self._hidden)
            self._aside.rename(self.root)


def tree(root: Path) -> Tree:
    """Return what lies below `root`."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }


def nothing(_root: Path) -> None:
    """Leave a mount point empty."""


def another_archive(root: Path) -> None:
    """Make the archive of somebody else."""
    for name in ("parts", "finished", "staging", "quarantine"):
        (root / ".reelkeep" / name).mkdir(parents=True)
    (root / ".reelkeep" / "identity").write_text('{"identity": "' + "f0" * 16 + '"}\n')
    (root / "support").mkdir()
    (root / "support" / "notes.txt").write_text("of another catalog\n")


def _remove(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()
