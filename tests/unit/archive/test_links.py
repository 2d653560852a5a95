"""Symbolic links above a recording's folder are the owner's, and all parts see the same."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from fakes.disk import archive_on
from fakes.holdings import KEY, holding, put
from reelkeep.archive.folders import DirectoryListing, walk
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import FolderVerdict, Mark
from reelkeep.core.manifest import MANIFEST
from reelkeep.disk import Disk
from reelkeep.errors import IoFailed

FOLDER = f"support/2026/{KEY}"


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    archive = archive_on(tmp_path / "archive")
    await archive.prepare()
    mp4 = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(mp4))
    return archive


def moved(tmp_path: Path, name: str) -> Path:
    """Move a folder of the archive to another disk; leave a link in its place."""
    path = tmp_path / "archive" / name
    away = tmp_path / "disk2" / path.name
    away.parent.mkdir(exist_ok=True)
    shutil.move(path, away)
    path.symlink_to(away)
    return path


async def found(archive: LocalArchive) -> list[str | FolderVerdict]:
    """Return every recording's folder, and a verdict for each directory with foreign files."""
    return [each async for some in archive.directories() for each in some]


def seen(root: Path) -> list[DirectoryListing]:
    return list(walk(Disk(), root, tolerant=True))


def folders(root: Path) -> list[str]:
    return [str(here.folder) for here in seen(root) if here.is_recording]


@pytest.mark.parametrize("name", ["support", "support/2026", FOLDER])
async def test_what_was_moved_is_verified_and_adopted(
    archive: LocalArchive, tmp_path: Path, name: str
) -> None:
    moved(tmp_path, name)

    assert await found(archive) == [FOLDER]
    assert (await archive.verify(FOLDER)).ok
    (adopted,) = [each async for each in archive.adopt()]
    assert (adopted.folder, [entry.name for entry in adopted.matching]) == (
        FOLDER, ["recording.mp4"],
    )  # fmt: skip


async def test_a_folder_behind_a_link_is_extended_there(
    archive: LocalArchive, tmp_path: Path
) -> None:
    moved(tmp_path, "support/2026")
    mp4 = await put(archive, "recording.mp4", b"content")
    jpg = await put(archive, "thumbnail.jpg", b"image")

    assert await archive.publish(holding(mp4, jpg, folder=FOLDER)) == FOLDER

    assert (tmp_path / "disk2" / "2026" / KEY / "thumbnail.jpg").read_bytes() == b"image"
    assert (await archive.verify(FOLDER)).ok


@pytest.mark.parametrize("target", [".", "..", "support", "support/2026", "../archive"])
async def test_a_circle_is_walked_once(archive: LocalArchive, tmp_path: Path, target: str) -> None:
    (tmp_path / "archive" / "loop").symlink_to(target)
    (tmp_path / "archive" / "support" / "loop").symlink_to(tmp_path / "archive" / target)

    assert folders(tmp_path / "archive") == [FOLDER]
    assert [each async for each in archive.adopt()] != []


async def test_a_circle_behind_a_link_is_walked_once(archive: LocalArchive, tmp_path: Path) -> None:
    moved(tmp_path, "support/2026")
    (tmp_path / "disk2" / "2026" / "again").symlink_to(tmp_path / "disk2")
    (tmp_path / "disk2" / "2026" / "back").symlink_to(tmp_path / "archive")
    (tmp_path / "archive" / "support" / "twice").symlink_to(tmp_path / "disk2" / "2026")

    assert folders(tmp_path / "archive") == [FOLDER]
    assert [each.folder async for each in archive.adopt()] == [FOLDER]


async def test_a_link_that_is_not_followed_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "file").symlink_to("/etc/hostname")
    (tmp_path / "nowhere").symlink_to("gone")
    (here,) = seen(tmp_path)
    assert here.files == ("file", "loop", "nowhere")


async def test_links_within_a_recording_are_not_followed(
    archive: LocalArchive, tmp_path: Path
) -> None:
    inside = tmp_path / "archive" / FOLDER / "more"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / MANIFEST).write_text("{}")
    inside.symlink_to(elsewhere)

    assert folders(tmp_path / "archive") == [FOLDER]
    assert (await archive.verify(FOLDER)).names(Mark.FOREIGN) == ("more",)


async def test_an_adoption_does_not_miss_what_is_behind_a_link_to_an_absent_disk(
    archive: LocalArchive, tmp_path: Path
) -> None:
    link = moved(tmp_path, "support/2026")
    (tmp_path / "disk2").rename(tmp_path / "unplugged")
    with pytest.raises(IoFailed, match="is its disk mounted") as raised:
        _ = [each async for each in archive.adopt()]
    assert str(link) in str(raised.value)


async def test_the_lock_of_an_editor_keeps_no_archive_from_adoption(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (tmp_path / "archive" / "support" / ".#notes").symlink_to("somebody@host.1234:1")
    assert [each.folder async for each in archive.adopt()] == [FOLDER]


async def test_the_file_systems_own_folder_keeps_no_archive_from_adoption(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ext4 has a folder that only root may read, at its top; the archive may lie there."""
    (tmp_path / "archive" / "lost+found").mkdir()
    scandir = os.scandir

    def closed(path: Path) -> object:
        if Path(path).name == "lost+found":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert await found(archive) == [FOLDER]
    assert [each.folder async for each in archive.adopt()] == [FOLDER]
