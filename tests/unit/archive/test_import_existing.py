from __future__ import annotations

from pathlib import Path

import pytest

from fakes.disk import archive_on
from fakes.holdings import KEY, holding, put
from reelkeep.archive.import_existing import Adoption
from reelkeep.archive.local import LocalArchive
from reelkeep.core.model import FileId, HeldFile

FOLDER = f"support/2026/{KEY}"
LACKING = HeldFile(row=3, id=FileId("3"), name="t.vtt", state="failed", reason="not_found")


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    archive = archive_on(tmp_path)
    await archive.prepare()
    mp4 = await put(archive, "recording.mp4", b"content")
    jpg = await put(archive, "thumbnail.jpg", b"image")
    await archive.publish(holding(mp4, jpg, LACKING))
    return archive


async def adopted(archive: LocalArchive) -> list[Adoption]:
    return [adoption async for adoption in archive.adopt()]


async def test_an_untouched_recording_is_believed(archive: LocalArchive) -> None:
    (adoption,) = await adopted(archive)
    assert adoption.manifest is not None
    assert (adoption.folder, adoption.manifest.id) == (FOLDER, "4711")
    assert [entry.name for entry in adoption.matching] == ["recording.mp4", "thumbnail.jpg"]
    assert adoption.refused == ()


async def test_what_was_missing_is_known_to_be_missing(archive: LocalArchive) -> None:
    (adoption,) = await adopted(archive)
    assert adoption.manifest is not None
    missing = [entry for entry in adoption.manifest.files if not entry.stored]
    assert [(entry.name, entry.state, entry.reason) for entry in missing] == [
        ("t.vtt", "failed", "not_found")
    ]


@pytest.mark.parametrize("content", [b"CONTENT", b"", None], ids=["altered", "cut", "removed"])
async def test_a_file_whose_bytes_are_others_is_not_believed(
    archive: LocalArchive, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / FOLDER / "recording.mp4"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (adoption,) = await adopted(archive)
    assert [entry.name for entry in adoption.matching] == ["thumbnail.jpg"]
    assert [entry.name for entry in adoption.refused] == ["recording.mp4"]


@pytest.mark.parametrize("content", [b"", b"\0\0", b'{"format": 2}'])
async def test_a_manifest_that_cannot_be_read_is_told_of(
    archive: LocalArchive, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FOLDER / "recording.json").write_bytes(content)
    (adoption,) = await adopted(archive)
    assert adoption.manifest is None
    assert adoption.reason


async def test_an_empty_archive_has_nothing_to_adopt(tmp_path: Path) -> None:
    archive = archive_on(tmp_path)
    await archive.prepare()
    assert await adopted(archive) == []
