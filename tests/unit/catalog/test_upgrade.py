"""An older catalog: put aside, then migrated, or left as it is."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from fakes.log import RecordedLog
from fakes.tomorrow import Tomorrow, tomorrow
from reelkeep.catalog import backup, migrations, schema
from reelkeep.catalog.database import open_engine
from reelkeep.catalog.schema import HEAD, KEPT, Upgrade, prepare
from reelkeep.errors import CatalogError, TooNew


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of today, with one row."""
    path = tmp_path / "state" / "catalog.db"
    engine = open_engine(f"sqlite:///{path}")
    prepare(engine)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("INSERT INTO provider (name, scope, filter) VALUES ('a', '', '')"))
    engine.dispose()
    return path


def live_in(monkeypatch: pytest.MonkeyPatch, day: Tomorrow) -> None:
    monkeypatch.setattr(schema, "HEAD", day.head)
    monkeypatch.setattr(migrations, "STEPS", day.steps)


def opened(catalog: Path) -> Engine:
    return open_engine(f"sqlite:///{catalog}")


def version(catalog: Path) -> str:
    with closing(sqlite3.connect(catalog)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def columns(catalog: Path) -> set[str]:
    with closing(sqlite3.connect(catalog)) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(recording)")}


def test_it_is_migrated_after_a_copy_was_put_aside(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = tomorrow()
    live_in(monkeypatch, day)
    upgrade, events = Upgrade(catalog), RecordedLog()
    prepare(opened(catalog), upgrade)
    upgrade.tell(events)
    copy = catalog.with_name(f"catalog.db.before-{day.head}")
    assert (version(catalog), version(copy)) == (day.head, HEAD)
    assert "mood" in columns(catalog) - columns(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert events.named("catalog.migrated") == [{"before": HEAD, "now": day.head, "copy": copy}]


def test_one_that_is_as_it_should_be_is_not_copied(catalog: Path) -> None:
    upgrade, events = Upgrade(catalog), RecordedLog()
    prepare(opened(catalog), upgrade)
    upgrade.tell(events)
    assert list(catalog.parent.glob("*.before-*")) == []
    assert events.events == []


def test_a_migration_that_fails_changes_nothing(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_in(monkeypatch, tomorrow(then="SELECT * FROM nowhere"))
    with pytest.raises(CatalogError, match="nowhere"):
        prepare(opened(catalog), Upgrade(catalog))
    assert version(catalog) == HEAD
    assert "mood" not in columns(catalog)


def test_without_room_for_a_copy_nothing_is_changed(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_in(monkeypatch, tomorrow())
    fill_the_disk(monkeypatch)
    with pytest.raises(CatalogError, match=r"no room for a copy.*bytes are needed; nothing was"):
        prepare(opened(catalog), Upgrade(catalog))
    assert version(catalog) == HEAD
    left = {each.name for each in catalog.parent.iterdir()} - {"catalog.db-wal", "catalog.db-shm"}
    assert left == {"catalog.db"}


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite itself find no room for more than two pages of a copy."""
    connect = sqlite3.connect

    def limited(path: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, **options)
        if backup.UNFINISHED in str(path):
            connection.execute("PRAGMA max_page_count=2")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)


def test_only_the_newest_copies_are_kept(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        old = catalog.with_name(f"catalog.db.before-000{number}")
        old.write_bytes(b"")
        os.utime(old, (number, number))
    day = tomorrow()
    live_in(monkeypatch, day)
    prepare(opened(catalog), Upgrade(catalog))
    kept = sorted(each.name for each in catalog.parent.glob("*.before-*"))
    assert len(kept) == KEPT
    assert f"catalog.db.before-{day.head}" in kept
    assert "catalog.db.before-0004" in kept


def test_who_only_looks_migrates_nothing(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = tomorrow()
    live_in(monkeypatch, day)
    with pytest.raises(CatalogError, match=rf"version {HEAD}.*with {day.head}.*`reelkeep run`"):
        prepare(opened(catalog))
    assert version(catalog) == HEAD


@pytest.mark.parametrize("migrates", [True, False])
def test_one_of_a_newer_program_is_refused_with_the_ways_back(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, *, migrates: bool
) -> None:
    day = tomorrow()
    with monkeypatch.context() as then:
        live_in(then, day)
        prepare(opened(catalog), Upgrade(catalog))
    arguments = (Upgrade(catalog),) if migrates else ()
    with pytest.raises(TooNew, match=rf"version {day.head}.*up to {HEAD}.*before-{day.head}"):
        prepare(opened(catalog), *arguments)
    assert version(catalog) == day.head


def test_a_version_from_nowhere_is_refused(catalog: Path) -> None:
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()
    with pytest.raises(CatalogError, match="cannot be migrated from 0000"):
        prepare(opened(catalog), Upgrade(catalog))
