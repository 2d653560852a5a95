"""Folders that are BagIt bags, by the judgement of the Library of Congress's own `bagit`."""

from __future__ import annotations

import errno
import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import bagit
import pytest

from fakes.disk import FaultyDisk, archive_on
from fakes.holdings import KEY, held_file, holding, put
from proofs import QUARTERS, quarter
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import Mark
from reelkeep.core.manifest import BAG_PAPERS, decode_tags, read_manifest
from reelkeep.errors import ConfigError, TransferError

FOLDER = f"support/2026/{KEY}"
CONTENT = {"recording.mp4": b"content", "thumbnail.jpg": b"image", "late.vtt": b"WEBVTT\n"}
FILES = {name: held_file(name, content) for name, content in CONTENT.items()}
EARLY = holding(FILES["recording.mp4"], FILES["thumbnail.jpg"])
LATE = replace(holding(*FILES.values(), folder=FOLDER), title="Weekly\nreview: 100 %")


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    archive = archive_on(tmp_path, bags=True)
    await archive.prepare()
    await put(archive, "recording.mp4", CONTENT["recording.mp4"])
    await put(archive, "thumbnail.jpg", CONTENT["thumbnail.jpg"])
    assert await archive.publish(EARLY) == FOLDER
    return archive


async def extend(archive: LocalArchive) -> None:
    await put(archive, "late.vtt", CONTENT["late.vtt"])
    assert await archive.publish(LATE) == FOLDER


def bag(root: Path) -> bagit.Bag:
    return bagit.Bag(str(root / FOLDER))


def names(root: Path) -> set[str]:
    home = root / FOLDER
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


async def test_a_folder_is_a_valid_bag(archive: LocalArchive, tmp_path: Path) -> None:
    assert bag(tmp_path).validate()
    assert names(tmp_path) == {*BAG_PAPERS, "data/recording.mp4", "data/thumbnail.jpg"}


async def test_a_bag_says_what_is_in_it(archive: LocalArchive, tmp_path: Path) -> None:
    info = bag(tmp_path).info
    assert info["External-Identifier"] == "4711"
    assert info["Bag-Group-Identifier"] == "support"
    assert info["Payload-Oxum"] == "12.2"
    assert info["Bagging-Date"] == "2026-11-22"


async def test_a_late_file_joins_the_bag(archive: LocalArchive, tmp_path: Path) -> None:
    await extend(archive)
    assert bag(tmp_path).validate()
    assert "data/late.vtt" in names(tmp_path)
    assert bag(tmp_path).info["External-Description"] == "Weekly review: 100 %"


async def test_doing_it_again_changes_nothing(archive: LocalArchive, tmp_path: Path) -> None:
    before = {path: path.stat().st_ino for path in (tmp_path / FOLDER).rglob("*")}
    await archive.publish(replace(EARLY, folder=FOLDER))
    assert {path: path.stat().st_ino for path in (tmp_path / FOLDER).rglob("*")} == before


async def test_a_folder_keeps_its_form_when_the_setting_changes(
    archive: LocalArchive, tmp_path: Path
) -> None:
    plain = archive_on(tmp_path)
    await plain.prepare()
    await extend(plain)
    assert bag(tmp_path).validate()


async def test_a_plain_folder_stays_plain(tmp_path: Path) -> None:
    plain = archive_on(tmp_path)
    await plain.prepare()
    await put(plain, "recording.mp4", CONTENT["recording.mp4"])
    await plain.publish(holding(FILES["recording.mp4"]))
    bags = archive_on(tmp_path, bags=True)
    await bags.prepare()
    await put(bags, "late.vtt", CONTENT["late.vtt"])
    await bags.publish(holding(FILES["recording.mp4"], FILES["late.vtt"], folder=FOLDER))
    assert names(tmp_path) == {"recording.json", "SHA256SUMS", "recording.mp4", "late.vtt"}


async def test_a_bag_is_verified(archive: LocalArchive) -> None:
    verdict = await archive.verify(FOLDER)
    assert verdict.ok
    assert {each.name for each in verdict.checked} == {
        *BAG_PAPERS, "recording.mp4", "thumbnail.jpg",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*BAG_PAPERS[:-1], "data/recording.mp4"])
async def test_what_is_altered_in_a_bag_is_named(
    archive: LocalArchive, tmp_path: Path, name: str
) -> None:
    path = tmp_path / FOLDER / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert path.name in (await archive.verify(FOLDER)).names(Mark.ALTERED)


