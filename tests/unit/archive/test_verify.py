from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.disk import archive_on
from fakes.holdings import KEY, download, held_file, holding, put
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.verify import Mark
from reelkeep.core.model import RecordingId

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


async def test_all_folders_are_verified_in_order(archive: LocalArchive, tmp_path: Path) -> None:
    other = await put(archive, "recording.mp4", b"other")
    second = replace(holding(other), id=RecordingId("4712"))
    folder = await archive.publish(second)
    flip(tmp_path / folder / "recording.mp4")
    found = [(verdict.folder, verdict.ok) async for verdict in archive.verify_all()]
    assert found == [(FOLDER, True), (folder, False)]


async def test_files_outside_of_recordings_are_foreign(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (tmp_path / "support" / "stray.mp4").write_bytes(b"")
    verdicts = [verdict async for verdict in archive.verify_all()]
    assert [(verdict.folder, verdict.ok) for verdict in verdicts] == [
        ("support", False),
        (FOLDER, True),
    ]
    assert verdicts[0].names(Mark.FOREIGN) == ("stray.mp4",)


async def test_a_folder_that_lost_its_manifest_is_verified_all_the_same(
    archive: LocalArchive, tmp_path: Path
) -> None:
    (folder_of(tmp_path) / "recording.json").unlink()
    (verdict,) = [verdict async for verdict in archive.verify_all()]
    assert verdict.names(Mark.MISSING) == ("recording.json",)


async def test_unfinished_work_is_no_part_of_the_archive(archive: LocalArchive) -> None:
    async with archive.part(download("late.vtt")) as part:
        await part.begin(validator=None, total=None, promises={})
        await part.write([b"x"])
    assert [verdict.ok async for verdict in archive.verify_all()] == [True]


async def test_progress_counts_every_byte_that_was_read(
    archive: LocalArchive, tmp_path: Path
) -> None:
    read: list[int] = []
    await archive.verify(FOLDER, read.append)
    manifest = (folder_of(tmp_path) / "recording.json").stat().st_size
    assert sum(read) == len(b"content") + len(b"image") + manifest
