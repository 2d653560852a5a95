"""Hold an archive that a `soak.worker` left against what it had promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reelkeep.archive.paths import OURS, ArchivePaths
from reelkeep.core.manifest import MANIFEST, SUMS
from soak.worker import SIZES, content, recording_key


@dataclass
class Promises:
    """What workers said."""

    stored: set[tuple[int, str]] = field(default_factory=set)
    published: dict[int, str] = field(default_factory=dict)
    failures: int = 0

    def hear(self, line: str) -> None:
        words = line.split()
        match words:
            case ["stored", number, name]:
                self.stored.add((int(number), name))
            case ["published", number, folder]:
                self.published[int(number)] = folder
            case ["failed", *_]:
                self.failures += 1

    @property
    def first_open(self) -> int:
        """Return the first recording that was not published."""
        return next(n for n in range(len(self.published) + 1) if n not in self.published)


def broken(root: Path, promises: Promises) -> list[str]:
    """Return in words what is not as it was promised."""
    found = [*_wrong(root)]
    for number, folder in promises.published.items():
        names = {path.name for path in (root / folder).glob("*")}
        if not names >= {*SIZES, MANIFEST, SUMS}:
            found.append(f"recording {number} was published, and only {sorted(names)} is there")
    places = ArchivePaths(root)
    for number, name in promises.stored - {(n, s) for n in promises.published for s in SIZES}:
        key = recording_key(number)
        shown = list(root.glob(f"soak/*/{key}/{name}"))
        waiting = [places.kept(key, name), places.staged(key) / name, *shown]
        there = [path for path in waiting if path.exists()]
        if not there or there[0].read_bytes() != content(number, name):
            found.append(f"{name} of recording {number} was stored, and is not there")
    return found


def _wrong(root: Path) -> list[str]:
    """Return what is under a final name and is not what belongs there."""
    keys = {recording_key(number): number for number in range(5_000)}
    found = []
    for path in root.rglob("*"):
        if OURS in path.relative_to(root).parts or not path.is_file():
            continue
        number = keys[path.parent.name]
        if path.name in SIZES and path.read_bytes() != content(number, path.name):
            found.append(f"wrong bytes in {path}")
    return found
