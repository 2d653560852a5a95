from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.disk import archive_on
from fakes.holdings import KEY, download, held_file, holding, put
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import FolderVerdict, Mark
from reelkeep.core.model import RecordingId
from reelkeep.disk import Disk
from reelkeep.errors import IoFailed

FOLDER = f"support/2026/{KEY}"
NAMES = ("SHA256SUMS", "recording.json", "recording.mp4", "thumbnail.jpg")


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    archive = archive_on(tmp_path)
    await archive.prepare()
    mp4 = await put(archive, "recording.mp4", b"content")
    jpg = await put(archive, "thumbnail.jpg", b"image")
    await archive.publish(holding(mp4, jpg))
    return archive


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / FOLDER


async def test_an_untouched_folder_is_in_order(archive: LocalArchive) -> None:
    verdict = await archive.verify(FOLDER)
    assert verdict.ok
    assert (verdict.folder, verdict.provider, verdict.id, verdict.key) == (
        FOLDER, "support", "4711", KEY,
    )  # fmt: skip
    assert verdict.names(Mark.OK) == NAMES


async def test_what_was_read_is_told(archive: LocalArchive) -> None:
    verdict = await archive.verify(FOLDER)
    (mp4,) = (each for each in verdict.checked if each.name == "recording.mp4")
    expected = held_file("recording.mp4", b"content")
    assert (mp4.size, mp4.sha256) == (expected.size, expected.sha256)


