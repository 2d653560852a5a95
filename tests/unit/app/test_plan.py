from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

import virtual
from fakes.catalog import inline
from fakes.log import RecordedLog
from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import Rig
from reelkeep.app.one_pass import Pass
from reelkeep.app.plan import PlanLine, ReadOnlyProvider, rehearse, scratch_catalog
from reelkeep.catalog.backup import _back_up, replica
from reelkeep.catalog.database import Database, open_engine
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.schema import prepare
from reelkeep.catalog.tables import milestone
from reelkeep.catalog.tables import recording as recordings
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.model import ProviderName, Readiness, RecordingId
from reelkeep.errors import AuthFailed, CatalogError, Unavailable
from reelkeep.settings.model import ArchiveOptions, CatalogOptions, Settings
from virtual import VIRTUAL, Backend

A, B = ProviderName("a"), ProviderName("b")
MINE = "INSERT INTO milestone VALUES ('mine', '2026-01-05 12:00:00.000000')"
SLOWLY = traits(transcodes=True, describes=True, acknowledges=True)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def rng() -> float:
    return 0.5


async def planned(rig: Rig) -> list[PlanLine]:
    """Return the plan on a copy of the rig's catalog."""
    return await rehearse(
        await copy_of(rig.database), list(rig.resources.providers.values()),
        clock=virtual.clock, rng=rng, clean=str,
    )  # fmt: skip


async def copy_of(database: Database) -> Database:
    engine = open_engine("sqlite://")

    def copy(connection: Any) -> None:
        with engine.connect() as target:
            connection.connection.backup(target.connection.dbapi_connection)

    await database.read(copy)
    return Database(engine, inline)


async def the_plan(provider: FakeProvider, rig: Rig | None = None) -> PlanLine:
    (line,) = await planned(rig or Rig(provider))
    return line


async def sync(rig: Rig) -> None:
    with anyio.fail_after(86_400):
        await Pass(rig.resources, rig.names, limit=None).run(anyio.Event())


async def test_it_counts_what_is_new() -> None:
    provider = FakeProvider()
    provider.hold(recording("a", files="123"), recording("b", size=None))
    line = await the_plan(provider)
    assert (line.recordings, line.files, line.bytes, line.unknown_sizes) == (2, 4, 30, 1)
    assert line.error is None


async def test_it_counts_what_must_be_described() -> None:
    provider = FakeProvider(traits=SLOWLY)
    provider.hold(recording("a", files="123"), recording("b"))
    provider.undescribed = {RecordingId("b")}
    assert (await the_plan(provider)).files == 3


async def test_it_counts_nothing_once_all_is_here() -> None:
    provider = FakeProvider()
    provider.hold(*many(20))
    rig = Rig(provider)
    await sync(rig)
    assert (await the_plan(provider, rig)).files == 0


async def test_it_counts_what_an_earlier_pass_left() -> None:
    provider = FakeProvider()
    provider.hold(*many(3))
    rig = Rig(provider)
    await rig.resources.intake.admit(provider.name, provider.traits, many(3))
    provider.recordings.clear()
    assert (await the_plan(provider, rig)).files == 3


async def test_it_counts_no_file_of_what_must_be_described_anew_and_cannot() -> None:
    provider = FakeProvider(traits=SLOWLY)
    provider.hold(recording())
    rig = Rig(provider)
    await rig.resources.intake.admit(provider.name, provider.traits, [recording(files=())])
    await rig.resources.intake.describe(provider.name, provider.traits, [recording()])
    provider.hold(recording(title="another"))
    provider.undescribed = {RecordingId("a")}
    assert (await the_plan(provider, rig)).files == 0


async def test_it_counts_what_a_widened_filter_brings_in() -> None:
    provider = FakeProvider(traits=traits(filter=Filter(exclude=Criteria(topic="Title"))))
    provider.hold(recording(files="12"))
    rig = Rig(provider)
    await sync(rig)
    assert (await the_plan(provider, rig)).files == 0
    provider.traits = traits()
    provider.recordings.clear()  # too old to be listed again
    assert (await the_plan(provider, rig)).files == 2


