"""The doctor, on disks that are full, closed or too small."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from integration.test_cli import Place
from integration.test_doctor import graded, place
from reelkeep.app.doctor_checks import try_to_write, unreadable_below
from reelkeep.archive.volumes import mounted_below
from reelkeep.catalog.read_only import exists
from reelkeep.core.diagnosis import (
    CATALOG_LEAST,
    Check,
    Grade,
    judge_catalog_room,
    judge_refusal,
    judge_too_large,
    judge_unreadable,
)
from reelkeep.core.disk_errors import DISK_ERRORS
from reelkeep.disk import Disk
from reelkeep.errors import CatalogError

__all__ = ["place"]

TROUBLES = Path(__file__, "../../../docs/how-to/troubleshoot.md").resolve()

TOO_LARGE = {"provider": "z", "recording": "r", "file": "f.mp4", "promised": 5 * 10**9}


class Refusing(Disk):
    """A disk that takes no byte, for one reason."""

    def __init__(self, number: int) -> None:
        self._number = number

    def pwrite(self, _fd: int, _pieces: Sequence[memoryview], _offset: int) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("name", ["EDQUOT", "ENOSPC", "EROFS", "EIO", "ESTALE"])
def test_a_disk_that_takes_no_file_is_named_by_its_errno_with_a_remedy(
    name: str, tmp_path: Path
) -> None:
    error = try_to_write(Refusing(getattr(errno, name)), tmp_path)
    assert error is not None
    check = judge_refusal("archive", str(tmp_path), error.errno)
    assert check.grade is Grade.FAIL
    assert DISK_ERRORS[name].advice in check.message
    assert name in check.message


def test_the_trial_leaves_no_name_behind(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mtime_ns
    assert try_to_write(Disk(), tmp_path) is None
    assert (list(tmp_path.iterdir()), tmp_path.stat().st_mtime_ns) == ([], before)


@pytest.mark.parametrize(
    ("free", "size", "grade"),
    [
        (CATALOG_LEAST - 1, 0, Grade.FAIL),
        (CATALOG_LEAST, 0, Grade.OK),
        (CATALOG_LEAST + 9, 5, Grade.WARN),
        (CATALOG_LEAST + 10, 5, Grade.OK),
    ],
)
def test_the_disk_of_the_catalog_needs_room_for_its_log_and_a_copy(
    free: int, size: int, grade: Grade
) -> None:
    assert judge_catalog_room(free, size).grade is grade


async def test_a_file_that_is_larger_than_the_disk_is_named(place: Place) -> None:
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as catalog:
        catalog.execute("UPDATE file SET state = 'due', promised = ? WHERE row = 1", [10**18])
        catalog.commit()
    ran = await place.run("doctor", "--json", "--offline", code=None)
    assert "the whole disk has" in graded(ran, "warn")["large files"]


def test_what_may_not_be_read_is_named_by_another_user(tmp_path: Path) -> None:
    """Root may read everything, so that a child process with another user id looks."""
    folder = tmp_path / "archive" / "z" / "closed"
    folder.mkdir(parents=True)
    for path in (*tmp_path.parents[:3], tmp_path) if os.geteuid() == 0 else ():
        path.chmod(path.stat().st_mode | 0o011)
    (tmp_path / "archive" / "z").chmod(0o755)
    (tmp_path / "archive").chmod(0o755)
    folder.chmod(0)
    try:
        told = looked_at_by_another(tmp_path / "archive")
    finally:
        folder.chmod(0o755)
    assert told == [(str(folder), "Permission denied")]


def looked_at_by_another(root: Path) -> list[tuple[str, str]]:
    """Return what is unreadable below `root` to user 10001, if this is root, or to this user."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork"), initializer=_leave_root) as pool:
        return pool.submit(_look, root).result()


def _leave_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(10001, 10001, 10001)
        os.setresuid(10001, 10001, 10001)


def _look(root: Path) -> list[tuple[str, str]]:
    return list(unreadable_below(root))


