"""Which stored files are not where they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.disk import FaultyDisk, archive_on
from fakes.holdings import held_file, holding, put
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import Mark

CONTENT = b"content"


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    made = archive_on(tmp_path, FaultyDisk())
    await made.prepare()
    return made


async def test_a_file_that_waits_for_its_recording_is_not_lost(archive: LocalArchive) -> None:
    file = await put(archive, "recording.mp4", CONTENT)
    assert await archive.lost([holding(file)]) == {}


async def test_a_published_file_is_not_lost(archive: LocalArchive) -> None:
    file = await put(archive, "recording.mp4", CONTENT)
    folder = await archive.publish(holding(file))
    assert await archive.lost([holding(file, folder=folder)]) == {}


async def test_a_published_file_of_a_bag_is_not_lost(tmp_path: Path) -> None:
    bags = archive_on(tmp_path, FaultyDisk(), bags=True)
    await bags.prepare()
    file = await put(bags, "recording.mp4", CONTENT)
    folder = await bags.publish(holding(file))
    assert await bags.lost([holding(file, folder=folder)]) == {}
    (tmp_path / folder / "data" / file.name).unlink()
    assert await bags.lost([holding(file, folder=folder)]) == {file.row: Mark.MISSING}


async def test_a_removed_file_is_lost(archive: LocalArchive, tmp_path: Path) -> None:
    file = await put(archive, "recording.mp4", CONTENT)
    folder = await archive.publish(holding(file))
    (tmp_path / folder / file.name).unlink()
    assert await archive.lost([holding(file, folder=folder)]) == {file.row: Mark.MISSING}


async def test_a_file_of_another_size_is_lost(archive: LocalArchive) -> None:
    file = replace(await put(archive, "recording.mp4", CONTENT), size=len(CONTENT) + 1)
    assert await archive.lost([holding(file)]) == {file.row: Mark.MISSING}


async def test_a_link_in_place_of_a_file_is_not_believed(
    archive: LocalArchive, tmp_path: Path
) -> None:
    file = await put(archive, "recording.mp4", CONTENT)
    folder = await archive.publish(holding(file))
    path = tmp_path / folder / file.name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert await archive.lost([holding(file, folder=folder)]) == {file.row: Mark.MISSING}


async def test_only_stored_files_are_looked_for(archive: LocalArchive) -> None:
    file = replace(held_file("recording.mp4", CONTENT), state="failed")
    assert await archive.lost([holding(file)]) == {}
