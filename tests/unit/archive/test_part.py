from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from fakes import disk as disks
from fakes.disk import BrokenFlush, FaultyDisk, SlowDisk, TightDisk
from fakes.holdings import download, put
from reelkeep.archive.local import LocalArchive
from reelkeep.core.journal import decode
from reelkeep.core.model import FileId
from reelkeep.disk import Disk
from reelkeep.errors import Busy, DiskFull, IoFailed, StorageUnavailable, TooLarge
from reelkeep.ports import Held

MIB = 1024 * 1024
archive_on = partial(disks.archive_on, small=0)
"""Small contents stand for large ones here; `test_memory.py` is about small files."""


async def prepared(root: Path, disk: Disk | None = None) -> LocalArchive:
    archive = archive_on(root, disk)
    await archive.prepare()
    return archive


async def leave(archive: LocalArchive, *pieces: bytes, checkpoint_after: int = -1) -> None:
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        for number, piece in enumerate(pieces):
            await part.write([piece])
            if number == checkpoint_after:
                await part.checkpoint()


def only(root: Path, pattern: str) -> Path:
    (path,) = (root / ".reelkeep" / "parts").glob(pattern)
    return path


def parts(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".reelkeep" / "parts").iterdir())


async def held(archive: LocalArchive) -> Held:
    async with archive.part(download()) as part:
        return part.held


# --- what survives what --------------------------------------------------------------------------


async def test_rule_26_names_of_parts_hold_no_text_of_the_provider(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    odd = replace(download(), file=FileId("../../etc/passwd"))
    async with archive.part(odd) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"x"])
    name = only(tmp_path, "*.part").stem
    assert name.startswith(f"{odd.key}-")
    assert len(name.removeprefix(f"{odd.key}-")) == 16


async def test_rule_24_a_part_on_the_disk_has_one_writer_whoever_else_holds_the_archive(
    tmp_path: Path,
) -> None:
    """Two objects stand for two processes: each has its own descriptor, and so its own lock."""
    one, other = await prepared(tmp_path), await prepared(tmp_path)
    await leave(one, b"x" * 100)
    async with one.part(download()) as part:
        assert part.held.size == 100
        with pytest.raises(Busy, match="another writer"):
            await leave(other, b"y")
        assert only(tmp_path, "*.part").read_bytes() == b"x" * 100
    await leave(other, b"y")


async def killed_with(root: Path, *, flushed: int, written: int) -> None:
    """Leave a part as a killed process does: the journal is behind the bytes."""
    await leave(await prepared(root), b"x" * flushed)
    with only(root, "*.part").open("ab") as file:
        file.write(b"y" * (written - flushed))


async def test_after_a_crash_only_flushed_bytes_count(tmp_path: Path) -> None:
    """Nobody has accounted for the others, though the kernel may have them (ADR 23)."""
    await killed_with(tmp_path, flushed=100, written=150)
    assert (await held(archive_on(tmp_path))).size == 100


async def test_rule_43_bytes_beyond_the_flushed_ones_are_cut_off(tmp_path: Path) -> None:
    await killed_with(tmp_path, flushed=100, written=150)
    async with archive_on(tmp_path).part(download()) as part:
        await part.write([b"z" * 10])
        found = await part.inspect([])
        await part.keep()
    assert found.sha256 == hashlib.sha256(b"x" * 100 + b"z" * 10).hexdigest()
    (kept,) = (tmp_path / ".reelkeep" / "finished").iterdir()
    assert kept.read_bytes() == b"x" * 100 + b"z" * 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" * path.stat().st_size),
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_bytes(b'{"format": 99}'),
        lambda path: path.unlink(),
    ],
    ids=["empty", "zeroed", "torn", "newer", "lost"],
)
async def test_a_part_without_a_sound_journal_starts_over(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    await leave(await prepared(tmp_path), b"one")
    damage(only(tmp_path, "*.json"))
    assert await held(archive_on(tmp_path)) == Held()


async def test_a_journal_without_a_part_starts_over(tmp_path: Path) -> None:
    await leave(await prepared(tmp_path), b"one")
    only(tmp_path, "*.part").unlink()
    assert await held(archive_on(tmp_path)) == Held()
    assert parts(tmp_path) == []


async def test_a_stale_journal_is_gone_before_other_bytes_come(tmp_path: Path) -> None:
    await leave(await prepared(tmp_path), b"x" * 100)
    disk = FaultyDisk()
    async with archive_on(tmp_path, disk).part(download()) as part:
        disk.calls.clear()
        await part.begin(validator='"v2"', total=None, promises={})
        assert disk.calls == ["truncate", "unlink", "fsync_directory"]


async def test_a_large_part_has_its_journal_before_it_grows_large(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=3 * MIB, promises={})
        await part.write([b"x" * MIB])
        assert parts(tmp_path) == [only(tmp_path, "*.part").name]
        await part.write([b"x"])
        journal = decode(only(tmp_path, "*.json").read_bytes())
    assert journal is not None
    assert (journal.validator, journal.durable) == ('"v1"', 0)


async def test_a_checkpoint_journals_what_was_flushed(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"one"])
        await part.checkpoint()
        await part.write([b"two"])
        journal = decode(only(tmp_path, "*.json").read_bytes())
    assert journal is not None
    assert journal.durable == 3


