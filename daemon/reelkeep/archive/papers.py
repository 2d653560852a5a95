"""Read the small files that stand beside a recording's own: manifest and sums."""

from __future__ import annotations

import os
from pathlib import Path

import aiofiles

from reelkeep.core.manifest import MANIFEST_BYTES
from reelkeep.disk import disk_error


async def read_paper(path: Path) -> bytes | None:
    """Return what is in the file at `path`; None if there is no such file.

    Raises:
        IoFailed: It cannot be read, or is a link.
    """
    try:
        async with aiofiles.open(path, "rb", opener=_without_following) as file:
            return await file.read(MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error) from error


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
