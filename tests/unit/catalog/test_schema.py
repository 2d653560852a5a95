"""Opening a catalog: new, known, newer, broken, foreign; and whose it is."""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from fakes.catalog import Clock, inline
from fakes.fated import Fate, FatedDisk
from fakes.log import RecordedLog
from reelkeep.catalog.adoption import Found, adopt
from reelkeep.catalog.database import Database, open_engine
from reelkeep.catalog.migrations import STEPS
from reelkeep.catalog.schema import HEAD, migrate, prepare
from reelkeep.catalog.tables import metadata
from reelkeep.disk import Disk
from reelkeep.errors import CatalogError

MEMORY = "sqlite://"
FIRST_ROW = """
INSERT INTO recording (provider, id, key, state, readiness, deadline, facts, first_seen)
VALUES ('meetings', 'a', 'k', 'open', 'ready', '9999-01-01', '{}', '2026-01-01')
"""
_SPACE = re.compile(r'[\s"]+')


class Flushing(Disk):
    """A disk that remembers which directories were flushed."""

    def __init__(self) -> None:
        self.flushed: set[Path] = set()

    def fsync_directory(self, path: Path) -> None:
        self.flushed.add(path)


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def statements(engine: Engine) -> dict[str, str]:
    """Return how each table and index was made, whatever the spelling."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with engine.connect() as connection:
        return {row[0]: _SPACE.sub(" ", row[1]) for row in connection.execute(text(query))}


def made() -> Engine:
    """Return a new catalog, as it is made from the tables."""
    engine = open_engine(MEMORY)
    prepare(engine)
    return engine


def migrated() -> Engine:
    """Return a catalog that went through every migration."""
    engine = open_engine(MEMORY)
    with engine.connect() as connection, connection.begin():
        migrate(connection, None)
    return engine


def indexes(engine: Engine) -> dict[str, str]:
    """Return how indexes were made, with their conditions and the order of their columns."""
    return {name: sql for name, sql in statements(engine).items() if "INDEX" in sql}


def described(engine: Engine) -> dict[str, list[object]]:
    """Return columns and constraints of every table, as the database understands them."""
    found = inspect(engine)
    return {
        table: [
            [{**each, "type": repr(each["type"])} for each in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            found.get_unique_constraints(table),
            found.get_foreign_keys(table),
        ]
        for table in found.get_table_names()
    }


UNREFLECTED = "ignore:Skipped unsupported reflection of expression-based index"
"""SQLAlchemy does not read such an index back; `indexes` compares how each was made."""


@pytest.mark.filterwarnings(UNREFLECTED, "ignore:autogenerate skipping .* 'recording_began'")
def test_migrations_and_tables_say_the_same_to_alembic() -> None:
    with migrated().connect() as connection:
        options = {"include_name": lambda name, *_: name != "alembic_version"}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **options})
        assert compare_metadata(context, metadata) == []


@pytest.mark.filterwarnings(UNREFLECTED)
def test_a_new_catalog_has_the_tables_that_migrations_make() -> None:
    assert described(made()) == described(migrated())


def test_a_new_catalog_has_the_indexes_that_migrations_make() -> None:
    assert indexes(made()) == indexes(migrated())


def test_a_new_catalog_has_the_version_that_migrations_come_to() -> None:
    """Else the first migration to come would find it in another state than it says."""
    versions = []
    for engine in (made(), migrated()):
        with engine.connect() as connection:
            versions.append(connection.execute(text("SELECT * FROM alembic_version")).all())
    assert versions == [[(HEAD,)], [(HEAD,)]]


def test_the_newest_migration_is_the_one_that_the_code_speaks() -> None:
    assert list(STEPS)[-1] == HEAD


def test_migrations_are_in_order() -> None:
    assert list(STEPS) == [f"{number:04}" for number in range(1, len(STEPS) + 1)]


def test_a_version_that_never_was_is_refused() -> None:
    with open_engine(MEMORY).connect() as connection, pytest.raises(CatalogError, match="0000"):
        migrate(connection, "0000")


def test_a_catalog_of_the_first_version_is_migrated_with_all_that_is_in_it(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    with engine.connect() as connection, connection.begin():
        migrate(connection, None, to="0001")
        connection.execute(text(FIRST_ROW))
    prepare(engine, migrate)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, warned FROM recording")).all()
        assert found == [("a", 0)]
        assert connection.execute(text("SELECT * FROM backfill")).all() == []
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == [(HEAD,)]


SKIPPED = (
    "INSERT INTO file (row, recording, id, name, state, obstacle, reason) "
    "VALUES (:row, 1, :row, :row, 'skipped', :obstacle, :reason)"
)


def test_what_was_skipped_because_it_could_not_be_had_becomes_unavailable(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    trash = "in the trash, without an address to download from"
    premise, unwanted = "on-premise: nothing to download", "not wanted by the filter"
    with engine.connect() as connection, connection.begin():
        migrate(connection, None, to="0001")
        connection.execute(text(FIRST_ROW))
        connection.execute(text("UPDATE recording SET row = 1, state = 'archived'"))
        for row, (obstacle, reason) in enumerate(
            [("external storage",) * 2, (trash, trash), (premise, premise), (None, unwanted)]
        ):
            values = {"row": str(row), "obstacle": obstacle, "reason": reason}
            connection.execute(text(SKIPPED), values)
    prepare(engine, migrate)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT state, reason FROM file ORDER BY row")).all()
        state = connection.execute(text("SELECT state, behind FROM recording")).all()
    assert found == [
        ("unavailable", "external_storage"), ("unavailable", "in_trash"),
        ("skipped", premise), ("skipped", unwanted),
    ]  # fmt: skip
    assert state == [("incomplete", 1)]


def test_the_keys_of_known_sessions_are_taken_from_their_facts() -> None:
    engine = open_engine(MEMORY)
    with engine.connect() as connection, connection.begin():
        migrate(connection, None, to="0001")
        for id_, facts in (("a", '{"session_key"\\: "case-77"}'), ("b", '{"session_key"\\: 7}')):
            row = FIRST_ROW.replace("'a'", f"'{id_}'").replace("'{}'", f"'{facts}'")
            connection.execute(text(row))
    prepare(engine, migrate)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, session_key FROM recording ORDER BY id")).all()
    assert found == [("a", "case-77"), ("b", "")]


def test_a_catalog_is_prepared_once(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    prepare(engine)
    before = statements(engine)
    prepare(engine)
    assert statements(engine) == before


class _Nothing:
    def __aiter__(self) -> _Nothing:
        return self

    async def __anext__(self) -> Found:
        raise StopAsyncIteration


async def test_an_archive_is_to_be_adopted_until_that_came_to_its_end(tmp_path: Path) -> None:
    """Whoever opens a new catalog first, such as `status`, must not use that up."""
    engine = open_engine(url(tmp_path / "catalog.db"))
    assert prepare(engine)
    assert prepare(engine)
    await adopt(Database(engine, inline), _Nothing(), clock=Clock(), report=RecordedLog())
    assert not prepare(engine)


def test_a_catalog_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    prepare(engine)
    with engine.connect() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogError, match=r"version 9999.*newer"):
        prepare(engine)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE moz_places (id INTEGER)")
    other.close()
    engine = open_engine(url(path))
    with pytest.raises(CatalogError, match=r"no catalog of reelkeep.*moz_places"):
        prepare(engine)
    assert list(statements(engine)) == ["moz_places"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"certainly no database" * 100),
        lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)),
    ],
    ids=["text", "torn"],
)
def test_what_is_no_database_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = tmp_path / "catalog.db"
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(CatalogError, match="cannot be"):
        prepare(open_engine(url(path)))
    assert path.read_bytes() == before


async def test_a_catalog_that_breaks_later_is_told_of(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    database = Database(engine, inline)
    with pytest.raises(CatalogError, match="no such table"):
        await database.read(lambda c: c.execute(text("SELECT * FROM recording")))


def test_an_empty_file_is_a_new_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    assert prepare(open_engine(url(path)))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_catalog_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    engine = open_engine(url(tmp_path / "catalog.db"))
    prepare(engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        modes = {each.name: mode(each) for each in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["catalog.db", "catalog.db-wal", "catalog.db-shm"], 0o600)


def test_a_catalog_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch(mode=0o644)
    open_engine(url(path))
    assert mode(path) == 0o600


def test_the_directory_of_a_catalog_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "reelkeep" / "catalog.db"
    prepare(open_engine(url(path)))
    assert mode(path.parent) == 0o700


@pytest.mark.parametrize("by", ["us", "a process that died"])
def test_the_directory_of_a_new_catalog_is_durable_whoever_made_it(tmp_path: Path, by: str) -> None:
    path, disk = tmp_path / "var" / "reelkeep" / "catalog.db", Flushing()
    if by != "us":
        path.parent.mkdir(parents=True)
    open_engine(url(path), disk)
    assert {tmp_path, tmp_path / "var"} <= disk.flushed


def test_who_opens_a_catalog_that_is_there_flushes_nothing(tmp_path: Path) -> None:
    open_engine(url(tmp_path / "catalog.db"), disk := Flushing())
    disk.flushed.clear()
    open_engine(url(tmp_path / "catalog.db"), disk)
    assert not disk.flushed


@pytest.mark.parametrize("fate", [Fate.EIO, Fate.ENOSPC])
def test_a_directory_that_cannot_be_made_is_told_and_made_by_the_next_try(
    tmp_path: Path, fate: Fate
) -> None:
    open_engine(url(tmp_path / "whole" / "reelkeep" / "catalog.db"), whole := FatedDisk(Disk()))
    for at in range(len(whole.calls)):
        path = tmp_path / str(at) / "reelkeep" / "catalog.db"
        with pytest.raises(CatalogError, match="cannot be opened"):
            open_engine(url(path), FatedDisk(Disk(), fate, at))
        open_engine(url(path))
        assert path.exists()


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    prepare(open_engine(url(tmp_path / "catalog.db")))
    assert mode(tmp_path) == 0o750


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "catalog.db"):
        with pytest.raises(CatalogError, match="cannot be opened"):
            open_engine(url(path))