async def test_a_digest_of_the_last_paper_is_altered_or_what_it_speaks_of(
    archive: LocalArchive, tmp_path: Path
) -> None:
    path = tmp_path / FOLDER / "tagmanifest-sha256.txt"
    first, rest = path.read_text()[0], path.read_text()[1:]
    path.write_text(("1" if first == "0" else "0") + rest)
    assert (await archive.verify(FOLDER)).names(Mark.ALTERED) == ("recording.json",)


@pytest.mark.parametrize("name", [*BAG_PAPERS, "data/recording.mp4"])
async def test_what_is_missing_in_a_bag_is_named(
    archive: LocalArchive, tmp_path: Path, name: str
) -> None:
    (tmp_path / FOLDER / name).unlink()
    assert (await archive.verify(FOLDER)).names(Mark.MISSING) == (Path(name).name,)


async def test_what_is_foreign_in_a_bag_is_named(archive: LocalArchive, tmp_path: Path) -> None:
    for name in ("stray", "data/stray"):
        (tmp_path / FOLDER / name).touch()
        (tmp_path / FOLDER / f"{name}s").mkdir()
    found = (await archive.verify(FOLDER)).names(Mark.FOREIGN)
    assert found == ("stray", "strays/", "data/stray", "data/strays/")


async def test_a_bag_is_adopted(archive: LocalArchive) -> None:
    (adoption,) = [each async for each in archive.adopt()]
    assert [entry.name for entry in adoption.matching] == ["recording.mp4", "thumbnail.jpg"]


async def test_what_is_damaged_in_a_bag_is_put_aside(archive: LocalArchive, tmp_path: Path) -> None:
    held = replace(EARLY, folder=FOLDER)
    assert await archive.put_aside(held, "recording.mp4", "why")
    assert await archive.put_aside(held, "bag-info.txt", "why")
    assert names(tmp_path) == {
        "recording.json", "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt",
        "data/thumbnail.jpg",
    }  # fmt: skip


def assert_every_claim_is_true(root: Path) -> None:
    """A bag may lack papers; what it says holds."""
    home = root / FOLDER
    if not home.exists():
        return
    for paper in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        if (home / paper).exists():
            for path, digest in decode_tags((home / paper).read_bytes()).items():
                assert hashlib.sha256((home / path).read_bytes()).hexdigest() == digest
    for entry in read_manifest((home / "recording.json").read_bytes()).files:
        assert (home / "data" / entry.name).read_bytes() == CONTENT[entry.name]
    if (home / "bag-info.txt").exists():
        sizes = [path.stat().st_size for path in (home / "data").iterdir()]
        assert bag(root).info["Payload-Oxum"] == f"{sum(sizes)}.{len(sizes)}"


async def story(archive: LocalArchive, root: Path) -> None:
    """Publish a bag, and let a late file join it; begun anew, it goes on where it stopped."""
    await archive.prepare()
    for name in ("recording.mp4", "thumbnail.jpg"):
        await fetch(archive, root, name)
    await archive.publish(EARLY)
    await fetch(archive, root, "late.vtt")
    await archive.publish(LATE)


async def fetch(archive: LocalArchive, root: Path, name: str) -> None:
    if not (root / FOLDER / "data" / name).exists():
        await put(archive, name, CONTENT[name])


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_wherever_it_stops_no_bag_claims_what_is_not_so(
    tmp_path: Path, error: int, part: int
) -> None:
    counting = FaultyDisk()
    await story(archive_on(tmp_path / "whole", counting, bags=True), tmp_path / "whole")
    assert len(counting.calls) > 60
    for number in quarter(range(len(counting.calls)), part):
        root = tmp_path / str(number)
        root.mkdir()
        dying = FaultyDisk(fail_at=number, error=error, dead=True)
        with suppress(TransferError, ConfigError):
            await story(archive_on(root, dying, bags=True), root)
        assert_every_claim_is_true(root)
        again = archive_on(root, FaultyDisk(), bags=True)
        await story_to_its_end(again, root)
        assert bag(root).validate()


async def story_to_its_end(archive: LocalArchive, root: Path) -> None:
    await archive.prepare()
    for name in CONTENT:
        await fetch(archive, root, name)
    await archive.publish(LATE if (root / FOLDER).exists() else replace(LATE, folder=None))
