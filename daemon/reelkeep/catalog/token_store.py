"""Keep rotated tokens in files that only their owner can read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import aiofiles
import anyio
import anyio.to_thread

from reelkeep.disk import Disk, make_directory, replace_small, write_small
from reelkeep.errors import CatalogError

_LONGEST = 64 * 1024  # characters; what is longer is no token
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class FileTokenStore:
    """A directory with one file for each secret, of mode 0600."""

    def __init__(self, directory: Path, disk: Disk | None = None) -> None:
        self._directory = directory
        self._disk = disk or Disk()
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

    async def rehearse(self, name: str) -> None:
        """Write as much as a secret may be, and take it away again.

        Raises:
            CatalogError: The disk would not keep one now.
        """
        await self._do(self._rehearse, self._path(name), "0" * _LONGEST)

    async def save(self, name: str, secret: str) -> None:
        """Keep `secret` in place of an earlier one; durable when this returns, even if cancelled.

        Raises:
            CatalogError: It could not be kept; an earlier one is still there.
        """
        await self._do(self._replace, self._path(name), secret)

    async def _do(self, work: Callable[[Path, str], None], path: Path, secret: str) -> None:
        with anyio.CancelScope(shield=True):
            async with self._lock:
                try:
                    await anyio.to_thread.run_sync(work, path, secret)
                except OSError as error:
                    raise CatalogError(f"a token cannot be kept: {error.strerror}") from error

    def _rehearse(self, path: Path, secret: str) -> None:
        trial = self._vacant(path.with_suffix(".trial"))  # another process may be saving by now
        try:
            write_small(self._disk, trial, secret.encode(), 0o600)
        finally:
            self._disk.unlink(trial)

    def _replace(self, path: Path, secret: str) -> None:
        unfinished = self._vacant(path.with_suffix(".new"))
        replace_small(self._disk, path, secret.encode(), mode=0o600, scratch=unfinished)

    def _vacant(self, path: Path) -> Path:
        """Return `path`: nothing is there any more, and the folder is."""
        make_directory(self._disk, self._directory, 0o700)
        self._disk.unlink(path)  # it may be a link, or somebody else can read it
        return path

    def _path(self, name: str) -> Path:
        """Return a file for `name`: readable if the name is harmless, and always its own."""
        safe = _UNSAFE.sub("_", name)[:64]
        if safe != name:
            safe += "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return self._directory / f"{safe}.token"
