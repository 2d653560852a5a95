"""A lost catalog beside a kept archive: nothing is fetched twice, and nothing is destroyed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.catalog import (
    DESCRIBING,
    NAME,
    TRAITS,
    Catalog,
    a_file,
    a_recording,
    failed,
    open_catalog,
    stored,
    without,
)
from fakes.disk import archive_on
from reelkeep.archive.import_existing import Adoption
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.adoption import adopt
from reelkeep.core.admission import FILTERED
from reelkeep.core.manifest import MANIFEST, SUMS
from reelkeep.core.model import Download, Recording, Stored
from reelkeep.core.unavailable import Obstacle
from reelkeep.errors import Gone

CONTENT = {"1": b"first file", "2": b"other file", "3": b"third file"}
RECORDING = a_recording("a", a_file("1"), a_file("2"), a_file("3", stem="chat", extension="txt"))


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    opened = archive_on(tmp_path)
    await opened.prepare()
    return opened


async def fetch(archive: LocalArchive, download: Download, content: bytes) -> Stored:
    """Bring a file as a downloader does."""
    async with archive.part(download) as part:
        await part.begin(validator=None, total=len(content), promises={})
        await part.write([content])
        await part.keep()
    return stored(download, hashlib.sha256(content).hexdigest())


async def work(
    catalog: Catalog, archive: LocalArchive, lacking: Mapping[str, Exception] | None = None
) -> list[str]:
    """Fetch all that is due, and publish it; return what was fetched."""
    lacking = lacking or {}
    claimed = await catalog.claim_all()
    for download in claimed.values():
        error = lacking.get(download.file)
        outcome = (
            await fetch(archive, download, CONTENT[download.file])
            if error is None
            else failed(download, error)
        )
        await catalog.ledger.record([outcome])
    for holding in await catalog.ledger.publishable(100):
        await catalog.ledger.published([(holding, await archive.publish(holding))])
    return list(claimed)


async def kept(archive: LocalArchive, *recordings: Recording) -> Catalog:
    """Return the catalog with which `recordings` were archived."""
    catalog = open_catalog()
    await catalog.admit(*(recordings or [RECORDING]))
    await work(catalog, archive)
    return catalog


async def found_again(archive: LocalArchive) -> Catalog:
    """Return a new catalog that adopted what is in the archive."""
    catalog = open_catalog()
    catalog.clock.later(days=30)
    await adopt(catalog.database, archive.adopt(), clock=catalog.clock, report=catalog.log)
    return catalog


async def folder(catalog: Catalog, root: Path) -> Path:
    return root / ((await catalog.holding("a")).folder or "?")


async def test_rule_49_all_that_matches_its_digest_is_taken_over(archive: LocalArchive) -> None:
    before = await (await kept(archive)).holding("a")
    after = await (await found_again(archive)).holding("a")
    for name in ("provider", "id", "key", "title", "started", "folder", "first_seen", "facts"):
        assert getattr(after, name) == getattr(before, name)
    then = before.files[0].checked_at
    assert tuple(replace(file, checked_at=then) for file in after.files) == before.files
    assert after.state == "archived"


async def test_it_is_told_once_how_much_was_taken_over(archive: LocalArchive) -> None:
    await kept(archive, RECORDING, replace(RECORDING, id=a_recording("b").id))
    catalog = await found_again(archive)
    assert catalog.log.events == [("archive.adopted", {"recordings": 2, "files": 6, "refused": 0})]


async def test_seeing_what_was_taken_over_makes_nothing_due(archive: LocalArchive) -> None:
    names = await (await kept(archive)).files("a")
    catalog = await found_again(archive)
    await catalog.admit(RECORDING)
    assert await catalog.files("a") == names
    assert await work(catalog, archive) == []
    assert await catalog.state("a") == "archived"


async def test_what_must_be_described_is_not_fetched_again_either(archive: LocalArchive) -> None:
    await kept(archive)
    catalog = await found_again(archive)
    listed = replace(RECORDING, files=(), title="")
    admission = await catalog.intake.admit(NAME, DESCRIBING, [listed])
    assert admission.undescribed == ("a",)
    await catalog.intake.describe(NAME, DESCRIBING, [RECORDING])
    assert await work(catalog, archive) == []
    assert await catalog.state("a") == "archived"


async def test_a_file_that_came_since_is_added(archive: LocalArchive, tmp_path: Path) -> None:
    await kept(archive, replace(RECORDING, files=RECORDING.files[:2]))
    catalog = await found_again(archive)
    await catalog.admit(RECORDING)
    assert await work(catalog, archive) == ["a/chat.txt"]
    assert (await folder(catalog, tmp_path) / "chat.txt").read_bytes() == CONTENT["3"]


async def test_what_was_not_seen_since_is_not_acknowledged(archive: LocalArchive) -> None:
    """To be told may make a provider delete, and it may hold files that nobody knows of now."""
    await kept(archive)
    catalog = await found_again(archive)
    assert await catalog.intake.acknowledgeable(NAME, 10) == []
    await catalog.admit(RECORDING)
    await work(catalog, archive)
    assert await catalog.intake.acknowledgeable(NAME, 10) == ["a"]


async def test_what_had_failed_has_failed_still(archive: LocalArchive) -> None:
    """Else the recording would pass for complete, and its rest be lost."""
    first = open_catalog()
    await first.admit(RECORDING)
    await work(first, archive, {"2": Gone("deleted")})
    catalog = await found_again(archive)
    assert await catalog.files("a") == {
        "video.mp4": "stored",
        "video-2.mp4": "gone",
        "chat.txt": "stored",
    }
    assert await catalog.state("a") == "incomplete"


async def test_a_decision_of_the_operator_stays(archive: LocalArchive) -> None:
    first = open_catalog()
    await first.admit(RECORDING)
    await work(first, archive, {"2": Gone("deleted")})
    (missing,) = [each for each in (await first.holding("a")).files if each.state == "gone"]
    await first.decisions.waive([missing.row])
    await work(first, archive)
    catalog = await found_again(archive)
    await catalog.admit(RECORDING)
    assert (await catalog.files("a"))["video-2.mp4"] == "waived"


async def test_what_a_filter_left_out_is_decided_when_it_is_seen(archive: LocalArchive) -> None:
    first, traits = open_catalog(), without("VTT")
    vtt = replace(RECORDING, files=(a_file("1"), a_file("2", file_type="VTT")))
    await first.admit(vtt, traits=traits)
    await work(first, archive)
    catalog = await found_again(archive)
    (skipped,) = [each for each in (await catalog.holding("a")).files if each.state == "skipped"]
    assert skipped.reason == FILTERED
    assert await catalog.intake.refilter(NAME, TRAITS) == 0
    await catalog.admit(vtt)
    assert await work(catalog, archive) == ["a/video-2.mp4"]


async def test_what_could_not_be_had_is_not_due(archive: LocalArchive) -> None:
    first = open_catalog()
    stored_there = a_file("2", obstacle=Obstacle.EXTERNAL_STORAGE)
    elsewhere = replace(RECORDING, files=(a_file("1"), stored_there))
    await first.admit(elsewhere)
    await work(first, archive)
    catalog = await found_again(archive)
    await catalog.admit(elsewhere)
    assert await work(catalog, archive) == []


# bytes that are not those of the manifest


async def damage(archive: LocalArchive, root: Path, content: bytes | None) -> Path:
    """Archive, then let someone alter `video.mp4`; return its path."""
    path = await folder(await kept(archive), root) / "video.mp4"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"FIRST FILE", b"", None], ids=["altered", "cut", "removed"])
async def test_a_damaged_file_is_due_under_its_name(
    archive: LocalArchive, tmp_path: Path, content: bytes | None
) -> None:
    await damage(archive, tmp_path, content)
    catalog = await found_again(archive)
    states = {"video.mp4": "due", "video-2.mp4": "stored", "chat.txt": "stored"}
    assert await catalog.files("a") == states
    await catalog.admit(RECORDING)
    assert await catalog.files("a") == states


async def test_a_removed_file_is_fetched_again_into_its_place(
    archive: LocalArchive, tmp_path: Path
) -> None:
    path = await damage(archive, tmp_path, None)
    catalog = await found_again(archive)
    assert await work(catalog, archive) == ["a/video.mp4"]
    assert path.read_bytes() == CONTENT["1"]
    assert await catalog.state("a") == "archived"


def everything(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.rglob("*") if path.is_file()]


async def test_altered_bytes_and_those_fetched_again_are_both_kept(
    archive: LocalArchive, tmp_path: Path
) -> None:
    """Someone may have altered the file on purpose: nothing is overwritten or lost."""
    path = await damage(archive, tmp_path, b"someone's cut")
    catalog = await found_again(archive)
    await catalog.admit(RECORDING)
    await work(catalog, archive)
    assert path.read_bytes() == CONTENT["1"]
    assert await catalog.state("a") == "archived"
    assert b"someone's cut" in everything(tmp_path / ".reelkeep" / "quarantine")


async def test_a_recording_of_which_nothing_matches_keeps_its_folder(
    archive: LocalArchive, tmp_path: Path
) -> None:
    first = await kept(archive, replace(RECORDING, files=RECORDING.files[:1]))
    path = await folder(first, tmp_path)
    (path / "video.mp4").unlink()
    catalog = await found_again(archive)
    assert await folder(catalog, tmp_path) == path
    await work(catalog, archive)
    assert (path / "video.mp4").read_bytes() == CONTENT["1"]


async def test_foreign_files_are_left_alone(archive: LocalArchive, tmp_path: Path) -> None:
    path = await folder(await kept(archive), tmp_path)
    (path / "notes.txt").write_text("mine")
    (path / "video-2.mp4").unlink()
    await work(await found_again(archive), archive)
    assert (path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("copied", ["00 copy", "zz copy"])
async def test_a_copied_folder_is_one_recording(
    archive: LocalArchive, tmp_path: Path, copied: str
) -> None:
    path = await folder(await kept(archive), tmp_path)
    shutil.copytree(path, tmp_path / copied)
    catalog = await found_again(archive)
    assert len(await catalog.operator.listing()) == 1
    assert set((await catalog.files("a")).values()) == {"stored"}


async def test_a_copy_that_holds_something_wins_over_one_that_does_not(
    archive: LocalArchive, tmp_path: Path
) -> None:
    path = await folder(await kept(archive), tmp_path)
    empty = tmp_path / "00 only the papers"
    empty.mkdir()
    for name in (MANIFEST, SUMS):
        shutil.copy(path / name, empty)
    catalog = await found_again(archive)
    assert await folder(catalog, tmp_path) == path
    assert set((await catalog.files("a")).values()) == {"stored"}


async def test_an_unreadable_manifest_is_counted_and_stays(
    archive: LocalArchive, tmp_path: Path
) -> None:
    path = await folder(await kept(archive), tmp_path) / MANIFEST
    path.write_bytes(b"{")
    catalog = await found_again(archive)
    assert catalog.log.named("archive.adopted") == [{"recordings": 0, "files": 0, "refused": 1}]
    assert path.read_bytes() == b"{"


async def test_an_adoption_that_was_cut_short_goes_on(archive: LocalArchive) -> None:
    others = [replace(RECORDING, id=a_recording(name).id) for name in "ab"]
    await kept(archive, *others)
    catalog = open_catalog()

    async def first_of(folders: AsyncIterator[Adoption]) -> AsyncIterator[Adoption]:
        yield await anext(folders)
        raise KeyboardInterrupt

    first = first_of(archive.adopt())
    with pytest.raises(KeyboardInterrupt):
        await adopt(catalog.database, first, clock=catalog.clock, report=catalog.log)
    assert len(await catalog.operator.listing()) == 1
    await adopt(catalog.database, archive.adopt(), clock=catalog.clock, report=catalog.log)
    assert len(await catalog.operator.listing()) == 2
    assert catalog.log.named("archive.adopted") == [{"recordings": 1, "files": 3, "refused": 0}]


async def test_an_empty_archive_is_adopted_in_silence(archive: LocalArchive) -> None:
    assert (await found_again(archive)).log.events == []
