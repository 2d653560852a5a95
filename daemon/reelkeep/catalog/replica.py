"""Copy a catalog, so that others may try things out without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from reelkeep.errors import CatalogError


@asynccontextmanager
async def replica(source: Path) -> AsyncIterator[Path]:
    """Yield the file of a copy of `source` as it is at one moment; it is thrown away at the end.

    A daemon may write meanwhile. Where `source` lies nothing is made or changed: without a catalog
    there, the file that is yielded does not exist either.

    Raises:
        CatalogError: It cannot be read, or there is no room for a copy.
    """
    with _folder() as folder:
        target = Path(folder) / "catalog.db"
        await to_thread.run_sync(_copy, source, target)
        yield target


def _folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="reelkeep-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CatalogError(f"the catalog cannot be copied: {error.strerror}") from error


def _copy(source: Path, target: Path) -> None:
    try:
        back_up(source, target)
    except OSError as error:
        raise CatalogError(f"the catalog {source} cannot be read: {error.strerror}") from error
    except sqlite3.Error as error:
        raise CatalogError(f"the catalog {source} cannot be copied: {error}") from error


def back_up(source: Path, target: Path) -> bool:
    """Copy `source` to `target` by SQLite's own means; return False if there is none. Blocking."""
    before = _state(source)
    if before is None:
        return False
    _back_up(source, target, alone=not before.shared)
    if not before.shared and _state(source) != before:  # somebody came meanwhile
        _back_up(source, target, alone=False)
    return True


@dataclass(frozen=True, slots=True)
class _State:
    size: int
    changed: int
    shared: bool  #: A log lies beside it: somebody has it open, or was killed.


def _state(source: Path) -> _State | None:
    """Return how the file stands, None if there is none."""
    try:
        found = source.stat()
    except FileNotFoundError:
        return None
    log = source.with_name(f"{source.name}-wal")
    return _State(found.st_size, found.st_mtime_ns, log.exists())


def reading(source: Path) -> str:
    """Return the address under which SQLite reads `source`, and leaves nothing beside it."""
    state = _state(source)
    return _address(source, alone=state is None or not state.shared)


def _address(source: Path, *, alone: bool) -> str:
    return f"{source.absolute().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"


def _back_up(source: Path, target: Path, *, alone: bool) -> None:
    """Copy `source`; if it is not `alone`, by the locks of those who write to it.

    Who only reads a catalog that nobody has open would make a log beside it and could not remove
    that again, unless it is called immutable (SQLite's manual: «Write-Ahead Logging», section 5).
    """
    with (
        closing(sqlite3.connect(_address(source, alone=alone), uri=True)) as theirs,
        closing(sqlite3.connect(target)) as ours,
    ):
        theirs.backup(ours)
