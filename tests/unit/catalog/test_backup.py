"""A copy of a catalog: whole, checked, for its owner, and never in anybody's way."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from fakes.disk import Linkless
from fakes.fated import Fate, FatedDisk
from reelkeep.catalog.backup import copy_catalog
from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import HEAD, prepare
from reelkeep.disk import Disk
from reelkeep.errors import CatalogError

INSERT = "INSERT INTO provider (name, scope, filter) VALUES (?, '', '')"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.db"
    engine = open_engine(f"sqlite:///{path}")
    prepare(engine)
    engine.dispose()
    return path


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM provider ORDER BY name")]


def beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


def test_what_is_committed_is_in_it_though_it_is_only_in_the_log(
    catalog: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(catalog)) as writer:
        writer.execute(INSERT, ("committed",))
        writer.commit()
        writer.execute(INSERT, ("begun",))
        copy = copy_catalog(catalog, tmp_path / "copy.db")
    assert names(copy.path) == ["committed"]
    assert (copy.version, copy.recordings) == (HEAD, 0)


def test_it_is_one_file_for_its_owner(catalog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    copy = copy_catalog(catalog, folder / "copy.db")
    assert beside(copy.path) == {"copy.db"}
    assert stat.S_IMODE(copy.path.stat().st_mode) == 0o600
    assert copy.size == copy.path.stat().st_size


def test_a_copy_can_be_opened_as_a_catalog(catalog: Path, tmp_path: Path) -> None:
    copy = copy_catalog(catalog, tmp_path / "copy.db")
    engine = open_engine(f"sqlite:///{copy.path}")
    prepare(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM recording")).scalar() == 0
    engine.dispose()


def test_it_is_one_state_though_somebody_writes_without_a_pause(
    catalog: Path, tmp_path: Path
) -> None:
    """Each transaction writes two rows: a copy never has one of them only."""
    with closing(sqlite3.connect(catalog, check_same_thread=False)) as writer:
        done: list[int] = []

        def write() -> None:
            while len(done) < 2000 and not (tmp_path / "copy-9").exists():
                for side in "lr":
                    writer.execute(INSERT, (f"{len(done):06}{side}",))
                writer.commit()
                done.append(1)

        thread = Thread(target=write)
        thread.start()
        copies = [copy_catalog(catalog, tmp_path / f"copy-{number}") for number in range(10)]
        thread.join()
    counts = [len(names(copy.path)) for copy in copies]
    assert counts == sorted(counts)
    assert all(count % 2 == 0 for count in counts)
    assert done


@pytest.mark.parametrize("kind", ["file", "link"])
def test_it_replaces_nothing(catalog: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "there"
    target.write_text("mine") if kind == "file" else target.symlink_to("nowhere")
    before = beside(catalog)
    with pytest.raises(CatalogError, match="exists already"):
        copy_catalog(catalog, target)
    assert beside(catalog) == before


def test_a_name_that_is_taken_meanwhile_is_not_taken_away(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.db"
    connect = sqlite3.connect

    def slow(*arguments: Any, **options: Any) -> sqlite3.Connection:
        target.write_text("mine")
        connection: sqlite3.Connection = connect(*arguments, **options)
        return connection

    monkeypatch.setattr(sqlite3, "connect", slow)
    with pytest.raises(CatalogError, match="exists by now"):
        copy_catalog(catalog, target)
    assert target.read_text() == "mine"
    assert [name for name in beside(catalog) if "unfinished" in name] == []


def test_a_disk_without_links_takes_a_copy_and_replaces_nothing_either(
    catalog: Path, tmp_path: Path
) -> None:
    copy = copy_catalog(catalog, tmp_path / "copy.db", disk=Linkless())
    assert beside(copy.path) == {"catalog.db", "copy.db"}
    with pytest.raises(CatalogError, match="exists already"):
        copy_catalog(catalog, tmp_path / "copy.db", disk=Linkless())


@pytest.mark.parametrize("replaces", [True, False])
@pytest.mark.parametrize("fate", [Fate.EIO, Fate.ENOSPC])
def test_whatever_call_of_the_disk_fails_there_is_no_copy_but_a_whole_one(
    catalog: Path, tmp_path: Path, fate: Fate, replaces: bool
) -> None:
    whole = FatedDisk(Disk())
    copy_catalog(catalog, tmp_path / "copy.db", replaces=replaces, disk=whole)
    for at in range(len(whole.calls)):
        (folder := tmp_path / str(at)).mkdir()
        if replaces:
            copy_catalog(catalog, folder / "copy.db")
        disk = FatedDisk(Disk(), fate, at)
        with pytest.raises(CatalogError, match="cannot be written"):
            copy_catalog(catalog, folder / "copy.db", replaces=replaces, disk=disk)
        for each in folder.glob("copy.db"):
            assert names(each) == names(catalog)
        copy_catalog(catalog, folder / "copy.db", replaces=True)


def test_a_damaged_catalog_is_not_copied(tmp_path: Path, catalog: Path) -> None:
    with closing(sqlite3.connect(catalog)) as writer:
        writer.executemany(INSERT, [(f"{number:06}" * 20,) for number in range(500)])
        writer.commit()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(catalog.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 2048] = b"\xff" * 2048
    catalog.write_bytes(content)
    with pytest.raises(CatalogError, match=r"damaged|malformed"):
        copy_catalog(catalog, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_without_a_catalog_there_is_no_copy(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no catalog at"):
        copy_catalog(tmp_path / "none.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be written: No such file"):
        copy_catalog(catalog, tmp_path / "nowhere" / "copy.db")


def test_what_is_no_catalog_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("certainly no database" * 500)
    with pytest.raises(CatalogError, match="cannot be copied"):
        copy_catalog(tmp_path / "text", tmp_path / "copy.db")
