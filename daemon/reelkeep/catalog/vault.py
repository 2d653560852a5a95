"""Keep rotated tokens in files that only their owner can read."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

import aiofiles
import aiofiles.os
import anyio
import anyio.to_thread

from reelkeep.errors import CatalogError

_LONGEST = 64 * 1024  # characters; what is longer is no token
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class FileVault:
    """A directory with one file for each secret, of mode 0600."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = anyio.Lock()

    async def load(self, name: str) -> str | None:
        """Return the secret of that name, `None` if there is none.

        Raises:
            CatalogError: It is there, but cannot be read.
        """
        try:
            async with aiofiles.open(self._path(name), encoding="utf-8", newline="") as file:
                return await file.read(_LONGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CatalogError(f"a kept token cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:  # holds the bytes, so it is not shown as the cause
            raise CatalogError("a kept token cannot be read: it is not text") from None

    async def save(self, name: str, secret: str) -> None:
        """Keep `secret` in place of an earlier one; durable when this returns, even if cancelled.

        Raises:
            CatalogError: It could not be kept; an earlier one is still there.
        """
        with anyio.CancelScope(shield=True):
            async with self._lock:
                try:
                    await self._replace(self._path(name), secret)
                except OSError as error:
                    raise CatalogError(f"a token cannot be kept: {error.strerror}") from error

    async def _replace(self, path: Path, secret: str) -> None:
        await aiofiles.os.makedirs(self._directory, mode=0o700, exist_ok=True)
        unfinished = path.with_suffix(".new")
        with suppress(FileNotFoundError):
            await aiofiles.os.unlink(unfinished)
        async with aiofiles.open(
            unfinished, "w", encoding="utf-8", newline="", opener=_private
        ) as file:
            await file.write(secret)
            await file.flush()
            await anyio.to_thread.run_sync(os.fsync, file.fileno())
        await aiofiles.os.replace(unfinished, path)
        await anyio.to_thread.run_sync(_fsync_directory, self._directory)

    def _path(self, name: str) -> Path:
        """Return a file for `name`: readable if the name is harmless, and always its own."""
        safe = _UNSAFE.sub("_", name)[:64]
        if safe != name:
            safe += "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._directory / f"{safe}.token"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _fsync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
