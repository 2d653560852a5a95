"""Decide what an error of the operating system means to an archive: one row for each errno.

The kernel names what happened, not what it is about. `PLACE` and `PROCESS` are suspicions: whether
the place is at fault, or only this one file, is decided by a small write (`Archive.probe`).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Scope(StrEnum):
    """What an error of the disk is about, and so what follows from it."""

    FULL = "full"
    """The place has no room. If a small write fails too, all transfers pause (`disk.low`)."""
    PLACE = "place"
    """The place cannot be used. If a small write fails too, all transfers pause
    (`archive.unavailable`); otherwise the error is this file's."""
    PROCESS = "process"
    """This process or machine has run out of something; as `PLACE`, and nothing is lost."""
    FILE = "file"
    """This file only: tried again from its first byte, with growing delays."""
    FINAL = "final"
    """This file cannot be stored here, however often it is fetched: it fails at once."""


@dataclass(frozen=True, slots=True)
class DiskErrorRow:
    """What one errno means here, in a sentence each."""

    scope: Scope
    meaning: str
    advice: str


_F, _P, _R, _O, _X = Scope.FULL, Scope.PLACE, Scope.PROCESS, Scope.FILE, Scope.FINAL
_SERVER = "Look at that server, and at the network in between."
_MOUNT = "Look at `findmnt` and `dmesg`; mount it again."

DISK_ERRORS: Mapping[str, DiskErrorRow] = MappingProxyType(
    {
        "ENOSPC": DiskErrorRow(
            _F, "The disk has no room: no bytes, or no inodes.", "Make room: `df -h`, `df -i`."
        ),
        "EDQUOT": DiskErrorRow(
            _F, "The quota of this user, group or project is used up.", "Raise it, or make room."
        ),
        "EROFS": DiskErrorRow(
            _P,
            "The file system is mounted read-only, often by the kernel after an error.",
            "Look at `dmesg`, check the file system, mount it writable again.",
        ),
        "ENOENT": DiskErrorRow(
            _P,
            "A directory of the archive is gone: its disk is not mounted, or somebody removed it.",
            f"{_MOUNT} If somebody removed `.reelkeep/parts`, restart reelkeep: it makes it anew.",
        ),
        "ENOTDIR": DiskErrorRow(
            _P,
            "Something that is no directory stands where the archive has one.",
            "Look at the path in the message; move away what stands there.",
        ),
        "ESTALE": DiskErrorRow(
            _P, "The network file system no longer knows the directory.", _MOUNT
        ),
        "ENOTCONN": DiskErrorRow(_P, "The process behind a FUSE mount is gone.", _MOUNT),
        "ENODEV": DiskErrorRow(_P, "The device is gone.", _MOUNT),
        "ENXIO": DiskErrorRow(_P, "The device does not answer.", _MOUNT),
        "ETIMEDOUT": DiskErrorRow(
            _P, "The server of a network file system does not answer.", "Look at that server."
        ),
        "EHOSTDOWN": DiskErrorRow(
            _P, "The server of a network file system is down.", "Look at that server."
        ),
        "ESHUTDOWN": DiskErrorRow(
            _P, "The connection to the disk or to its server was shut down.", _MOUNT
        ),
        "EREMOTEIO": DiskErrorRow(
            _P, "The server of a network file system failed to read or write.", _SERVER
        ),
        "ENETDOWN": DiskErrorRow(_P, "The network to the file system's server is down.", _SERVER),
        "ENETUNREACH": DiskErrorRow(
            _P, "There is no way to the server of a network file system.", _SERVER
        ),
        "EHOSTUNREACH": DiskErrorRow(
            _P, "The server of a network file system cannot be reached.", _SERVER
        ),
        "EBUSY": DiskErrorRow(
            _P, "Something else uses the device, or a mount point stands in the way.", _MOUNT
        ),
        "EIO": DiskErrorRow(
            _P,
            "The device failed to read or write.",
            "Look at `dmesg` and `smartctl -a`; copy the archive while it can be read.",
        ),
        "EACCES": DiskErrorRow(
            _P,
            "This user may not do that there.",
            "Give the path in the message back to reelkeep's user (`chown`, `chmod`).",
        ),
        "EPERM": DiskErrorRow(
            _P,
            "The system forbids it: an immutable file (`lsattr`), a sandbox, a policy.",
            "Look at `lsattr`, at `ReadWritePaths` of the unit, and at the log of the kernel.",
        ),
        "ELOOP": DiskErrorRow(
            _P,
            "Symbolic links lead in a circle, or a link stands where a file of ours belongs.",
            "Look at the path in the message; remove the link.",
        ),
        "EISDIR": DiskErrorRow(
            _P,
            "A directory stands where a file of ours belongs.",
            "Look at the path in the message; move the directory away.",
        ),
        "ENOLCK": DiskErrorRow(
            _P,
            "No lock can be had: the lock service of a network file system is not running.",
            "Start the lock service of client and server, or mount with `local_lock=flock`.",
        ),
        "EMFILE": DiskErrorRow(
            _R, "This process has too many files open.", "Raise `LimitNOFILE` of the unit."
        ),
        "ENFILE": DiskErrorRow(
            _R, "The machine has too many files open.", "Raise `fs.file-max`; find who has them."
        ),
        "ENOMEM": DiskErrorRow(
            _R, "The kernel has no memory for it.", "Look at `free` and at the unit's `MemoryMax`."
        ),
        "EXDEV": DiskErrorRow(
            _P,
            "Something must be renamed to another file system. Volumes below the archive are found "
            "and copied to; this remains where `.reelkeep` itself is on another one than the "
            "folders of recordings right beside it.",
            "`findmnt --target DIRECTORY` shows which; put both on one file system.",
        ),
        "EAGAIN": DiskErrorRow(
            _O,
            "Another process holds the file, or the kernel could not do it at once.",
            "Look at `fuser` on the path in the message.",
        ),
        "ENAMETOOLONG": DiskErrorRow(
            _X,
            "The file system takes no names of this length.",
            "Shorten `archive.layout` (folders) or `archive.file_name` (files), or use a file "
            "system that takes names of 255 bytes.",
        ),
        "EFBIG": DiskErrorRow(
            _X,
            "The file is larger than this file system, or the process's limit, takes.",
            "vfat takes 4 GiB: use another file system. Or raise `LimitFSIZE` of the unit.",
        ),
        "EILSEQ": DiskErrorRow(
            _X,
            "The file system cannot write a name with these characters.",
            "Mount it with `iocharset=utf8` or `utf8`.",
        ),
    }
)
"""What each errno means. The manual's table is checked against this one."""

OTHERWISE = DiskErrorRow(
    _O, "Any other error concerns the one file that met it.", "Look at `dmesg` and at the path."
)
"""What an errno means that has no row."""


def row_of(number: int | None) -> DiskErrorRow:
    """Return the row of an errno."""
    return DISK_ERRORS.get(errno.errorcode.get(number or 0, ""), OTHERWISE)


def scope_of(number: int | None) -> Scope:
    """Return what an error with this errno is about."""
    return row_of(number).scope


def leaves_bytes(number: int | None) -> bool:
    """Return whether what an unfinished file holds is as good as after a crash.

    It is, if the way to the disk failed. After `EIO`, and after an errno without a row, nobody can
    tell what the disk holds.
    """
    return number != errno.EIO and scope_of(number) in (Scope.PLACE, Scope.PROCESS)
