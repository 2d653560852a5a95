"""The files that are fetched, and the proof that they have arrived."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Mishap

_PAPERS = frozenset({"recording.json", "SHA256SUMS"})
"""What reelkeep writes about the files, beside them."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file that is to be fetched."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Goods:
    """All files that a run is to fetch."""

    items: Sequence[Item]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(item.size for item in self.items)

    def prove(self, directory: Path) -> None:
        """Read every file under `directory`, and compare the digests of all.

        Raises:
            Mishap: Something is missing, or too much, or has other bytes.
        """
        expected = Counter(item.sha256 for item in self.items)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = Counter(pool.map(_sha256, _files(directory)))
        if found != expected:
            right = (found & expected).total()
            raise Mishap(
                f"{right} of {len(self.items)} files are here, bit by bit, "
                f"and {found.total() - right} others"
            )


def written(directory: Path) -> int:
    """Return how many bytes of disk the files under `directory` take, unfinished ones included."""
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):  # it got its final name just now
                size += Path(folder, name).stat().st_blocks * 512
    return size


def _files(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name not in _PAPERS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
