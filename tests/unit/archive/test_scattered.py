"""A part that is filled out of order: what is believed of it, and what survives what."""

from __future__ import annotations

import errno
import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from fakes.disk import FaultyDisk, ForgetfulDisk, Rebooted, TightDisk, archive_on
from fakes.holdings import download
from proofs import QUARTERS, quarter
from reelkeep.archive.local import LocalArchive
from reelkeep.core.coverage import Coverage, Scale, Segment
from reelkeep.core.journal import decode
from reelkeep.disk import Disk
from reelkeep.errors import ConfigError, DiskFull, IoFailed, Rotten, TransferError
from reelkeep.ports import Held, Part

SIZE, PIECE = 1000, 200
CONTENT = bytes(range(250)) * 4
SCALE = Scale(large=0, rest=0, piece=PIECE, stolen=PIECE)
DUE = download(size=SIZE)


class Given:
    """A source that has `content`."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def draw(self, into: memoryview) -> int:
        count = min(len(into), len(self._content))
        into[:count], self._content = self._content[:count], self._content[count:]
        return count


def archive_at(root: Path, disk: Disk | None = None) -> LocalArchive:
    return archive_on(root, disk or Rebooted("boot-1"), small=0)


async def prepared(root: Path, disk: Disk | None = None) -> LocalArchive:
    archive = archive_at(root, disk)
    await archive.prepare()
    return archive


async def begun(part: Part, prefix: int = 100) -> Coverage:
    """Write a beginning, and scatter the rest."""
    await part.begin(validator='"v1"', total=SIZE, promises={})
    await part.write([CONTENT[:prefix]])
    return await part.scatter(SIZE)


def claimed(coverage: Coverage) -> Segment:
    claim = coverage.claim(SCALE)
    assert claim is not None
    return claim


async def fill(part: Part, claim: Segment, most: int = SIZE) -> None:
    rest = CONTENT[claim.at : min(claim.end, claim.at + most)]
    await part.fill(Given(rest), len(rest), claim)


async def with_an_island(part: Part) -> None:
    """Leave 100 bytes at the beginning, and those from 300 to 500."""
    coverage = await begun(part)
    claimed(coverage)
    await fill(part, claimed(coverage))


async def complete(part: Part) -> None:
    """Do as the download stage does with whatever is there."""
    if part.held.validator != '"v1"':
        await part.begin(validator='"v1"', total=SIZE, promises={})
    coverage = part.coverage
    if coverage is None:
        await part.write([CONTENT[part.held.size :]])
        return
    while (claim := coverage.claim(SCALE)) is not None:
        await fill(part, claim)
        coverage.release(claim)


async def held(archive: LocalArchive) -> tuple[int, int]:
    async with archive.part(DUE) as part:
        return part.held.size, part.held.beyond


async def finished(archive: LocalArchive, root: Path) -> bytes:
    """Complete the part, keep it, and return the file."""
    async with archive.part(DUE) as part:
        await complete(part)
        assert (await part.inspect(())).sha256 == hashlib.sha256(CONTENT).hexdigest()
        await part.keep()
    (kept,) = (root / ".reelkeep" / "finished").iterdir()
    return kept.read_bytes()


def only(root: Path, pattern: str) -> Path:
    (path,) = (root / ".reelkeep" / "parts").glob(pattern)
    return path


def parts(root: Path) -> list[str]:
    return sorted(path.suffix for path in (root / ".reelkeep" / "parts").iterdir())


async def killed(root: Path, *, checkpoint: bool = False) -> Path:
    """Return a copy of an archive as a process leaves it that dies in the middle."""
    archive, copy = await prepared(root / "alive"), root / "dead"
    async with archive.part(DUE) as part:
        await with_an_island(part)
        if checkpoint:
            await part.checkpoint()
        shutil.copytree(root / "alive", copy)
    return copy


# --- what is believed -----------------------------------------------------------------------------


async def test_what_is_left_of_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        await with_an_island(part)
        assert part.held == Held(100, '"v1"', SIZE, {}, 200)
    archive = archive_at(tmp_path, Rebooted("boot-2"))
    async with archive.part(DUE) as part:
        assert part.coverage is not None
        assert part.coverage.filled == ((0, 100), (300, 500))
    assert await finished(archive, tmp_path) == CONTENT
    assert parts(tmp_path) == []


async def test_what_meets_at_an_unproven_place_is_to_be_proven_by_the_next_attempt(
    tmp_path: Path,
) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        coverage = await begun(part)
        claims = [claimed(coverage), claimed(coverage)]
        for claim in claims:
            await fill(part, claim)
        coverage.doubt(300)
        for claim in claims:
            coverage.release(claim)
    archive = archive_at(tmp_path)
    async with archive.part(DUE) as part:
        assert part.coverage is not None
        assert part.coverage.filled == ((0, 300), (300, 500))
        assert (part.held.size, part.held.beyond) == (300, 200)
        part.coverage.prove(300)
    assert await held(archive) == (500, 0)


async def test_rotten_bytes_behind_an_unproven_place_leave_nothing(tmp_path: Path) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        coverage = await begun(part)
        claims = [claimed(coverage), claimed(coverage)]
        for claim in claims:
            await fill(part, claim)
        coverage.doubt(300)
        coverage.release(claims[0])
        coverage.release(claims[1])
        await part.follow()
        part._file._rotten = True
    assert await held(archive_at(tmp_path)) == (0, 0)


async def test_rule_44_the_size_of_a_scattered_part_is_no_progress(tmp_path: Path) -> None:
    root = await killed(tmp_path)
    assert only(root, "*.part").stat().st_size == 500
    assert await held(archive_at(root)) == (100, 0)


async def test_rules_44_and_45_nothing_is_preallocated(tmp_path: Path) -> None:
    async with (await prepared(tmp_path)).part(download(size=1 << 28)) as part:
        await part.begin(validator='"v1"', total=1 << 28, promises={})
        await part.write([b"x"])
        await part.scatter(1 << 28)
        status = only(tmp_path, "*.part").stat()
    assert (status.st_size, status.st_blocks <= 64) == (1, True)


async def test_rule_43_after_a_crash_what_was_flushed_is_believed(tmp_path: Path) -> None:
    root = await killed(tmp_path, checkpoint=True)
    assert await held(archive_at(root)) == (100, 200)
    assert await finished(archive_at(root), root) == CONTENT


async def test_rule_43_after_a_crash_nothing_else_is_believed(tmp_path: Path) -> None:
    root = await killed(tmp_path)
    assert await held(archive_at(root)) == (100, 0)
    assert await finished(archive_at(root), root) == CONTENT


async def test_what_lies_behind_the_end_of_the_part_is_not_there(tmp_path: Path) -> None:
    root = await killed(tmp_path, checkpoint=True)
    with only(root, "*.part").open("r+b") as file:
        file.truncate(400)
    assert await held(archive_at(root)) == (100, 0)
    assert await finished(archive_at(root), root) == CONTENT


async def test_once_no_gap_is_left_it_grows_as_any_part(tmp_path: Path) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        await fill(part, claimed(await begun(part)))
    async with archive_at(tmp_path).part(DUE) as part:
        assert (part.held.size, part.coverage) == (300, None)
        await part.write([CONTENT[300:600]])
        copy = tmp_path.with_name("dead")
        shutil.copytree(tmp_path, copy)
    assert await held(archive_at(tmp_path)) == (600, 0)
    assert await finished(archive_at(copy), copy) == CONTENT


async def test_beginning_anew_forgets_every_island(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(DUE) as part:
        await with_an_island(part)
        await part.begin(validator='"v2"', total=SIZE, promises={})
        assert (part.held, part.coverage) == (Held(0, '"v2"', SIZE), None)
        await part.write([CONTENT[::-1]])
        found = await part.inspect(())
    assert found.sha256 == hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert await held(archive) == (SIZE, 0)


async def test_bug_14_a_part_has_one_journal_of_its_own(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    other = download("other.mp4", size=SIZE)
    async with archive.part(DUE) as one, archive.part(other) as two:
        await with_an_island(one)
        await with_an_island(two)
        assert parts(tmp_path) == [*[".json"] * 2, *[".part"] * 2]


# --- failing disks --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
async def test_rule_46_after_a_failed_flush_no_island_is_trusted(
    error: int, tmp_path: Path
) -> None:
    await prepared(tmp_path)
    disk = FaultyDisk(error=error)
    async with archive_at(tmp_path, disk).part(DUE) as part:
        await with_an_island(part)
        disk.fail_next("fdatasync")
        with pytest.raises(DiskFull if error == errno.ENOSPC else IoFailed):
            await part.checkpoint()
        assert (part.held.size, part.held.beyond) == (0, 0)
        flushes = disk.calls.count("fdatasync")
    assert disk.calls.count("fdatasync") == flushes
    assert parts(tmp_path) == []


async def test_rule_27_on_a_full_disk_what_fitted_of_an_island_stays(tmp_path: Path) -> None:
    disk = TightDisk()
    archive = await prepared(tmp_path, disk)
    async with archive.part(DUE) as part:
        coverage = await begun(part)
        claimed(coverage)
        disk.room = 150
        with pytest.raises(DiskFull):
            await fill(part, claimed(coverage))
        disk.room = 1 << 20
    assert await held(archive) == (100, 150)


async def test_a_scattered_part_outlives_a_disk_too_full_for_journals(tmp_path: Path) -> None:
    """There is an older journal: what it says holds."""
    await prepared(tmp_path)
    disk = TightDisk()
    async with archive_at(tmp_path, disk).part(DUE) as part:
        await with_an_island(part)
        disk.room = 0
    assert await held(archive_at(tmp_path)) == (100, 0)


async def test_short_writes_are_completed(tmp_path: Path) -> None:
    disk = TightDisk()
    archive = await prepared(tmp_path, disk)
    disk.most = 7
    async with archive.part(DUE) as part:
        await begun(part)
        await complete(part)
    assert await finished(archive, tmp_path) == CONTENT


# --- the digest that follows ----------------------------------------------------------------------


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a mark every hundred bytes."""
    for module in ("hashed_file", "part_file"):
        monkeypatch.setattr(f"reelkeep.archive.{module}.MARK", 100)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


