"""A file system of its own below the archive, found by what the kernel refuses."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.disk import FaultyDisk, TwoVolumes, archive_on
from fakes.holdings import KEY, held_file, holding, put
from proofs import QUARTERS, quarter
from reelkeep.app.verification import not_intact
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import FOLDER_ITSELF, Mark
from reelkeep.core.model import HeldFile
from reelkeep.disk import Disk
from reelkeep.errors import ArchiveAbsent, TransferError

FOLDER = f"support/2026/{KEY}"
IDENTITY = "5" * 32
CONTENT = {"recording.mp4": b"content", "late.vtt": b"WEBVTT\n"}


async def opened(root: Path, disk: Disk) -> LocalArchive:
    archive = archive_on(root, disk)
    archive.identity.expect(await archive.identity.read())
    await archive.prepare()
    if await archive.identity.read() is None:
        await archive.identity.write(IDENTITY)
    return archive


def left(root: Path) -> set[str]:
    """Return what waits anywhere, or is left over."""
    names = ("finished", "staging", "parts")
    found = (path for each in root.rglob(".reelkeep") for name in names
             for path in each.joinpath(name).rglob("*"))  # fmt: skip
    return {str(path.relative_to(root)) for path in found}


def unplug(mount: Path, away: Path) -> None:
    mount.rename(away)
    mount.mkdir()


def plug(mount: Path, away: Path) -> None:
    mount.rmdir()  # which fails if anything was written there
    away.rename(mount)


@pytest.fixture(params=["support", "support/2026"])
def mount(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "archive" / str(request.param)
    path.mkdir(parents=True)
    return path


@pytest.fixture
async def archive(tmp_path: Path, mount: Path) -> LocalArchive:
    return await opened(tmp_path / "archive", TwoVolumes(mount))


async def published(archive: LocalArchive) -> list[HeldFile]:
    """Publish a recording, then a late file of it."""
    mp4 = await put(archive, "recording.mp4", CONTENT["recording.mp4"])
    assert await archive.publish(holding(mp4)) == FOLDER
    late = await put(archive, "late.vtt", CONTENT["late.vtt"])
    assert await archive.publish(holding(mp4, late, folder=FOLDER)) == FOLDER
    return [mp4, late]


async def test_a_recording_appears_and_grows_on_its_volume(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    await published(archive)
    root = tmp_path / "archive"
    assert (await archive.verify(FOLDER)).ok
    assert left(root) == set()
    assert json.loads((root / ".reelkeep/volumes").read_text()) == [str(mount.relative_to(root))]
    assert [each async for some in archive.directories() for each in some] == [FOLDER]


async def test_a_volume_behind_a_link_is_one_too(tmp_path: Path) -> None:
    root, away = tmp_path / "archive", tmp_path / "disk2"
    (root / "support").mkdir(parents=True)
    away.mkdir()
    (root / "support" / "2026").symlink_to(away)
    archive = await opened(root, TwoVolumes(away))
    await published(archive)
    assert (await archive.verify(FOLDER)).ok
    assert (away / KEY / "recording.mp4").is_file()
    assert left(root) | left(tmp_path) == set()


async def test_modes_are_those_of_the_settings(archive: LocalArchive, tmp_path: Path) -> None:
    await published(archive)
    folder = tmp_path / "archive" / FOLDER
    assert folder.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o640}


async def test_a_bag_is_staged_on_its_volume(tmp_path: Path) -> None:
    mount = tmp_path / "support"
    mount.mkdir()
    archive = archive_on(tmp_path, TwoVolumes(mount), bags=True)
    await archive.prepare()
    await published(archive)
    assert (await archive.verify(FOLDER)).ok
    assert left(tmp_path) == set()


async def test_what_stands_in_the_way_goes_to_the_quarantine_of_its_volume(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    mp4, late = await published(archive)
    (tmp_path / "archive" / FOLDER / "late.vtt").write_bytes(b"somebody's")
    again = await put(archive, "late.vtt", CONTENT["late.vtt"])
    await archive.publish(holding(mp4, again, folder=FOLDER))
    assert (await archive.verify(FOLDER)).ok
    kept = list((mount / ".reelkeep/quarantine").glob("*.part"))
    assert [path.read_bytes() for path in kept] == [b"somebody's"]

    assert await archive.put_aside(holding(mp4, late, folder=FOLDER), "recording.mp4", "tried")
    assert len(list((mount / ".reelkeep/quarantine").glob("*.part"))) == 2


async def test_nothing_is_written_into_the_mount_point_of_a_volume(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    mp4, late = await published(archive)
    unplug(mount, tmp_path / "unplugged")
    again = archive_on(tmp_path / "archive", TwoVolumes(mount))
    again.identity.expect(IDENTITY)
    await again.prepare()
    kept = await put(again, "third.mp4", b"third")

    for folder in (None, FOLDER):
        with pytest.raises((ArchiveAbsent, TransferError)):
            await again.publish(holding(mp4, late, kept, folder=folder))
    with pytest.raises(ArchiveAbsent, match="not mounted"):
        await again.publish(holding(kept))

    (told,) = await again.volumes.absences()
    assert str(mount) in told
    plug(mount, tmp_path / "unplugged")
    await again.publish(holding(mp4, late, kept, folder=FOLDER))
    assert (await again.verify(FOLDER)).ok


async def test_a_lost_volume_is_begun_anew_when_told(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    await published(archive)
    unplug(mount, tmp_path / "lost")
    await archive.volumes.begin_absent()
    assert await archive.volumes.absences() == []
    await published(archive)
    assert (await archive.verify(FOLDER)).ok


async def test_what_is_on_a_volume_that_is_away_is_not_missing(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    files = [replace(file, row=row) for row, file in enumerate(await published(archive))]
    unplug(mount, tmp_path / "unplugged")
    verdict = await archive.verify(FOLDER)
    assert (verdict.names(Mark.MISSING), verdict.names(Mark.UNREADABLE)) == ((), (FOLDER_ITSELF,))
    assert verdict.away == str(mount.relative_to(tmp_path / "archive"))
    kept = holding(*files, folder=FOLDER)
    assert await archive.lost([kept]) == dict.fromkeys((0, 1), Mark.UNREADABLE)
    assert await not_intact(archive, kept) is not None
    assert not await archive.put_aside(kept, "late.vtt", "tried")
    plug(mount, tmp_path / "unplugged")
    assert await archive.lost([kept]) == {}
    assert await not_intact(archive, kept) is None


@pytest.mark.parametrize("remains", [True, False], ids=["an empty mount point", "nothing"])
async def test_so_it_is_with_a_link_that_leads_nowhere(tmp_path: Path, *, remains: bool) -> None:
    root, away = tmp_path / "archive", tmp_path / "disk2"
    archive = await opened(root, Disk())
    (file,) = [await put(archive, "recording.mp4", CONTENT["recording.mp4"])]
    await archive.publish(holding(file))
    (root / "support" / "2026").rename(away)  # no volume was ever noticed there
    (root / "support" / "2026").symlink_to(away)
    assert (await archive.verify(FOLDER)).ok
    away.rename(tmp_path / "unplugged")
    if remains:
        away.mkdir()
    verdict = await archive.verify(FOLDER)
    assert verdict.away == "support/2026"
    assert await archive.lost([holding(file, folder=FOLDER)]) == {file.row: Mark.UNREADABLE}


async def test_a_new_catalog_waits_for_all_volumes(
    archive: LocalArchive, tmp_path: Path, mount: Path
) -> None:
    await published(archive)
    unplug(mount, tmp_path / "unplugged")
    with pytest.raises(ArchiveAbsent, match="not mounted"):
        _ = [each async for each in archive.adopt()]


async def test_the_room_of_the_volume_counts(tmp_path: Path, mount: Path) -> None:
    class Tight(TwoVolumes):
        def free(self, path: Path) -> int:
            return 10 if path == mount else 1000

    archive = await opened(tmp_path / "archive", Tight(mount))
    assert await archive.free() == 1000
    await published(archive)
    assert await archive.free() == 10


async def test_bytes_that_changed_on_the_way_are_not_published(
    archive: LocalArchive, tmp_path: Path
) -> None:
    mp4 = await put(archive, "recording.mp4", CONTENT["recording.mp4"])
    (waits,) = (tmp_path / "archive/.reelkeep/finished").iterdir()
    waits.write_bytes(b"CONTENT")
    with pytest.raises(TransferError, match="does not hold the bytes"):
        await archive.publish(holding(mp4))
    assert not (tmp_path / "archive" / FOLDER).exists()
    assert waits.exists() or left(tmp_path / "archive") != set()


async def test_a_hidden_folder_on_another_file_system_does_as_well(tmp_path: Path) -> None:
    archive = await opened(tmp_path, TwoVolumes(tmp_path / ".reelkeep"))
    await published(archive)
    assert (await archive.verify(FOLDER)).ok


async def test_but_not_where_recordings_lie_right_beside_it(tmp_path: Path) -> None:
    disk = TwoVolumes(tmp_path / ".reelkeep")
    archive = archive_on(tmp_path, disk, layout="{key}")
    await archive.prepare()
    mp4 = await put(archive, "recording.mp4", CONTENT["recording.mp4"])
    with pytest.raises(TransferError, match="put both on one"):
        await archive.publish(holding(mp4))


async def length_of_story(root: Path) -> int:
    disk = await begun(root)
    await published(await opened(root, disk))
    return len(disk.calls)


async def begun(root: Path, **how: object) -> TwoVolumes:
    (root / "support").mkdir(parents=True)
    await opened(root, FaultyDisk())
    return TwoVolumes(root / "support", **how)


@pytest.mark.parametrize("part", QUARTERS)
async def test_after_dying_at_any_call_the_work_is_finished(tmp_path: Path, part: int) -> None:
    mp4, late = (held_file(name, content) for name, content in CONTENT.items())
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        disk = await begun(root, fail_at=k, dead=True)
        with suppress(TransferError):
            await published(await opened(root, disk))
        disk.power_cut(root)
        seen = [path for path in root.rglob("*") if ".reelkeep" not in path.parts]
        assert {path.name for path in seen if path.is_file()} <= {
            *CONTENT, "recording.json", "SHA256SUMS",
        }  # fmt: skip

        archive = await opened(root, TwoVolumes(root / "support"))
        for name, content in CONTENT.items():
            if not (root / FOLDER / name).exists():
                await put(archive, name, content)
        await archive.publish(holding(mp4, late))

        assert (await archive.verify(FOLDER)).ok, k
        await archive.tidy([KEY])
        assert left(root) == set(), k


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_after_any_failing_call_another_attempt_succeeds(
    tmp_path: Path, error: int, part: int
) -> None:
    mp4, late = (held_file(name, content) for name, content in CONTENT.items())
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        disk = await begun(root, fail_at=k, error=error)
        archive: LocalArchive | None = None
        with suppress(TransferError, ArchiveAbsent):
            archive = await opened(root, disk)
            await published(archive)
        archive = archive or await opened(root, disk)
        for name, content in CONTENT.items():
            if not (root / FOLDER / name).exists():
                await put(archive, name, content)
        await archive.publish(holding(mp4, late))
        assert (await archive.verify(FOLDER)).ok, (k, os.strerror(error))