async def test_rule_43_a_checkpoint_flushes_before_it_journals(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"one"])
        disk.calls.clear()
        await part.checkpoint()
        assert disk.calls[0] == "fdatasync"
        assert disk.calls[-2:] == ["rename", "fsync_directory"]


async def test_a_part_that_is_left_is_flushed(tmp_path: Path) -> None:
    await leave(await prepared(tmp_path), b"one")
    journal = decode(only(tmp_path, "*.json").read_bytes())
    assert journal is not None
    assert journal.durable == 3


async def test_a_part_that_is_left_without_bytes_leaves_nothing(tmp_path: Path) -> None:
    await held(await prepared(tmp_path))
    assert parts(tmp_path) == []


async def test_rules_1_and_22_a_journal_holds_no_locator_and_only_its_owner_reads_it(
    tmp_path: Path,
) -> None:
    await leave(await prepared(tmp_path), b"one")
    path = only(tmp_path, "*.json")
    assert set(json.loads(path.read_bytes())) == {
        "format", "identity", "validator", "total", "promises", "durable", "marks",
        "extents",
    }  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_that_arrives_at_once_costs_few_calls(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    disk.calls.clear()
    await put(archive, "recording.mp4", b"content")
    effects = [call for call in disk.calls if call not in {"status", "size", "lock", "close"}]
    assert effects == [
        "open", "open",  # the part; its journal, which is not there
        "pwrite", "fchmod", "fsync", "rename", "fsync_directory",
    ]  # fmt: skip


# --- failing disks -------------------------------------------------------------------------------


async def test_rule_27_short_writes_are_completed(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, TightDisk(most=7))
    async with archive.part(download()) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"0123456789", b"abc", b"", b"defghijklmnop"])
        found = await part.inspect([])
        await part.keep()
    expected = b"0123456789abcdefghijklmnop"
    assert found.sha256 == hashlib.sha256(expected).hexdigest()
    (kept,) = (tmp_path / ".reelkeep" / "finished").iterdir()
    assert kept.read_bytes() == expected


async def test_rule_27_on_a_full_disk_what_fitted_stays(tmp_path: Path) -> None:
    disk = TightDisk()
    archive = await prepared(tmp_path, disk)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=20, promises={})
        disk.room = 12
        with pytest.raises(DiskFull):
            await part.write([b"0123456789", b"0123456789"])
        assert part.held.size == 12
        disk.room = 1 << 20
    async with archive.part(download()) as part:
        await part.write([b"23456789"])
        found = await part.inspect([])
    assert found.sha256 == hashlib.sha256(b"0123456789" * 2).hexdigest()


async def test_a_large_part_outlives_a_disk_too_full_for_journals(tmp_path: Path) -> None:
    disk = TightDisk()
    archive = await prepared(tmp_path, disk)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"x" * 2 * MIB])
        await part.checkpoint()
        disk.room = 5
        with pytest.raises(DiskFull):
            await part.write([b"y" * 10])
    assert (await held(archive_on(tmp_path))).size == 2 * MIB


async def test_a_small_part_that_cannot_be_journalled_leaves_no_bytes_behind(
    tmp_path: Path,
) -> None:
    disk = TightDisk()
    archive = await prepared(tmp_path, disk)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        disk.room = 5
        with pytest.raises(DiskFull):
            await part.write([b"y" * 10])
    assert parts(tmp_path) == []


@pytest.mark.parametrize("call", ["pwrite", "open"], ids=["bytes", "journal"])
async def test_after_a_failed_write_nothing_of_the_part_is_trusted(
    tmp_path: Path, call: str
) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"one"])
        disk.fail_next(call)
        with pytest.raises(IoFailed):
            await part.write([b"x" * 2 * MIB])
    assert parts(tmp_path) == []


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
async def test_after_a_failed_flush_nothing_of_the_part_is_trusted(
    tmp_path: Path, error: int
) -> None:
    archive = await prepared(tmp_path)
    broken = archive_on(tmp_path, BrokenFlush(error))
    async with broken.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"one"])
        with pytest.raises(DiskFull if error == errno.ENOSPC else IoFailed):
            await part.checkpoint()
        with pytest.raises(DiskFull if error == errno.ENOSPC else IoFailed):
            await part.write([b"two"])
        assert part.held.size == 0
    assert await held(archive) == Held()


async def test_rule_46_a_flush_that_failed_is_not_asked_again(tmp_path: Path) -> None:
    await prepared(tmp_path)
    disk = FaultyDisk()
    async with archive_on(tmp_path, disk).part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        disk.fail_next("fsync")
        await part.write([b"one"])
        with pytest.raises(IoFailed):
            await part.keep()
    assert "fdatasync" not in disk.calls
    assert disk.calls.count("fsync") == 1


