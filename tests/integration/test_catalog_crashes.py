"""The process dies between any two statements of the catalog, or its log is cut anywhere.

The catalog is a real file. At each statement and commit of one life its database and its
write-ahead log are copied as they lie on the disk then, as is what the archive and the provider
know. From each copy a new process brings all to its end. At last the log is cut at every frame: a
catalog that remembers less than the archive holds finds out what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from fakes.fated import FatedDisk
from fakes.life import (
    EVERYTHING,
    World,
    assert_nothing_visible_is_wrong,
    assert_whole,
    finish,
    in_small,
    standing,
    survive,
)
from fakes.model_disk import ModelDisk, Nodes, copy_of, tree
from fakes.power import durable, mark
from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import prepare
from virtual import VIRTUAL, Backend

pytestmark = pytest.mark.timeout(1800)  # many lives each; a busy machine takes its time

_HEADER, _FRAME_HEADER = 32, 24


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with in_small():
        yield


@dataclass(frozen=True)
class Copy:
    """What lies on the disk at one moment."""

    database: bytes
    log: bytes
    nodes: Nodes
    is_late: bool
    told: bool

    def open_at(self, path: Path) -> Engine:
        path.parent.mkdir()
        path.write_bytes(self.database)
        path.with_name(f"{path.name}-wal").write_bytes(self.log)
        engine = open_engine(f"sqlite:///{path}")
        prepare(engine)
        return engine


def opened(path: Path) -> Engine:
    """Return a new catalog."""
    engine = open_engine(f"sqlite:///{path}")
    prepare(engine)
    return engine


async def copies(path: Path) -> list[Copy]:
    """Live once; return what lay on the disk at each statement and commit, each state once."""
    engine, disk = opened(path), ModelDisk()
    world = World(books=engine)
    found: dict[Any, Copy] = {}
    statements = 0

    def copy(*_: object) -> None:
        nonlocal statements
        statements += 1
        database, log = path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()
        told = bool(world.provider.told)
        known = (database, log, mark(disk.nodes), world.is_late, told)
        if known not in found:
            found[known] = Copy(database, log, copy_of(disk.nodes), world.is_late, told)

    event.listen(engine, "before_cursor_execute", copy)
    event.listen(engine, "commit", copy)
    world.committed = world.look = copy
    assert await survive(world, FatedDisk(disk))
    copy()
    engine.dispose()
    assert statements > 100
    return [*found.values()]


async def go_on(copy: Copy, path: Path, *, gone: bool) -> World:
    """Let a new process go on from `copy`; return the world at its end."""
    engine = copy.open_at(path)
    world, disk = World(books=engine), ModelDisk(copy_of(copy.nodes))
    world.host.cuts.clear()
    if copy.is_late:
        world.go_on()
    if gone:
        world.provider.recordings.clear()
    assert_nothing_visible_is_wrong(tree(copy.nodes))
    world.look = lambda: assert_whole(durable(disk))
    try:
        before = await standing(world)
        await finish(world, disk)
    finally:
        engine.dispose()
    assert_whole(disk.files())
    for name in EVERYTHING:
        assert before.get(name) != "stored" or not world.host.served[name], name
    return world


def frames(log: bytes) -> list[tuple[int, bool]]:
    """Return where each frame of a write-ahead log ends, and whether that is a commit."""
    (page,) = struct.unpack_from(">I", log, 8)
    found, at = list[tuple[int, bool]](), _HEADER
    while at + _FRAME_HEADER + page <= len(log):
        (commits,) = struct.unpack_from(">I", log, at + 4)
        at += _FRAME_HEADER + page
        found.append((at, bool(commits)))
    return found


async def test_killed_at_any_statement_catalog_and_archive_agree_again(tmp_path: Path) -> None:
    found = await copies(tmp_path / "catalog.db")
    for number, copy in enumerate(found):
        await go_on(copy, tmp_path / str(number) / "catalog.db", gone=copy.told)
    assert len(found) >= 15


async def test_with_a_log_that_is_cut_anywhere_catalog_and_archive_agree_again(
    tmp_path: Path,
) -> None:
    """The provider still has it all: what a catalog forgot is fetched, and found to be there."""
    found = await copies(tmp_path / "catalog.db")
    last, first = found[-1], len(found[0].log)
    cuts, commits = frames(last.log), 0
    for number, (end, is_commit) in enumerate(cuts):
        torn = Copy(last.database, last.log[: end - 7], last.nodes, is_late=True, told=False)
        engine = torn.open_at(tmp_path / f"torn-{number}" / "catalog.db")
        with closing(engine.raw_connection()) as connection:
            assert connection.cursor().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        engine.dispose()
        if is_commit and first <= end < len(last.log):
            commits += 1
            cut = Copy(last.database, last.log[:end], last.nodes, is_late=True, told=False)
            await go_on(cut, tmp_path / f"cut-{number}" / "catalog.db", gone=False)
    assert commits > 10
