"""A Unix socket at a path: made for owner and group, and taken away again."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reelkeep.errors import CannotListen

MODE = 0o660
"""Who may connect: the owner, and the group."""

_PATIENCE = 1.0  # seconds for one who listens to take a connection


@contextmanager
def socket_file(path: Path) -> Iterator[socket.socket]:
    """Give a bound socket at `path`, which is gone afterwards. One that a crash left is replaced.

    Raises:
        CannotListen: There cannot be one, or there is something else.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        try:
            _make_way(path)
            made.bind(str(path))
            path.chmod(MODE)  # before anybody listens, so that nobody else ever gets in
            ours = path.lstat()
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        try:
            yield made
        finally:
            with suppress(OSError):
                now = path.lstat()
                if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                    path.unlink()


def _make_way(path: Path) -> None:
    """Remove a socket at `path` on which nobody listens any more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise _unusable(path, "something else has this name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # somebody listens, and is busy
    raise _unusable(path, "another process listens there")


def _unusable(path: Path, reason: str) -> CannotListen:
    return CannotListen(f"server.listen: cannot listen on unix:{path}: {reason}")
