"""Small files are held in memory until they are whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fakes.disk import BrokenFlush, FaultyDisk, TightDisk, archive_on
from fakes.holdings import download, put
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import SMALL
from reelkeep.disk import Disk
from reelkeep.errors import DiskFull, IoFailed, TransferError
from reelkeep.ports import Held


async def prepared(root: Path, disk: Disk | None = None) -> LocalArchive:
    archive = archive_on(root, disk)
    await archive.prepare()
    return archive


def ours(root: Path, directory: str) -> list[Path]:
    return sorted((root / ".reelkeep" / directory).iterdir())


async def test_a_small_file_visits_the_disk_once(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    disk.calls.clear()
    await put(archive, "recording.mp4", b"content")
    assert disk.calls == [
        "open", "pwrite", "fchmod", "fsync", "status", "rename", "fsync_directory", "close",
    ]  # fmt: skip


async def test_nothing_is_asked_of_the_disk_about_a_file_that_left_no_traces(
    tmp_path: Path,
) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    disk.calls.clear()
    assert await archive.finished(download()) is None
    async with archive.part(download()) as part:
        assert part.held == Held()
    assert disk.calls == []


async def test_what_grows_goes_to_the_disk_with_all_that_came(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=SMALL + 1, promises={})
        await part.write([b"x" * SMALL])
        assert ours(tmp_path, "parts") == []
        await part.write([b"y"])
        assert ours(tmp_path, "parts") != []
        found = await part.inspect([])
        await part.keep()
    assert found.sha256 == hashlib.sha256(b"x" * SMALL + b"y").hexdigest()
    (kept,) = ours(tmp_path, "finished")
    assert kept.read_bytes() == b"x" * SMALL + b"y"


async def test_what_came_of_it_before_a_break_is_kept_for_the_next_attempt(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=9, promises={})
        await part.write([b"one"])
    async with archive.part(download()) as part:
        assert part.held == Held(3, '"v1"', 9, {})


async def test_where_that_cannot_be_kept_nothing_is_left(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := TightDisk())
    disk.room = 0
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=9, promises={})
        await part.write([b"one"])
    assert ours(tmp_path, "parts") == []


@pytest.mark.parametrize(
    ("disk", "error"), [(BrokenFlush(5), IoFailed), (TightDisk(room=3), DiskFull)]
)
async def test_a_disk_that_fails_it_gets_nothing_named(
    tmp_path: Path, disk: Disk, error: type[TransferError]
) -> None:
    await prepared(tmp_path)
    archive = archive_on(tmp_path, disk)
    with pytest.raises(error):
        await put(archive, "recording.mp4", b"content")
    assert ours(tmp_path, "finished") == []