async def test_it_counts_nothing_that_a_narrowed_filter_leaves_out() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    await rig.resources.intake.admit(provider.name, provider.traits, many(3))
    provider.traits = traits(filter=Filter(exclude=Criteria(topic="Title")))
    assert (await the_plan(provider, rig)).files == 0


async def test_it_counts_what_would_be_transcoded() -> None:
    provider = FakeProvider(traits=SLOWLY)
    provider.hold(recording(readiness=Readiness.TRANSCODABLE))
    assert (await the_plan(provider)).transcodings == 1


async def test_it_counts_no_transcoding_that_is_not_wanted() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording(readiness=Readiness.TRANSCODABLE))
    assert (await the_plan(provider)).transcodings == 0


async def test_it_tells_the_provider_nothing() -> None:
    provider = FakeProvider(traits=SLOWLY)
    provider.hold(recording("a", readiness=Readiness.TRANSCODABLE), recording("b"))
    await the_plan(provider)
    assert {call for _, call in provider.calls} == {"discover", "discovered", "describe"}


async def test_a_spared_provider_hears_of_no_acknowledgement() -> None:
    provider = FakeProvider(traits=SLOWLY)
    ids: Sequence[RecordingId] = [RecordingId("a")]
    assert await ReadOnlyProvider(provider).acknowledge(ids) == ids
    assert provider.calls == []


async def test_what_could_be_read_is_counted_beside_the_error() -> None:
    provider = FakeProvider(broken={"discovered": Unavailable("out of order: s3cret")})
    provider.hold(*many(3))
    rig = Rig(provider)
    (line,) = await rehearse(
        rig.database, [provider], clock=virtual.clock, rng=rng,
        clean=lambda text: text.replace("s3cret", "***"),
    )  # fmt: skip
    assert (line.files, line.error) == (3, "out of order: ***")


async def test_an_earlier_error_is_not_told_again() -> None:
    provider = FakeProvider()
    provider.faults["discover"].append(AuthFailed("no"))
    rig = Rig(provider)
    await sync(rig)
    assert (await the_plan(provider, rig)).error is None


async def test_each_provider_has_its_line_in_the_order_asked_for() -> None:
    one, other = FakeProvider(name=B), FakeProvider(name=A)
    one.hold(*many(2))
    other.hold(*many(3))
    lines = await planned(Rig(one, other))
    assert [(line.name, line.files) for line in lines] == [(B, 2), (A, 3)]


async def test_an_unusable_scratch_leaves_as_one_error() -> None:
    rig = Rig(FakeProvider(name=A), FakeProvider(name=B))
    engine = open_engine("sqlite://")
    with pytest.raises(CatalogError):
        await rehearse(
            Database(engine, inline), list(rig.resources.providers.values()),
            clock=virtual.clock, rng=rng, clean=str,
        )  # fmt: skip


async def test_it_says_what_the_next_pass_fetches() -> None:
    provider = FakeProvider()
    provider.hold(*many(30))
    rig = Rig(provider)
    await sync(rig)
    provider.hold(*(recording(f"late-{n}", files="12"[: n % 2 + 1]) for n in range(10)))
    line = await the_plan(provider, rig)
    before = await rig.files("stored")
    await sync(rig)
    assert line.files == await rig.files("stored") - before == 15


# --- the copy ------------------------------------------------------------------------------------


def settings(folder: Path) -> Settings:
    return Settings.model_construct(
        archive=ArchiveOptions.model_construct(path=folder / "archive"),
        catalog=CatalogOptions.model_construct(url=f"sqlite:///{folder}/state/catalog.db"),
        providers=(),
    )


def a_catalog(folder: Path) -> Path:
    """Make a catalog as a pass leaves it behind; return its file."""
    path = folder / "state" / "catalog.db"
    engine = open_engine(f"sqlite:///{path}")
    prepare(engine)
    engine.dispose()
    return path