@pytest.mark.parametrize(
    ("check", "symptom"),
    [
        (judge_refusal("archive", "/a", errno.EDQUOT), "EDQUOT"),
        (judge_refusal("archive", "/a", errno.EROFS), "EROFS"),
        (judge_catalog_room(0, 0), "the disk of the catalog is nearly full"),
        (judge_unreadable("/a", "Permission denied", 7), "it is neither missing nor verified"),
        (judge_too_large(TOO_LARGE, free=0, whole=10**9), "the whole disk has"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_manual_has_what_the_doctor_says(check: Check, symptom: str) -> None:
    assert symptom in check.message
    assert any(symptom in line for line in TROUBLES.read_text().splitlines() if line[:1] == "|")


async def test_what_is_not_ok_has_a_code(place: Place) -> None:
    ran = await place.run("doctor", "--json", "--offline", code=None)
    checks = ran.json["checks"]
    assert all((each["code"] is None) == (each["grade"] == "ok") for each in checks)


async def test_the_code_is_shown_with_the_message(place: Place) -> None:
    (place.folder / "state" / "catalog.db").chmod(0o644)
    shown = await place.run("doctor", "--offline", code=1)
    assert "[mode.open]" in " ".join(shown.out.split())


def test_a_mount_that_was_never_written_to_is_found(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    root = tmp_path / "archive"
    lines = [
        f"21 1 0:1 / {root} rw - ext4 /dev/a rw",
        f"22 21 0:2 / {root}/two\\040words rw - ext4 /dev/b rw",
        f"23 21 0:3 / {root}2 rw - ext4 /dev/c rw",
        "short",
    ]
    table.write_text("".join(f"{line}\n" for line in lines))
    assert [str(each) for each in mounted_below(root, table)] == ["two words"]
    assert mounted_below(root, tmp_path / "none") == []


async def test_a_link_that_leads_nowhere_is_not_made_at_a_start(place: Place) -> None:
    state = place.folder / "state"
    state.rename(place.folder / "elsewhere")
    state.symlink_to(place.folder / "not-mounted")
    ran = await place.run("doctor", "--json", "--offline", code=1)
    assert "leads nowhere" in graded(ran, "fail")["catalog folder"]
    listed = await place.run("list", code=1)
    assert "is its disk mounted?" in listed.err


async def test_an_archive_that_is_known_is_not_called_new(place: Place) -> None:
    place.archive.rename(place.folder / "elsewhere")
    place.archive.symlink_to(place.folder / "not-mounted")
    ran = await place.run("doctor", "--json", "--offline", code=1)
    assert "the archive is not at" in graded(ran, "fail")["archive"]
    assert "the next start creates it" not in ran.out


async def test_a_folder_of_ours_behind_a_link_takes_files(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert try_to_write(Disk(), tmp_path / "link") is None


async def test_files_that_their_provider_does_not_finish_are_told(place: Place) -> None:
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as catalog:
        catalog.execute("UPDATE file SET state = 'due', waits = 8 WHERE row = 1")
        catalog.commit()
    ran = await place.run("doctor", "--json", "--offline", code=None)
    assert "1 overdue" in ran.out


def test_another_user_is_told_who_may_read_the_catalog(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.db"
    sqlite3.connect(catalog).close()
    for path in (*tmp_path.parents[:3], tmp_path) if os.geteuid() == 0 else ():
        path.chmod(path.stat().st_mode | 0o011)
    catalog.chmod(0)
    with ProcessPoolExecutor(1, mp_context=get_context("fork"), initializer=_leave_root) as pool:
        told = pool.submit(_exists, catalog).result()
    assert f"user {os.geteuid()}" in told
    assert "unable to open" not in told


def _exists(catalog: Path) -> str:
    try:
        return str(exists(catalog))
    except CatalogError as error:
        return str(error)


async def test_what_is_not_a_file_where_the_catalog_belongs_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "catalog.db")
    assert "is no regular file" in _exists(tmp_path / "catalog.db")
