from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from fakes.disk import FaultyDisk, Linkless, archive_on
from fakes.holdings import KEY, holding, put
from reelkeep.archive.file_system import try_file_system
from reelkeep.archive.paths import ArchivePaths
from reelkeep.core.file_system import FileSystem, limitations
from reelkeep.disk import ArchiveDisk, Disk

FOLDER = f"support/2026/{KEY}"


def tried(root: Path, disk: Disk | None = None) -> FileSystem:
    (root / ".reelkeep").mkdir(exist_ok=True)
    found = try_file_system(disk or ArchiveDisk(), ArchivePaths(root), ".")
    assert list((root / ".reelkeep").iterdir()) == []
    return found


def refusing(name: str, code: int) -> Disk:
    """Return a disk whose method `name` is refused with `code`."""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    disk: Disk = type("Refusing", (ArchiveDisk,), {name: refuse})()
    return disk


def test_an_ordinary_file_system_has_no_limits(tmp_path: Path) -> None:
    found = tried(tmp_path)
    assert list(limitations(found)) == []
    assert (found.longest_name, found.links, found.case, found.free_bytes > 0) == (
        255, True, True, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("disk", "sentence"),
    [
        (refusing("rename", errno.EPERM), "rename"),
        (refusing("lock", errno.ENOLCK), "locks have no effect"),
        (refusing("lock", errno.ENOTSUP), "locks have no effect"),
        (type("Unlocked", (ArchiveDisk,), {"lock": lambda *_: None})(), "locks have no effect"),
        (type("Modeless", (ArchiveDisk,), {"fchmod": lambda *_: None})(), "permissions"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, disk: Disk, sentence: str) -> None:
    assert sentence in " ".join(limitations(tried(tmp_path, disk)))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_directory_that_cannot_be_flushed_is_said(tmp_path: Path, code: int) -> None:
    class Unflushed(ArchiveDisk):
        def fsync(self, fd: int) -> None:
            if Path(f"/proc/self/fd/{fd}").is_dir():
                raise OSError(code, os.strerror(code))

    assert "names cannot be flushed" in " ".join(limitations(tried(tmp_path, Unflushed())))


def test_short_names_and_foreign_letters_are_said(tmp_path: Path) -> None:
    class Short(ArchiveDisk):
        def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
            if len(path.name) > 143:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            if not path.name.isascii():
                raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))
            return super().open(path, flags, mode)

    found = tried(tmp_path, Short())
    assert found.longest_name == 143
    assert len(list(limitations(found))) == 2


def test_no_links_are_no_limitation(tmp_path: Path) -> None:
    found = tried(tmp_path, Linkless())
    assert not found.links
    assert list(limitations(found)) == []


@pytest.mark.parametrize("at", range(20))
def test_whatever_fails_nothing_is_left(tmp_path: Path, at: int) -> None:
    (tmp_path / ".reelkeep").mkdir()
    with suppress(OSError):
        try_file_system(FaultyDisk(fail_at=at), ArchivePaths(tmp_path), ".")
    tried(tmp_path)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL])
async def test_an_archive_works_where_modes_cannot_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Disk, "fchmod", refuse)
    monkeypatch.setattr(Disk, "chmod", refuse)
    archive = archive_on(tmp_path)
    await archive.prepare()
    mp4 = await put(archive, "recording.mp4", b"content")
    await archive.publish(holding(mp4))
    assert (await archive.verify(FOLDER)).ok
