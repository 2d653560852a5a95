"""Hold an archive against every other process; the kernel lets go when the holder dies."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from reelkeep.disk import Disk, write_all
from reelkeep.errors import Busy

_LIMIT = 4096


def acquire(disk: Disk, path: Path, now: datetime, *, what: str) -> int:
    """Lock the file at `path`, write there who we are, and return its descriptor.

    What an earlier holder left in the file decides nothing. `what` is held, in words.

    Raises:
        Busy: Another process holds it; the message says which.
    """
    fd = disk.open(path, os.O_RDWR | os.O_CREAT)
    try:
        _lock(disk, fd, what)
        _introduce(disk, fd, now)
    except BaseException:
        disk.close(fd)
        raise
    return fd


def only_writer(disk: Disk, fd: int, name: str) -> None:
    """Become the only writer of the part of the file `name`, for as long as `fd` is open.

    Raises:
        Busy: It has one.
    """
    try:
        disk.lock(fd)
    except BlockingIOError as error:
        raise Busy(f"another writer has the part of {name}") from error


def _introduce(disk: Disk, fd: int, now: datetime) -> None:
    ours = {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}
    with suppress(OSError):  # a full disk is no reason not to start
        disk.truncate(fd, 0)
        write_all(disk, fd, json.dumps(ours).encode() + b"\n")


def _lock(disk: Disk, fd: int, what: str) -> None:
    try:
        disk.lock(fd)
    except BlockingIOError as error:
        holder = _holder(disk.pread(fd, _LIMIT, 0))
        raise Busy(f"{what} is held by {holder}") from error


def _holder(content: bytes) -> str:
    try:
        found = json.loads(content)
        pid, host, since = int(found["pid"]), str(found["host"]), str(found["since"])
    except (ValueError, TypeError, KeyError):
        return "another process"
    return f"process {pid} on {ascii(host)[1:-1]} since {ascii(since)[1:-1]}"
