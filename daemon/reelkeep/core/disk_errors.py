"""Decide what an error of the operating system means for an archive: one row for each errno.

The kernel names the error, not its extent. `PLACE` and `PROCESS` are assumptions: a small write
(`Archive.probe`) decides whether the whole place is affected or only this file.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """What an error of the disk affects, and so what happens then."""

    FULL = "full"
    """The disk is full. If a small write fails too, all transfers pause (`disk.low`)."""
    PLACE = "place"
    """The place cannot be used. If a small write fails too, all transfers pause
    (`archive.unavailable`); otherwise the error is this file's."""
    PROCESS = "process"
    """This process or machine has run out of a resource; handled like `PLACE`, nothing is lost."""
    FILE = "file"
    """This file only: tried again from its first byte, with growing delays."""
    FINAL = "final"
    """This file cannot be stored here, however often it is downloaded: it fails at once."""


@dataclass(frozen=True, slots=True)
class DiskErrorRow:
    """What one errno means here, and what to do, in one sentence each."""

    scope: Scope
    meaning: str
    advice: str


_F, _P, _R, _O, _X = Scope.FULL, Scope.PLACE, Scope.PROCESS, Scope.FILE, Scope.FINAL
_SERVER = "Check that server, and the network to it."
_MOUNT = "Check `findmnt` and `dmesg`; mount it again."

DISK_ERRORS: Mapping[str, DiskErrorRow] = MappingProxyType(
    {
        "ENOSPC": DiskErrorRow(
            _F,
            "The disk is full: no free bytes, or no free inodes.",
            "Free some space: `df -h`, `df -i`.",
        ),
        "EDQUOT": DiskErrorRow(
            _F,
            "The quota of this user, group or project is used up.",
            "Raise it, or free some space.",
        ),
        "EROFS": DiskErrorRow(
            _P,
            "The file system is mounted read-only, often by the kernel after an error.",
            "Read `dmesg`, check the file system, mount it writable again.",
        ),
        "ENOENT": DiskErrorRow(
            _P,
            "A directory of the archive is missing: its disk is not mounted, or it was deleted.",
            " If `.reelkeep/parts` was deleted, restart reelkeep: it creates it again.",
        ),
        "ENOTDIR": DiskErrorRow(
            _P,
            "A file is in the place of a directory of the archive.",
            "Check the path in the message; move the file away.",
        ),
        "ESTALE": DiskErrorRow(
            _P, "The network file system no longer knows the directory.", _MOUNT
        ),
        "ENOTCONN": DiskErrorRow(_P, "The process of a FUSE mount has ended.", _MOUNT),
        "ENODEV": DiskErrorRow(_P, "The device is gone.", _MOUNT),
        "ENXIO": DiskErrorRow(_P, "The device does not answer.", _MOUNT),
        "ETIMEDOUT": DiskErrorRow(
            _P, "The server of a network file system does not answer.", "Check that server."
        ),
        "EHOSTDOWN": DiskErrorRow(
            _P, "The server of a network file system is down.", "Check that server."
        ),
        "ESHUTDOWN": DiskErrorRow(
            _P, "The connection to the disk or to its server was shut down.", _MOUNT
        ),
        "EREMOTEIO": DiskErrorRow(
            _P, "The server of a network file system failed to read or write.", _SERVER
        ),
        "ENETDOWN": DiskErrorRow(_P, "The network to the file system's server is down.", _SERVER),
        "ENETUNREACH": DiskErrorRow(
            _P, "There is no route to the server of a network file system.", _SERVER
        ),
        "EHOSTUNREACH": DiskErrorRow(
            _P, "The server of a network file system cannot be reached.", _SERVER
        ),
        "EBUSY": DiskErrorRow(
            _P, "Something else uses the device, or the path is a mount point.", _MOUNT
        ),
        "EIO": DiskErrorRow(
            _P,
            "The device failed to read or write.",
            "Check `dmesg` and `smartctl -a`; copy the archive while it can be read.",
        ),
        "EACCES": DiskErrorRow(
            _P,
            "This user does not have the permission.",
            "Give the path in the message back to the user of reelkeep (`chown`, `chmod`).",
        ),
        "EPERM": DiskErrorRow(
            _P,
            "The system forbids it: an immutable file (`lsattr`), a sandbox, a policy.",
            "Check `lsattr`, `ReadWritePaths` of the unit, and the kernel log.",
        ),
        "ELOOP": DiskErrorRow(
            _P,
            "Symbolic links form a loop, or a link is in the place of a file of reelkeep.",
            "Check the path in the message; remove the link.",
        ),
        "EISDIR": DiskErrorRow(
            _P,
            "A directory is in the place of a file of reelkeep.",
            "Check the path in the message; move the directory away.",
        ),
        "ENOLCK": DiskErrorRow(
            _P,
            "No lock is available: the lock service of a network file system is not running.",
            "Start the lock service on client and server, or mount with `local_lock=flock`.",
        ),
        "EMFILE": DiskErrorRow(
            _R, "This process has too many files open.", "Raise `LimitNOFILE` of the unit."
        ),
        "ENFILE": DiskErrorRow(
            _R,
            "The machine has too many files open.",
            "Raise `fs.file-max`; find the processes that use them.",
        ),
        "ENOMEM": DiskErrorRow(
            _R, "The kernel has no memory left.", "Check `free` and `MemoryMax` of the unit."
        ),
        "EXDEV": DiskErrorRow(
            _P,
            "A rename would cross file systems. Volumes below the archive are detected and "
            "files copied to them; this error remains if `.reelkeep` itself is on another file "
            "system than the folders of recordings beside it.",
            "`findmnt --target DIRECTORY` shows the file system; put both on the same one.",
        ),
        "EAGAIN": DiskErrorRow(
            _O,
            "Another process uses the file, or the kernel could not complete the call at once.",
            "Run `fuser` on the path in the message.",
        ),
        "ENAMETOOLONG": DiskErrorRow(
            _X,
            "The file system does not support names of this length.",
            "Shorten `archive.layout` (folders) or `archive.file_name` (files), or use a file "
            "system that supports names of 255 bytes.",
        ),
        "EFBIG": DiskErrorRow(
            _X,
            "The file is larger than this file system or the limit of the process allows.",
            "vfat allows 4 GiB: use another file system. Or raise `LimitFSIZE` of the unit.",
        ),
        "EILSEQ": DiskErrorRow(
            _X,
            "The file system does not support the characters of this name.",
            "Mount it with `iocharset=utf8` or `utf8`.",
        ),
    }
)
"""What each errno means. A test compares the manual with this table."""

OTHERWISE = DiskErrorRow(
    _O,
    "Any other error concerns only the file for which it occurred.",
    "Check `dmesg` and the path.",
)
"""What every other errno means."""


def row_of(number: int | None) -> DiskErrorRow:
    """Return the row of an errno."""
    return DISK_ERRORS.get(errno.errorcode.get(number or 0, ""), OTHERWISE)


def scope_of(number: int | None) -> Scope:
    """Return what an error with this errno affects."""
    return row_of(number).scope


def leaves_bytes(number: int | None) -> bool:
    """Return whether what an unfinished file holds is as good as after a crash.

    It is, if the way to the disk failed. After `EIO`, and after an errno without a row, nobody can
    tell what the disk holds.
    """
    return number != errno.EIO and scope_of(number) in (Scope.PLACE, Scope.PROCESS)
