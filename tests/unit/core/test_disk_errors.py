"""What each errno means, and which of our errors it becomes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reelkeep.core.disk_errors import DISK_ERRORS, OTHERWISE, Scope, row_of, scope_of
from reelkeep.disk import FULL, disk_error
from reelkeep.errors import CannotStore, DiskFull, IoFailed, Remedy, StorageUnavailable

EXPECTED = {
    Scope.FULL: ("ENOSPC", "EDQUOT"),
    Scope.PLACE: (
        *("EROFS", "ENOENT", "ENOTDIR", "ESTALE", "ENOTCONN", "ENODEV", "ENXIO", "ETIMEDOUT"),
        *("EREMOTEIO", "ESHUTDOWN", "ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "EBUSY"),
        *("EHOSTDOWN", "EIO", "EACCES", "EPERM", "ELOOP", "EISDIR", "ENOLCK", "EXDEV"),
    ),
    Scope.PROCESS: ("EMFILE", "ENFILE", "ENOMEM"),
    Scope.FILE: ("EAGAIN",),
    Scope.FINAL: ("ENAMETOOLONG", "EFBIG", "EILSEQ"),
}
ERRORS = {
    Scope.FULL: (DiskFull, Remedy.WAIT, "disk_full"),
    Scope.PLACE: (StorageUnavailable, Remedy.WAIT, "io_error"),
    Scope.PROCESS: (StorageUnavailable, Remedy.WAIT, "io_error"),
    Scope.FILE: (IoFailed, Remedy.RESTART, "io_error"),
    Scope.FINAL: (CannotStore, Remedy.GIVE_UP, "io_error"),
}
ROWS = [(scope, name) for scope, names in EXPECTED.items() for name in names]


def raised(name: str) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), "/archive/.reelkeep/parts/x.part")


@pytest.mark.parametrize(("scope", "name"), ROWS)
def test_an_errno_is_about_what_its_row_says(scope: Scope, name: str) -> None:
    assert scope_of(getattr(errno, name)) is scope


@pytest.mark.parametrize(("scope", "name"), ROWS)
def test_an_errno_becomes_the_error_of_its_scope(scope: Scope, name: str) -> None:
    error = disk_error(raised(name))
    assert (type(error), error.remedy, error.code) == ERRORS[scope]
    assert os.strerror(getattr(errno, name)) in str(error)


def test_every_row_is_expected_here() -> None:
    assert set(DISK_ERRORS) == {name for _, name in ROWS}


@pytest.mark.parametrize("number", [errno.EINVAL, 9999, None])
def test_any_other_errno_is_about_the_one_file(number: int | None) -> None:
    error = disk_error(OSError(number, "x") if number else OSError("x"))
    assert row_of(number) is OTHERWISE
    assert (type(error), error.remedy) == (IoFailed, Remedy.RESTART)


def test_the_disk_and_the_table_agree_on_what_is_full() -> None:
    assert {scope_of(number) for number in FULL} == {Scope.FULL}


@pytest.mark.parametrize(("scope", "condition"), [("EMFILE", "process"), ("ESTALE", "place")])
def test_it_is_known_whether_the_place_or_the_process_is_at_fault(
    scope: str, condition: str
) -> None:
    error = disk_error(raised(scope))
    assert isinstance(error, StorageUnavailable)
    assert error.condition == condition


def test_a_message_names_the_path(tmp_path: Path) -> None:
    error = disk_error(OSError(errno.EACCES, "Permission denied", str(tmp_path)))
    assert str(tmp_path) in str(error)
