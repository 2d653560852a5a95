"""Preparing, holding, measuring and tidying an archive."""

from __future__ import annotations

import errno
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen

import anyio
import pytest

from fakes.disk import BrokenFlush, FaultyDisk, archive_on
from fakes.holdings import KEY, NOON, download, put
from reelkeep.archive.local import LocalArchive
from reelkeep.disk import Disk, disk_error, link_or_move
from reelkeep.errors import Busy, ConfigError, DiskFull, IoFailed, StorageUnavailable

HOLDER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from fakes.disk import archive_on

async def hold():
    archive = archive_on(Path(sys.argv[1]))
    await archive.prepare()
    async with archive.hold():
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""
TESTS = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_ours_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / ".reelkeep").mkdir(0o755)
    await archive_on(tmp_path).prepare()
    ours = [path for path in (tmp_path / ".reelkeep").rglob("*") if path.is_dir()]
    assert {mode(path) for path in [tmp_path / ".reelkeep", *ours]} == {0o700}


async def test_a_missing_archive_is_made(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "archive"
    await archive_on(root).prepare()
    assert mode(root) == 0o750


async def test_preparing_twice_is_fine_and_leaves_no_trace(tmp_path: Path) -> None:
    await archive_on(tmp_path).prepare()
    await archive_on(tmp_path).prepare()
    assert [path for path in (tmp_path / ".reelkeep").rglob("*") if path.is_file()] == []


async def test_a_path_that_is_a_file_is_the_operators_fault(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"archive\.path"):
        await archive_on(tmp_path / "archive").prepare()


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
async def test_a_path_that_cannot_be_written_is_the_operators_fault(
    tmp_path: Path, error: int
) -> None:
    await archive_on(tmp_path).prepare()
    disk = FaultyDisk(error=error)
    disk.fail_next("open")
    with pytest.raises(ConfigError, match="cannot write"):
        await archive_on(tmp_path, disk).prepare()


async def test_a_full_disk_does_not_keep_the_daemon_from_starting(tmp_path: Path) -> None:
    await archive_on(tmp_path).prepare()
    disk = FaultyDisk(error=errno.ENOSPC)
    disk.fail_next("pwrite")
    archive = archive_on(tmp_path, disk)
    await archive.prepare()
    disk.fail_next("pwrite")
    async with archive.hold():
        pass


async def test_a_broken_disk_is_not_the_operators_fault(tmp_path: Path) -> None:
    await archive_on(tmp_path).prepare()
    with pytest.raises(IoFailed):
        await archive_on(tmp_path, BrokenFlush(errno.EIO)).prepare()


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_flush_directories_will_do(tmp_path: Path, error: int) -> None:
    BrokenFlush(error).fsync_directory(tmp_path)


async def test_a_second_holder_is_told_who_is_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path), str(TESTS)]
    with Popen(command, stdin=PIPE, stdout=PIPE) as process:  # noqa: ASYNC220 - a short one
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match=rf"process {process.pid} on .+ since 2026-11-22T12:00"):
            async with archive_on(tmp_path).hold():
                pass
        process.kill()
    async with archive_on(tmp_path).hold():
        pass


async def test_an_archive_that_was_let_go_can_be_held_again(archive: LocalArchive) -> None:
    async with archive.hold():
        pass
    async with archive.hold():
        pass


@pytest.mark.parametrize("left", [b"", b"\xff\0", b'{"pid": "x"}', b"[]"])
async def test_what_an_earlier_holder_left_decides_nothing(
    archive: LocalArchive, tmp_path: Path, left: bytes
) -> None:
    lock = tmp_path / ".reelkeep" / "lock"
    lock.write_bytes(left)
    async with archive.hold():
        lock.write_bytes(left)
        with pytest.raises(Busy, match="another process"):
            async with archive_on(tmp_path).hold():
                pass


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    archive = archive_on(tmp_path)
    await archive.prepare()
    return archive


async def test_free_space_leaves_out_what_must_stay_free(tmp_path: Path) -> None:
    class Small(Disk):
        def free(self, path: Path) -> int:  # noqa: ARG002 - as the real one
            return 1000

    archive = archive_on(tmp_path, Small())
    archive.min_free = 1500
    assert await archive.free() == -500


async def test_free_space_is_that_of_an_ordinary_user(
    archive: LocalArchive, tmp_path: Path
) -> None:
    figures = os.statvfs(tmp_path)
    assert await archive.free() <= figures.f_bfree * figures.f_frsize


async def test_bug_31_what_crashes_leave_is_tidied(archive: LocalArchive, tmp_path: Path) -> None:
    ours = tmp_path / ".reelkeep"
    places = ("parts/x.json.tmp", "parts/y.json", "parts/y.note", "staging/x.tmp")
    left = [ours / place for place in places]
    kept = [ours / "parts" / f"{KEY}-z.{ending}" for ending in ("part", "json", "note")]
    for path in (*left, *kept):
        path.write_bytes(b"")
    await archive.tidy({KEY})
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


async def test_rule_49_what_belongs_to_nobody_is_reported_once_it_is_old(
    archive: LocalArchive, tmp_path: Path
) -> None:
    await put(archive, "recording.mp4", b"content")
    (kept,) = (tmp_path / ".reelkeep" / "finished").iterdir()
    old = (NOON - timedelta(days=8)).timestamp()
    os.utime(kept, (old, old))
    assert await archive.tidy({KEY}) == ()
    (orphan,) = await archive.tidy(())
    assert (orphan.path, orphan.size) == (f".reelkeep/finished/{kept.name}", 7)
    assert await archive.tidy((), older_than=timedelta(days=9)) == ()
    assert await archive.finished(download()) is not None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EIO, StorageUnavailable),
        (errno.EDOM, IoFailed),
    ],
)
def test_what_the_kernel_says_becomes_ours(code: int, expected: type[Exception]) -> None:
    error = disk_error(OSError(code, os.strerror(code), "/archive/x"))
    assert type(error) is expected
    assert str(error) == f"{os.strerror(code)}: /archive/x"


def test_rule_48_bug_12_a_move_overwrites_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        link_or_move(Disk(), source, target)
    assert target.read_bytes() == b"old"


async def test_small_writes_at_once_do_not_meet(archive: LocalArchive) -> None:
    async def some() -> None:
        for _ in range(20):
            await archive.probe()

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(some)
