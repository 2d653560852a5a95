from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anyio import run_process

from fakes.disk import FaultyDisk, Linkless, archive_on
from fakes.holdings import KEY, download, held_file, holding, put
from reelkeep.archive.local import LocalArchive
from reelkeep.core.manifest import MANIFEST
from reelkeep.core.model import RecordingId
from reelkeep.core.naming import NAME_BYTES
from reelkeep.disk import Disk
from reelkeep.errors import IoFailed, StorageUnavailable

FOLDER = f"support/2026/{KEY}"


async def prepared(root: Path, disk: Disk | None = None, **more: Any) -> LocalArchive:
    archive = archive_on(root, disk, **more)
    await archive.prepare()
    return archive


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    return await prepared(tmp_path)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
async def test_sha256sum_confirms_the_folder(archive: LocalArchive, tmp_path: Path) -> None:
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    late = await put(archive, "audio_transcript.vtt", b"WEBVTT\n")
    await archive.publish(holding(first, late, folder=FOLDER))
    await run_process(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / FOLDER,
    )


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


async def test_modes_hold_exactly_whatever_the_umask(umask: None, tmp_path: Path) -> None:
    archive = await prepared(tmp_path / "archive")
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    await archive.publish(holding(first, late, folder=FOLDER))
    for path in (tmp_path / "archive").rglob("*"):
        if ".reelkeep" not in path.parts:
            expected = 0o750 if path.is_dir() else 0o640
            assert (path, stat.S_IMODE(path.stat().st_mode)) == (path, expected)


async def test_nothing_waits_any_more_once_it_is_published(
    archive: LocalArchive, tmp_path: Path
) -> None:
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    await archive.publish(holding(first, late, folder=FOLDER))
    left = [path for path in (tmp_path / ".reelkeep").rglob("*") if path.is_file()]
    assert left == []


async def test_publishing_again_writes_nothing(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    whole = holding(await put(archive, "recording.mp4", b"content"))
    await archive.publish(whole)
    disk.calls.clear()
    await archive.publish(replace(whole, folder=FOLDER))
    assert {"rename", "link", "unlink", "pwrite", "mkdir"}.isdisjoint(disk.calls)


async def test_a_changed_title_replaces_the_manifest_and_moves_nothing(
    tmp_path: Path,
) -> None:
    archive = await prepared(tmp_path, layout="{title}-{key}")
    whole = holding(await put(archive, "recording.mp4", b"content"))
    folder = await archive.publish(whole)
    assert await archive.publish(replace(whole, folder=folder, title="New")) == folder
    assert b'"title": "New"' in (tmp_path / folder / "recording.json").read_bytes()


async def test_a_folder_that_a_crash_hid_is_found_though_the_title_changed(
    tmp_path: Path,
) -> None:
    archive = await prepared(tmp_path, layout="{title}-{key}")
    whole = holding(await put(archive, "recording.mp4", b"content"))
    folder = await archive.publish(whole)
    assert await archive.publish(replace(whole, title="New")) == folder
    assert not (tmp_path / f"New-{KEY}").exists()


async def test_a_foreign_folder_is_left_alone(archive: LocalArchive, tmp_path: Path) -> None:
    foreign = tmp_path / FOLDER
    foreign.mkdir(parents=True)
    (foreign / "recording.mp4").write_bytes(b"foreign")
    file = await put(archive, "recording.mp4", b"content")
    assert await archive.publish(holding(file)) == f"{FOLDER}-2"
    assert [(path.name, path.read_bytes()) for path in foreign.iterdir()] == [
        ("recording.mp4", b"foreign")
    ]


async def test_the_folder_of_another_recording_is_foreign(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, layout="{provider}/{key}")
    first = await put(archive, "recording.mp4", b"content")
    folder = await archive.publish(holding(first))
    second = await put(archive, "recording.mp4", b"content")
    other = replace(holding(second), id=RecordingId("4712"))
    assert await archive.publish(other) == f"{folder}-2"
    assert await archive.publish(other) == f"{folder}-2"


async def test_a_folder_of_which_the_catalog_did_not_hear_is_ours(archive: LocalArchive) -> None:
    nothing = holding(replace(held_file("t.vtt", b""), state="gone"))
    assert await archive.publish(nothing) == FOLDER
    assert await archive.publish(nothing) == FOLDER


async def test_a_numbered_folder_name_is_not_too_long(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, layout="{key}-{title}")
    whole = replace(holding(await put(archive, "a.mp4", b"content")), title="é" * 300)
    plain = archive._publisher._folders.choose(whole)[0]
    (tmp_path / plain).mkdir()
    folder = await archive.publish(whole)
    assert folder.endswith("-2")
    assert len(folder.encode()) <= NAME_BYTES


async def test_a_file_in_the_place_of_the_folder_is_left_alone(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (tmp_path / FOLDER).parent.mkdir(parents=True)
    (tmp_path / FOLDER).write_bytes(b"foreign")
    file = await put(archive, "recording.mp4", b"content")
    assert await archive.publish(holding(file)) == f"{FOLDER}-2"


async def test_rule_48_a_foreign_file_under_the_name_of_a_late_one_is_put_aside_whole(
    archive: LocalArchive, tmp_path: Path
) -> None:
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    (tmp_path / FOLDER / "late.vtt").write_bytes(b"foreig\n")
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    await archive.publish(holding(first, late, folder=FOLDER))
    assert (tmp_path / FOLDER / "late.vtt").read_bytes() == b"WEBVTT\n"
    quarantine = tmp_path / ".reelkeep" / "quarantine"
    assert [path.read_bytes() for path in quarantine.glob("*.part")] == [b"foreig\n"]


@pytest.mark.parametrize("altered", [b"", None], ids=["cut", "removed"])
async def test_a_stored_file_that_is_not_there_any_more_is_named(
    archive: LocalArchive, tmp_path: Path, altered: bytes | None
) -> None:
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    before = (tmp_path / FOLDER / "recording.json").read_bytes()
    (tmp_path / FOLDER / "recording.mp4").unlink()
    if altered is not None:
        (tmp_path / FOLDER / "recording.mp4").write_bytes(altered)
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    with pytest.raises(IoFailed, match=r"recording\.mp4"):
        await archive.publish(holding(first, late, folder=FOLDER))
    assert (tmp_path / FOLDER / "recording.json").read_bytes() == before


async def test_a_file_fetched_twice_is_dropped_where_it_is_already(
    archive: LocalArchive, tmp_path: Path
) -> None:
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first, folder=FOLDER))
    assert await archive.finished(download()) is None


