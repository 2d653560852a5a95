"""The model disk does as a real one does, whatever is done to both."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.model_disk import ModelDisk
from reelkeep.disk import Disk

NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d", "d/e", "x/y"])
Step = Callable[[Disk, Path], object]


def written(name: str, data: bytes, offset: int, flags: int) -> Step:
    def step(disk: Disk, root: Path) -> object:
        fd = disk.open(root / name, os.O_RDWR | flags)
        try:
            count = disk.pwrite(fd, [memoryview(data)], offset)
            disk.fdatasync(fd)
            disk.fchmod(fd, 0o640)
            return count, disk.size(fd), disk.is_file(fd), disk.pread(fd, 100, 1)
        finally:
            disk.close(fd)

    return step


def cut(name: str, size: int) -> Step:
    def step(disk: Disk, root: Path) -> object:
        fd = disk.open(root / name, os.O_RDWR)
        try:
            disk.truncate(fd, size)
            disk.fsync(fd)
            return disk.pread(fd, 100, 0)
        finally:
            disk.close(fd)

    return step


def on_two(method: str, source: str, target: str) -> Step:
    return lambda disk, root: getattr(disk, method)(root / source, root / target)


def on_one(method: str, name: str) -> Step:
    return lambda disk, root: getattr(disk, method)(root / name)


def made(name: str) -> Step:
    return lambda disk, root: disk.mkdir(root / name, 0o750)


FLAGS = st.sampled_from([os.O_CREAT, os.O_CREAT | os.O_TRUNC, 0])
STEPS = st.one_of(
    st.builds(written, NAMES, st.binary(min_size=1, max_size=4), st.integers(0, 6), FLAGS),
    st.builds(cut, NAMES, st.integers(0, 8)),
    st.builds(on_two, st.sampled_from(["rename", "link"]), NAMES, NAMES),
    st.builds(on_one, st.sampled_from(["unlink", "rmdir", "fsync_directory", "names"]), NAMES),
    st.builds(made, st.sampled_from(["d", "d/e", "x"])),
)


def outcome(step: Step, disk: Disk, root: Path) -> object:
    try:
        return step(disk, root)
    except OSError:
        return "refused"


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=12))
def test_both_do_the_same(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as place:
        real, model = Disk(), ModelDisk()
        model.mkdir(Path("/r"), 0o755)
        for step in steps:
            assert outcome(step, real, Path(place)) == outcome(step, model, Path("/r"))
        files = {
            f"/r/{path.relative_to(place)}": path.read_bytes()
            for path in Path(place).rglob("*")
            if path.is_file()
        }
        assert model.files() == files
        assert {path: mode_of(model, Path(path)) for path in files} == {
            path: mode_of(real, Path(place) / Path(path).relative_to("/r")) for path in files
        }


def mode_of(disk: Disk, path: Path) -> int | None:
    status = disk.status(path)
    return None if status is None else status.st_mode