def quarantined(root: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in root.glob(".reelkeep/quarantine/*.part"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("harm", [flip, link], ids=["one bit", "a link"])
async def test_an_altered_file_is_named(
    archive: LocalArchive, tmp_path: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(folder_of(tmp_path) / name)
    verdict = await archive.verify(FOLDER)
    assert name in verdict.names(Mark.ALTERED)


@pytest.mark.parametrize("harm", [directory, lambda path: os.truncate(path, 0)])
async def test_a_file_that_became_something_else_is_altered(
    archive: LocalArchive, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(folder_of(tmp_path) / "recording.mp4")
    verdict = await archive.verify(FOLDER)
    assert verdict.names(Mark.ALTERED) == ("recording.mp4",)


@pytest.mark.parametrize("name", NAMES)
async def test_a_missing_file_is_named(archive: LocalArchive, tmp_path: Path, name: str) -> None:
    (folder_of(tmp_path) / name).unlink()
    verdict = await archive.verify(FOLDER)
    assert verdict.names(Mark.MISSING) == (name,)


async def test_what_is_not_ours_is_foreign(archive: LocalArchive, tmp_path: Path) -> None:
    (folder_of(tmp_path) / "notes.txt").write_bytes(b"")
    (folder_of(tmp_path) / "sub").mkdir()
    (folder_of(tmp_path) / os.fsdecode(b"\xff")).symlink_to("/etc/passwd")
    verdict = await archive.verify(FOLDER)
    assert verdict.names(Mark.FOREIGN) == ("notes.txt", "\\xff", "sub/")


async def test_sums_that_leave_out_a_stored_file_are_altered(
    archive: LocalArchive, tmp_path: Path
) -> None:
    path = folder_of(tmp_path) / "SHA256SUMS"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "mp4" not in line))
    verdict = await archive.verify(FOLDER)
    assert verdict.names(Mark.ALTERED) == ("SHA256SUMS",)


async def test_sums_made_anew_after_an_alteration_do_not_hide_it(
    archive: LocalArchive, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path)
    (folder / "recording.mp4").write_bytes(b"altered")
    forged = held_file("recording.mp4", b"altered").sha256 or ""
    true = held_file("recording.mp4", b"content").sha256 or ""
    sums = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(sums.replace(true, forged))
    verdict = await archive.verify(FOLDER)
    assert "recording.mp4" in verdict.names(Mark.ALTERED)


async def test_sums_that_point_elsewhere_are_not_followed(
    archive: LocalArchive, tmp_path: Path
) -> None:
    with (folder_of(tmp_path) / "SHA256SUMS").open("a") as sums:
        sums.write("0" * 64 + "  ../../../../etc/passwd\n")
    verdict = await archive.verify(FOLDER)
    assert verdict.names(Mark.ALTERED) == ("SHA256SUMS",)


async def test_a_folder_that_is_gone_lacks_everything_we_know_of(archive: LocalArchive) -> None:
    verdict = await archive.verify("support/nowhere")
    assert verdict.names(Mark.MISSING) == ("SHA256SUMS", "recording.json")


async def walked(archive: LocalArchive) -> list[str | FolderVerdict]:
    return [each async for some in archive.directories() for each in some]


async def test_all_folders_are_walked_in_order(archive: LocalArchive, tmp_path: Path) -> None:
    other = await put(archive, "recording.mp4", b"other")
    folder = await archive.publish(replace(holding(other), id=RecordingId("4712")))
    assert await walked(archive) == [FOLDER, folder]


async def test_files_outside_of_recordings_are_foreign(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (tmp_path / "support" / "stray.mp4").write_bytes(b"")
    stray, folder = await walked(archive)
    assert folder == FOLDER
    assert isinstance(stray, FolderVerdict)
    assert (stray.folder, stray.names(Mark.FOREIGN)) == ("support", ("stray.mp4",))


async def test_a_folder_that_lost_its_manifest_is_verified_all_the_same(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (folder_of(tmp_path) / "recording.json").unlink()
    assert await walked(archive) == [FOLDER]
    assert (await archive.verify(FOLDER)).names(Mark.MISSING) == ("recording.json",)


async def test_unfinished_work_is_no_part_of_the_archive(archive: LocalArchive) -> None:
    async with archive.part(download("late.vtt")) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"x"])
    assert await walked(archive) == [FOLDER]


async def test_progress_counts_every_byte_that_was_read(
    archive: LocalArchive, tmp_path: Path
) -> None:
    read: list[int] = []
    await archive.verify(FOLDER, progress=read.append)
    manifest = (folder_of(tmp_path) / "recording.json").stat().st_size
    assert sum(read) == len(b"content") + len(b"image") + manifest


async def test_a_file_that_is_known_to_be_in_order_is_not_read(
    archive: LocalArchive, tmp_path: Path
) -> None:
    flip(folder_of(tmp_path) / "recording.mp4")
    assert (await archive.verify(FOLDER, known=["recording.mp4"])).ok


async def test_a_known_file_that_is_not_there_is_missing(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (folder_of(tmp_path) / "recording.mp4").unlink()
    verdict = await archive.verify(FOLDER, known=["recording.mp4"])
    assert verdict.names(Mark.MISSING) == ("recording.mp4",)


class BadBlocks(Disk):
    """A disk that cannot read some files to their end."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._bad = set[int]()

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        fd = super().open(path, flags, mode)
        if path.name in self._names:
            self._bad.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self._bad.discard(fd)
        super().close(fd)

    def pread_into(self, fd: int, into: memoryview, offset: int) -> int:
        if fd in self._bad and offset:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().pread_into(fd, into, offset)


async def test_a_bad_block_is_told_from_other_bytes(archive: LocalArchive, tmp_path: Path) -> None:
    verdict = await archive_on(tmp_path, BadBlocks("recording.mp4")).verify(FOLDER)
    (bad,) = (each for each in verdict.checked if each.mark is not Mark.OK)
    assert (bad.name, bad.mark, bad.reason) == (
        "recording.mp4", Mark.UNREADABLE, "Input/output error",
    )  # fmt: skip


class OnceUnreadable(Disk):
    """A disk that fails the first time that a file of this name is opened."""

    def __init__(self, name: str) -> None:
        self._left = {name}

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        if path.name in self._left:
            self._left.discard(path.name)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().open(path, flags, mode)


@pytest.mark.parametrize("name", ["SHA256SUMS", "recording.json"])
async def test_a_paper_that_cannot_be_read_is_not_called_altered(
    archive: LocalArchive, tmp_path: Path, name: str
) -> None:
    verdict = await archive_on(tmp_path, OnceUnreadable(name)).verify(FOLDER)
    found = {each.name: each.mark for each in verdict.checked if each.mark is not Mark.OK}
    assert found == {name: Mark.UNREADABLE}


async def test_a_directory_that_cannot_be_read_is_told_and_passed_by(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root reads everything, the refusal is played."""
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr("reelkeep.disk.os.scandir", refuse)
    (tmp_path / "locked").mkdir()
    locked, folder = await walked(archive)
    assert isinstance(locked, FolderVerdict)
    assert (locked.folder, locked.names(Mark.UNREADABLE), folder) == ("locked", ("./",), FOLDER)


async def test_an_archive_that_is_not_mounted_has_lost_nothing(tmp_path: Path) -> None:
    with pytest.raises(IoFailed, match="mounted"):
        await archive_on(tmp_path / "empty").verify(FOLDER)


@pytest.mark.parametrize("content", [b"altered", None], ids=["a file", "nothing"])
async def test_what_is_put_aside_is_kept_whole(
    archive: LocalArchive, tmp_path: Path, content: bytes | None
) -> None:
    path = folder_of(tmp_path) / "recording.mp4"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    held = holding(held_file("recording.mp4", b"content"), folder=FOLDER)
    assert await archive.put_aside(held, "recording.mp4", "why")
    assert not path.exists()
    assert quarantined(tmp_path) == ([] if content is None else [content])


async def test_nothing_that_was_put_aside_is_written_over(
    archive: LocalArchive, tmp_path: Path
) -> None:
    held = holding(held_file("recording.mp4", b"content"), folder=FOLDER)
    for content in (b"1", b"2", b"3"):
        (folder_of(tmp_path) / "recording.mp4").write_bytes(content)
        await archive.put_aside(held, "recording.mp4", "why")
    assert quarantined(tmp_path) == [b"1", b"2", b"3"]