async def test_rule_34_digests_on_the_way_are_journaled(marks: None, tmp_path: Path) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        await begun(part, prefix=350)
    journal = decode(only(tmp_path, "*.json").read_bytes())
    assert journal is not None
    ends = [hashlib.sha256(CONTENT[:end]).hexdigest() for end in (100, 200, 300)]
    assert journal.marks == tuple(ends)


@pytest.mark.parametrize(("at", "kept"), [(0, 0), (99, 0), (100, 100), (250, 200)])
@pytest.mark.parametrize("scattered", [False, True])
async def test_rule_34_damage_is_found_and_what_is_before_it_is_kept(
    at: int, kept: int, scattered: bool, marks: None, tmp_path: Path
) -> None:
    async with (await prepared(tmp_path)).part(DUE) as part:
        await part.begin(validator='"v1"', total=SIZE, promises={})
        await part.write([CONTENT[:350]])
        if scattered:
            coverage = await part.scatter(SIZE)
            claimed(coverage)
            await fill(part, claimed(coverage))
    flip(only(tmp_path, "*.part"), at)
    archive = archive_at(tmp_path)
    async with archive.part(DUE) as part:
        with pytest.raises(Rotten):
            await part.inspect(())
    assert await held(archive) == (kept, 0)
    assert await finished(archive, tmp_path) == CONTENT


