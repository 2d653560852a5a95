"""Make an archive's own directories, and see that they can be written."""

from __future__ import annotations

import errno

from reelkeep.archive.places import Places
from reelkeep.archive.probe import write_probe
from reelkeep.core.disk_errors import row_of
from reelkeep.disk import FULL, Disk, make_directory
from reelkeep.errors import ConfigError

_OURS = 0o700
_OPERATORS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ELOOP}
    | {errno.EEXIST, errno.ENAMETOOLONG, errno.EISDIR}
)


def prepare(disk: Disk, places: Places, directory_mode: int) -> bool:
    """Make what is missing, close `.reelkeep` to others, and write a little. Blocking.

    False: the disk is full, and something may be missing. That is fine: it is waited for.

    Raises:
        ConfigError: The path is one that this user cannot write to.
    """
    try:
        make_directory(disk, places.root, directory_mode)
        for path in (places.ours, places.parts, places.finished, places.staging, places.quarantine):
            if disk.status(path) is None:
                disk.mkdir(path, _OURS)
        disk.chmod(places.ours, _OURS)
        disk.fsync_directory(places.ours)
        disk.fsync_directory(places.root)
        write_probe(disk, places)
    except OSError as error:
        if error.errno in _OPERATORS:
            where, advice = error.filename or places.root, row_of(error.errno).advice
            raise ConfigError(
                f"archive.path: cannot write {where}: {error.strerror}. {advice}"
            ) from error
        if error.errno not in FULL:
            raise
        return False
    return True