async def test_a_disk_without_hard_links_will_do(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, Linkless())
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    await archive.publish(holding(first, late, folder=FOLDER))
    assert (await archive.verify(FOLDER)).ok


async def test_directories_that_vanish_are_made_again(
    archive: LocalArchive, tmp_path: Path
) -> None:
    whole = holding(await put(archive, "recording.mp4", b"content"))
    await archive.publish(whole)
    shutil.rmtree(tmp_path / "support")
    await put(archive, "recording.mp4", b"content")
    assert await archive.publish(whole) == FOLDER
    assert (await archive.verify(FOLDER)).ok


@pytest.mark.parametrize("folder", ["../x", "/etc", "a//b", "a/../b", "", "a\0b"])
async def test_a_folder_outside_the_archive_is_refused(archive: LocalArchive, folder: str) -> None:
    with pytest.raises(IoFailed, match="cannot be"):
        await archive.publish(holding(folder=folder))


@pytest.mark.parametrize("name", ["../x.mp4", "a/b", ".."])
async def test_a_file_name_outside_the_folder_is_refused(archive: LocalArchive, name: str) -> None:
    with pytest.raises(IoFailed, match="cannot be"):
        await archive.publish(holding(held_file(name, b"")))


async def test_rule_42_all_is_flushed_before_the_folder_appears_and_its_name_after(
    tmp_path: Path,
) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    file = await put(archive, "recording.mp4", b"content")
    disk.calls.clear()
    await archive.publish(holding(file))
    kinds = {"mkdir", "fsync", "fsync_directory", "rename"}
    made = [call for call in disk.calls if call in kinds]
    assert made == [
        "mkdir", "fsync_directory",  # a place, to which nothing moves before its name is safe
        "rename", "fsync", "fsync", "fsync_directory",  # the file, and two papers
        "mkdir", "fsync_directory", "mkdir", "fsync_directory",  # provider, year
        "rename", "fsync_directory",
    ]  # fmt: skip


async def test_rule_42_a_late_file_is_flushed_before_the_manifest_claims_it(tmp_path: Path) -> None:
    archive = await prepared(tmp_path, disk := FaultyDisk())
    first = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(first))
    late = await put(archive, "late.vtt", b"WEBVTT\n")
    disk.calls.clear()
    await archive.publish(holding(first, late, folder=FOLDER))
    kinds = {"link", "fsync", "fsync_directory", "rename"}
    assert [call for call in disk.calls if call in kinds] == [
        "link", "fsync_directory",
        "fsync", "rename", "fsync_directory",  # the manifest
        "fsync", "rename", "fsync_directory",  # the sums
    ]  # fmt: skip


async def test_a_file_that_a_crash_left_on_its_way_is_finished(tmp_path: Path) -> None:
    """A catalog that is older than the crash fetches no file that is there."""
    archive = await prepared(tmp_path, disk := FaultyDisk())
    whole = holding(await put(archive, "recording.mp4", b"content"))
    disk.fail_next("pwrite")
    with pytest.raises(IoFailed):
        await archive.publish(whole)
    found = await archive.finished(download())
    assert found is not None
    assert found.size == len(b"content")


class _Closed(Disk):
    """A disk on which nobody may read a manifest."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        if path.name == MANIFEST and not flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return super().open(path, flags, mode)


async def test_nothing_is_put_beside_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """Unknown is not another recording's: it may hold the very files."""
    archive = await prepared(tmp_path)
    file = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(file))
    closed = await prepared(tmp_path, _Closed())
    again = await put(closed, "recording.mp4", b"content")
    with pytest.raises(StorageUnavailable, match="Permission denied"):
        await closed.publish(holding(again))
    assert [path.name for path in (tmp_path / "support/2026").iterdir()] == [KEY]