async def test_a_part_that_shrank_under_us_is_not_kept(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"content"])
        only(tmp_path, "*.part").write_bytes(b"con")
        with pytest.raises(IoFailed):
            await part.keep()
    assert await archive.finished(download()) is None


# --- cancellation --------------------------------------------------------------------------------


async def writing(archive: LocalArchive) -> None:
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"content"])


async def test_rule_28_a_cancelled_write_is_joined_before_the_file_is_closed(
    tmp_path: Path,
) -> None:
    await prepared(tmp_path)
    disk = SlowDisk()
    async with anyio.create_task_group() as group:
        group.start_soon(writing, archive_on(tmp_path, disk))
        await to_thread.run_sync(disk.began.wait, 120)
        group.cancel_scope.cancel()
        asyncio.get_running_loop().call_later(0.01, disk.go.set)
    assert disk.order[0] == "written"
    assert (await held(archive_on(tmp_path))).size == len(b"content")


async def test_rule_28_a_write_torn_from_its_task_is_joined_before_the_file_is_closed(
    tmp_path: Path,
) -> None:
    """A task that is cancelled without anyio does not wait for its thread (rule 28)."""
    await prepared(tmp_path)
    disk = SlowDisk()
    task = asyncio.create_task(writing(archive_on(tmp_path, disk)))
    await to_thread.run_sync(disk.began.wait, 120)
    task.cancel()
    asyncio.get_running_loop().call_later(0.01, disk.go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert disk.order[0] == "written"
    assert (await held(archive_on(tmp_path))).size == len(b"content")


@pytest.fixture(params=[0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


# --- finished and quarantined files --------------------------------------------------------------


async def test_a_kept_file_has_its_mode_whatever_the_umask(tmp_path: Path, umask: None) -> None:
    await put(await prepared(tmp_path), "recording.mp4", b"content")
    (kept,) = (tmp_path / ".reelkeep" / "finished").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


async def test_a_finished_file_is_durable_once_it_was_found(tmp_path: Path) -> None:
    """The crash may have come before its name was flushed."""
    archive = await prepared(tmp_path, disk := FaultyDisk())
    await put(archive, "recording.mp4", b"content")
    disk.calls.clear()
    await archive.finished(download())
    assert [call for call in disk.calls if "fsync" in call] == ["fsync", "fsync_directory"]


async def test_another_file_in_the_way_of_a_kept_one_is_put_aside(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    await put(archive, "recording.mp4", b"old")
    await put(archive, "recording.mp4", b"new")
    (old,) = (tmp_path / ".reelkeep" / "quarantine").glob("*.part")
    (new,) = (tmp_path / ".reelkeep" / "finished").iterdir()
    assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")


async def test_the_newest_two_of_quarantined_bytes_are_there_to_look_at(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    for number in range(1, 13):
        async with archive.part(download(size=20)) as part:
            await part.begin(validator='"v1"', total=30, promises={"md5": "00"})
            await part.write([b"bad %d" % number])
            await part.quarantine(f"reason {number}")
    quarantine = tmp_path / ".reelkeep" / "quarantine"
    assert {path.read_bytes() for path in quarantine.glob("*.part")} == {b"bad 11", b"bad 12"}
    notes = [json.loads(path.read_bytes()) for path in sorted(quarantine.glob("*.json"))]
    assert [note["reason"] for note in notes] == ["reason 11", "reason 12"]
    assert (notes[0]["promised"], notes[0]["announced"], notes[0]["held"]) == (20, 30, 6)


async def test_a_body_that_is_announced_larger_than_what_is_left_is_refused_at_once(
    tmp_path: Path,
) -> None:
    class Tight(Disk):
        def free(self, path: Path) -> int:  # noqa: ARG002 - as the real one
            return 1000 * MIB

    archive = archive_on(tmp_path, Tight())
    await archive.prepare()
    async with archive.part(download()) as part:
        with pytest.raises(TooLarge) as caught:
            await part.begin(validator=None, total=1001 * MIB, promises={})
        assert caught.value.size == 1001 * MIB
        await part.begin(validator=None, total=999 * MIB, promises={})


@pytest.mark.parametrize("error", [errno.EROFS, errno.ESTALE, errno.EMFILE, errno.ENODEV])
async def test_what_a_part_holds_outlives_a_disk_that_is_away_for_a_while(
    tmp_path: Path, error: int
) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(download()) as part:
        await part.begin(validator='"v1"', total=None, promises={})
        await part.write([b"x" * 2 * MIB])
        await part.checkpoint()
    disk = FaultyDisk(error=error)
    away = archive_on(tmp_path, disk)
    async with away.part(download()) as part:
        disk.fail_next("pwrite")
        with pytest.raises(StorageUnavailable):
            await part.write([b"y" * 2 * MIB])
        with pytest.raises(StorageUnavailable):
            await part.write([b"z"])
    assert (await held(archive)).size == 2 * MIB