def all_in(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


async def counted(database: Database) -> int:
    query = select(func.count()).select_from(recordings)
    return await database.read(lambda c: c.execute(query).scalar_one())


async def test_nothing_is_made_where_there_is_nothing(tmp_path: Path) -> None:
    async with scratch_catalog(settings(tmp_path), lambda: virtual.START) as database:
        assert await counted(database) == 0
    assert all_in(tmp_path) == {}


async def test_a_catalog_at_rest_is_left_as_it_is(tmp_path: Path) -> None:
    a_catalog(tmp_path)
    before = all_in(tmp_path)
    async with scratch_catalog(settings(tmp_path), lambda: virtual.START) as database:
        await database.write(
            lambda c: c.execute(milestone.insert().values(name="x", at=virtual.START))
        )
        assert all_in(tmp_path) == before
    assert all_in(tmp_path) == before


async def test_what_a_killed_daemon_had_in_its_hands_is_counted(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{a_catalog(tmp_path)}")
    provider, killed = FakeProvider(), Database(engine, inline)
    intake = SqlIntake(killed, virtual.clock, RecordedLog())
    await intake.admit(provider.name, provider.traits, many(3))
    assert await SqlQueue(killed, virtual.clock).claim(provider.name, 10)
    await killed.close()
    async with scratch_catalog(settings(tmp_path), lambda: virtual.START) as scratch:
        (line,) = await rehearse(
            scratch, [provider], clock=lambda: virtual.START, rng=rng, clean=str
        )
    assert line.files == 3


async def test_who_comes_while_a_copy_is_made_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copies, back_up = a_catalog(tmp_path), list[bool](), _back_up

    def interrupted(source: Path, target: Path, *, alone: bool) -> None:
        back_up(source, target, alone=alone)
        copies.append(alone)
        if alone:
            with closing(sqlite3.connect(source)) as daemon:
                daemon.execute(MINE)
                daemon.commit()

    monkeypatch.setattr("reelkeep.catalog.backup._back_up", interrupted)
    async with replica(path) as copy:
        with closing(sqlite3.connect(copy)) as copied:
            found = copied.execute("SELECT name FROM milestone").fetchall()
    assert (found, copies) == ([("mine",)], [True, False])


async def test_what_is_only_in_the_log_of_a_catalog_in_use_is_copied(tmp_path: Path) -> None:
    path = a_catalog(tmp_path)
    with closing(sqlite3.connect(path)) as daemon:
        daemon.execute(MINE)
        daemon.commit()
        before = all_in(tmp_path)
        async with replica(path) as copy:
            with closing(sqlite3.connect(copy)) as copied:
                found = copied.execute("SELECT name FROM milestone").fetchall()
        assert all_in(tmp_path).keys() == before.keys()
    assert found == [("mine",)]


async def test_a_copy_is_made_beside_an_open_transaction(tmp_path: Path) -> None:
    path = a_catalog(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as daemon:
        daemon.execute("BEGIN IMMEDIATE")
        daemon.execute(MINE)
        async with replica(path) as copy:
            with closing(sqlite3.connect(copy)) as copied:
                found = copied.execute("SELECT name FROM milestone").fetchall()
        daemon.execute("ROLLBACK")
    assert found == []


async def test_the_copy_is_thrown_away_and_was_the_owners_only(tmp_path: Path) -> None:
    a_catalog(tmp_path)
    async with replica(tmp_path / "state" / "catalog.db") as copy:
        assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert not copy.parent.exists()


async def test_what_is_no_catalog_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "catalog.db").write_bytes(b"no database" * 1000)
    with pytest.raises(CatalogError, match="cannot be copied: file is not a database"):
        async with scratch_catalog(settings(tmp_path), lambda: virtual.START):
            pass


async def test_no_room_for_a_copy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(CatalogError, match="cannot be copied"):
        async with replica(a_catalog(tmp_path)):
            pass
