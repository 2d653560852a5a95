"""The places where a benchmark works: one in memory, one on the real disk."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.certificates import Certificates, make_certificates
from benchmarks.processes import Mishap
from benchmarks.scale import GIB, Scale

_SPARE = 2 * GIB
"""Bytes of each place that stay free, whatever happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Everything that the cases stand on."""

    tmpfs: Path
    disk: Path
    certificates: Certificates
    scale: Scale
    rounds: int
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    @contextmanager
    def room(self, size: int) -> Iterator[Path]:
        """Give a new directory in memory with so much space; it is removed afterwards.

        Raises:
            Mishap: There is not enough space.
        """
        self._require(self.tmpfs, size)
        directory = self._new(self.tmpfs)
        try:
            yield directory
        finally:
            shutil.rmtree(directory)

    def plot(self, size: int) -> Path:
        """Return a new directory on the real disk with so much space.

        It stays until the whole benchmark is over: for about a minute after many files were
        deleted, ext4 is slow to make new ones.

        Raises:
            Mishap: There is not enough space.
        """
        self._require(self.disk, size)
        return self._new(self.disk)

    def say(self, line: str) -> None:
        """Tell how it goes."""
        sys.stderr.write(f"bench: {line}\n")
        sys.stderr.flush()

    def _new(self, place: Path) -> Path:
        directory = place / str(next(self._numbers))
        directory.mkdir()
        return directory

    def _require(self, place: Path, size: int) -> None:
        free = shutil.disk_usage(place).free
        if place == self.tmpfs:
            free = min(free, _memory())
        if free < size + _SPARE:
            wanted = (size + _SPARE) / GIB
            raise Mishap(f"{place} has {free / GIB:.1f} GiB free, but {wanted:.1f} are needed")


@contextmanager
def ground(*, tmpfs: Path, disk: Path, scale: Scale, rounds: int) -> Iterator[Ground]:
    """Prepare both places, and leave nothing behind."""
    tmpfs, disk = tmpfs.resolve(), disk.resolve()
    disk.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="reelkeep-bench-", dir=tmpfs) as memory,
        tempfile.TemporaryDirectory(prefix="run-", dir=disk) as real,
    ):
        yield Ground(
            tmpfs=Path(memory),
            disk=Path(real),
            certificates=make_certificates(Path(memory)),
            scale=scale,
            rounds=rounds,
        )
    with suppress(OSError):  # another benchmark is at work there
        disk.rmdir()


def _memory() -> int:
    """Return the bytes of memory that can be had; a file system in memory promises more."""
    listed = Path("/proc/meminfo").read_text(encoding="utf-8")
    lines = dict(line.split(":") for line in listed.splitlines())
    return int(lines["MemAvailable"].split()[0]) << 10
