"""The disk fails at the k-th call, for every k; afterwards all is finished, and nothing was wrong.

The story is always the same: two files of a recording are fetched, the longer one with a
checkpoint and in two attempts, the folder appears, a third file comes late.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
from contextlib import suppress
from pathlib import Path

import pytest

from fakes.disk import FaultyDisk, ForgetfulDisk, archive_on
from fakes.holdings import download, held_file, holding
from proofs import QUARTERS, quarter
from reelkeep.archive.local import LocalArchive
from reelkeep.core.manifest import MANIFEST, SUMS, decode_sums, read_manifest
from reelkeep.errors import ConfigError, TransferError

LONG = bytes(range(256)) * 4800  # more than a mebibyte: this one has a journal
CONTENT = {"recording.mp4": LONG, "thumbnail.jpg": b"small", "late.vtt": b"WEBVTT\n"}
FILES = {name: held_file(name, content) for name, content in CONTENT.items()}
EARLY = holding(FILES["recording.mp4"], FILES["thumbnail.jpg"])
LATE = holding(*FILES.values())
FOLDER = f"support/2026/{EARLY.key}"


async def fetch(archive: LocalArchive, name: str) -> None:
    """Do as the download stage does: adopt, resume or begin; verify; keep."""
    content = CONTENT[name]
    sha256 = hashlib.sha256(content).hexdigest()
    if found := await archive.finished(download(name)):
        assert found.sha256 == sha256
        return
    async with archive.part(download(name)) as part:
        if part.held.validator != '"v1"':
            await part.begin(validator='"v1"', total=len(content), promises={})
        offset = part.held.size
        for start in range(offset, len(content), 600_000):
            await part.write([content[start : start + 600_000]])
            if start == offset:
                await part.checkpoint()
        assert (await part.inspect([])).sha256 == sha256
        await part.keep()


async def begin_only(archive: LocalArchive, name: str) -> None:
    if await archive.finished(download(name)):
        return
    async with archive.part(download(name)) as part:
        if not part.held.size:
            await part.begin(validator='"v1"', total=len(CONTENT[name]), promises={})
            await part.write([CONTENT[name][:1_100_000]])


async def story(archive: LocalArchive) -> None:
    await archive.prepare()
    await begin_only(archive, "recording.mp4")
    await fetch(archive, "recording.mp4")
    await fetch(archive, "thumbnail.jpg")
    assert await archive.publish(EARLY) == FOLDER
    await fetch(archive, "late.vtt")
    assert await archive.publish(LATE) == FOLDER


async def resumed_story(archive: LocalArchive, root: Path) -> None:
    """Go on as a catalog would that heard of nothing but what is visible."""
    await archive.prepare()
    for name in CONTENT:
        if not (root / FOLDER / name).exists():
            await fetch(archive, name)
    await archive.publish(LATE)


def assert_nothing_visible_is_wrong(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_dir() or path.relative_to(root).parts[0] == ".reelkeep":
            continue
        assert path.parent == root / FOLDER
        if path.name not in {MANIFEST, SUMS}:
            assert path.read_bytes() == CONTENT[path.name]


def assert_manifest_claims_what_is_there(root: Path) -> None:
    folder = root / FOLDER
    if not folder.exists():
        return
    for entry in read_manifest((folder / MANIFEST).read_bytes()).files:
        assert (folder / entry.name).stat().st_size == entry.size
    for name, sha256 in decode_sums((folder / SUMS).read_bytes()).items():
        content = (folder / name).read_bytes()
        assert name == MANIFEST or hashlib.sha256(content).hexdigest() == sha256


async def assert_all_is_well(archive: LocalArchive, root: Path) -> None:
    assert {path.name for path in (root / FOLDER).iterdir()} == {*CONTENT, MANIFEST, SUMS}
    assert_nothing_visible_is_wrong(root)
    assert (await archive.verify(FOLDER)).ok


async def length_of_story(root: Path) -> int:
    disk = FaultyDisk()
    await story(archive_on(root, disk))
    return len(disk.calls)


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("boot", ["boot-1", "boot-2"], ids=["process died", "machine died"])
async def test_bugs_16_18_and_30_after_dying_at_any_call_the_work_is_finished(
    tmp_path: Path, boot: str, part: int
) -> None:
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        disk = ForgetfulDisk(fail_at=k, dead=True)
        with suppress(TransferError, ConfigError):
            await story(archive_on(root, disk))
        if boot == "boot-2":
            disk.power_cut(root)
        assert_nothing_visible_is_wrong(root)
        assert_manifest_claims_what_is_there(root)
        archive = archive_on(root, FaultyDisk(boot=boot))
        await resumed_story(archive, root)
        await assert_all_is_well(archive, root)


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
async def test_rules_27_and_46_any_single_failing_call_is_overcome_by_trying_again(
    tmp_path: Path, error: int, part: int
) -> None:
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        archive = archive_on(root, FaultyDisk(fail_at=k, error=error))
        with suppress(TransferError):
            await story(archive)
        assert_nothing_visible_is_wrong(root)
        assert_manifest_claims_what_is_there(root)
        await resumed_story(archive, root)
        await assert_all_is_well(archive, root)


@pytest.mark.parametrize("part", QUARTERS)
async def test_after_dying_twice_the_work_is_finished(tmp_path: Path, part: int) -> None:
    length = await length_of_story(tmp_path / "whole")
    points = itertools.product(range(20, length, 19), range(10, length, 29))
    for first, second in quarter(points, part):
        root = tmp_path / f"{first}-{second}"
        with suppress(TransferError):
            await story(archive_on(root, FaultyDisk(fail_at=first, dead=True)))
        with suppress(TransferError):
            again = archive_on(root, FaultyDisk(fail_at=second, dead=True))
            await resumed_story(again, root)
        assert_nothing_visible_is_wrong(root)
        archive = archive_on(root, FaultyDisk(boot="boot-2"))
        await resumed_story(archive, root)
        await assert_all_is_well(archive, root)