async def test_rule_33_what_came_out_of_order_is_hashed_in_order(tmp_path: Path) -> None:
    archive = await prepared(tmp_path)
    async with archive.part(DUE) as part:
        coverage = await begun(part)
        claims = [claimed(coverage) for _ in range(5)]
        for claim in reversed(claims):
            await fill(part, claim)
            await part.follow()
            coverage.release(claim)
        assert part.behind == 0
        found = await part.inspect(["md5"])
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert found.digests == {"md5": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}


# --- dying at any call ----------------------------------------------------------------------------


async def story(archive: LocalArchive) -> None:
    """Fill two claims by turns, stop in the middle, and complete it."""
    await archive.prepare()
    async with archive.part(DUE) as part:
        coverage = await begun(part)
        first, second = claimed(coverage), claimed(coverage)
        await fill(part, second, 150)
        await fill(part, first, 50)
        await part.follow()
        await part.checkpoint()
        await fill(part, first, 100)
        await fill(part, second)
        coverage.release(first)
    async with archive.part(DUE) as part:
        await complete(part)
        await part.follow()
        await part.inspect(())
        await part.keep()


async def assert_it_ends_well(archive: LocalArchive, root: Path) -> None:
    await archive.prepare()
    found = await archive.finished(DUE)
    if found is None:
        assert await finished(archive, root) == CONTENT
    else:
        assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    await archive.tidy(())
    assert parts(root) == []


async def length_of_story(root: Path) -> int:
    disk = FaultyDisk()
    await story(archive_at(root, disk))
    return len(disk.calls)


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("machine", [False, True], ids=["process died", "machine died"])
async def test_bug_16_after_dying_at_any_call_it_is_completed(
    machine: bool, part: int, tmp_path: Path
) -> None:
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        disk = ForgetfulDisk(fail_at=k, dead=True)
        with suppress(TransferError, ConfigError):
            await story(archive_at(root, disk))
        if machine:
            disk.power_cut(root)
        after = FaultyDisk(boot="boot-2" if machine else "boot-1")
        await assert_it_ends_well(archive_at(root, after), root)


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
async def test_rule_46_any_single_failing_call_is_overcome(
    error: int, part: int, tmp_path: Path
) -> None:
    for k in quarter(range(await length_of_story(tmp_path / "whole")), part):
        root = tmp_path / str(k)
        archive = archive_at(root, FaultyDisk(fail_at=k, error=error))
        with suppress(TransferError, ConfigError):
            await story(archive)
        await assert_it_ends_well(archive, root)
