"""What lies on a disk that others can write to: manifests, sums, folders, an older catalog."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.catalog import Catalog, Clock, inline, open_catalog
from fakes.disk import archive_on
from fakes.holdings import KEY, held_file, holding
from fuzz.hostile import FAST, FEW, RAW, deep, spoilt
from reelkeep.catalog.adoption import adopt
from reelkeep.catalog.database import Database, open_engine
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.schema import migrate, prepare
from reelkeep.core.integrity import Mark
from reelkeep.core.manifest import dump, is_plain_name, read_manifest, to_manifest
from reelkeep.core.model import ProviderName
from reelkeep.errors import CatalogError

FOLDER = f"support/2026/{KEY}"
CONTENT = b"content"
GOOD = json.loads(
    dump(
        to_manifest(
            holding(held_file("recording.mp4", CONTENT), held_file("late.vtt", b"WEBVTT")),
            version="1",
        )
    )
)


def written(document: Any) -> bytes:
    return json.dumps(document).encode()


@FAST
@given(spoilt(GOOD))
def test_a_spoilt_manifest_is_tolerated_or_refused(document: Any) -> None:
    try:
        manifest = read_manifest(written(document))
    except ValueError:
        return
    assert all(is_plain_name(entry.name) for entry in manifest.files)
    for text in (manifest.provider, manifest.id, manifest.title, manifest.user):
        assert text.encode() is not None


@FAST
@given(st.binary(max_size=200) | RAW.map(written))
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        read_manifest(content)


@pytest.mark.parametrize(
    "content",
    [
        deep(100_000),
        b'{"a":' * 50_000,
        b'{"format": 1, "key": "' + b"k" * 10_000_000,
        b'{"format": ' + b"1" * 5000 + b"}",
        written({**GOOD, "facts": json.loads(deep(400))}),
        written({**GOOD, "facts": {"x": json.loads(deep(900))}}),
    ],
    ids=["deep", "open", "long", "huge number", "no object", "deep facts"],
)
def test_a_monstrous_manifest_is_tolerated_or_refused(content: bytes) -> None:
    try:
        manifest = read_manifest(content)
    except ValueError:
        return
    held = holding(held_file("recording.mp4", CONTENT))
    facts = {"facts": manifest.facts}
    assert dump({**to_manifest(held, version="1"), **facts})


def fill(root: Path, manifest: bytes, sums: bytes = b"") -> None:
    home = root / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    (home / "recording.mp4").write_bytes(CONTENT)
    (home / "recording.json").write_bytes(manifest)
    (home / "SHA256SUMS").write_bytes(sums)


@FEW
@given(document=spoilt(GOOD), sums=st.binary(max_size=100))
async def test_any_folder_can_be_verified(
    tmp_path_factory: pytest.TempPathFactory, document: Any, sums: bytes
) -> None:
    root = tmp_path_factory.mktemp("archive")
    archive = archive_on(root)
    await archive.prepare()
    fill(root, written(document), sums)
    verdict = await archive.verify(FOLDER)
    for checked in verdict.checked:
        assert checked.name.encode() is not None
    assert Mark.ALTERED in {checked.mark for checked in verdict.checked}


@FEW
@given(document=spoilt(GOOD))
async def test_any_folder_is_adopted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    root = tmp_path_factory.mktemp("archive")
    archive = archive_on(root)
    await archive.prepare()
    fill(root, written(document))
    catalog = open_catalog()
    await adopt(catalog.database, archive.adopt(), clock=catalog.clock, report=catalog.log)
    assert len(catalog.log.named("archive.adopted")) == 1
    for found in await catalog.operator.listing():
        assert dump(to_manifest(found, version="1"))


def with_file(**changes: Any) -> dict[str, Any]:
    first, *rest = GOOD["files"]
    return {**GOOD, "files": [{**first, **changes}, *rest]}


@pytest.mark.parametrize(
    "document",
    [
        {**GOOD, "title": "\ud800", "user": "x\udfff"},
        {**GOOD, "id": "\ud800"},
        {**GOOD, "facts": {"\ud800": ["\udfff", math.nan, math.inf, 10**4000]}},
        {**GOOD, "started": "0001-01-01T00:00:00+14:00"},
        {**GOOD, "first_seen": "9999-12-31T23:59:59-14:00"},
        {**GOOD, "duration": math.nan},
        {**GOOD, "duration": 10**400},
        with_file(name="\ud800.mp4"),
        with_file(size=10**30),
        with_file(promised=10**30),
        with_file(stored_at="0001-01-01T00:00:00+14:00"),
        with_file(verified="\udc80", source="\ud800", file_type="\udfff"),
        with_file(state="due", reason="\ud800", detail="\udfff"),
    ],
)
async def test_what_no_catalog_can_hold_is_left_out_or_refused(
    tmp_path: Path, document: Any
) -> None:
    archive, catalog = archive_on(tmp_path), open_catalog()
    await archive.prepare()
    fill(tmp_path, written(document))
    assert not (await archive.verify(FOLDER)).ok
    await adopt(catalog.database, archive.adopt(), clock=catalog.clock, report=catalog.log)
    assert len(catalog.log.named("archive.adopted")) == 1
    for found in await catalog.operator.listing():
        assert dump(to_manifest(found, version="1"))


# --- catalogs ------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20).filter(lambda text: text.isprintable()),
    st.binary(max_size=20),
    st.sampled_from(["stored", "due", "9999-99-99", "2025-01-01 00:00:00.000000", "{", "[]", "{}"]),
)


def old_catalog(path: Path) -> None:
    """Make a catalog of the first version with one recording and one stored file."""
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        migrate(connection, None, to="0001")
    engine.dispose()
    now = datetime(2026, 1, 5, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "INSERT INTO recording (provider, id, key, state, readiness, deadline, facts,"
            " first_seen, folder) VALUES ('support', '1', ?, 'archived', 'ready', ?, '{}', ?, 'a')",
            (KEY, now, now),
        )
        raw.execute(
            "INSERT INTO file (recording, id, name, state, stored_at, size)"
            " VALUES (1, 'f', 'a.mp4', 'stored', ?, 7)",
            (now,),
        )


OF_RECORDING = (
    "state readiness started duration deadline facts folder moves_at first_seen title unfinished"
)
OF_FILE = "state size promised stored_at name due_at"
COLUMNS = [("recording", name) for name in OF_RECORDING.split()]
COLUMNS += [("file", name) for name in OF_FILE.split()]


@pytest.fixture(scope="module")
def first_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "catalog.db"
    old_catalog(path)
    return path


async def use(database: Database) -> None:
    """Do what a start does, and what an operator asks."""
    clock = Clock()
    await SqlQueue(database, clock).recover()
    operator = OperatorCatalog(database, clock)
    await operator.listing()
    await operator.summaries([ProviderName("support")])


@FEW
@given(at=st.sampled_from(COLUMNS), cell=CELLS)
async def test_a_row_of_an_older_version_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory,
    first_version: Path,
    at: tuple[str, str],
    cell: Any,
) -> None:
    path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    shutil.copy(first_version, path)
    table, column = at
    with closing(sqlite3.connect(path)) as raw, raw:
        try:
            raw.execute(f"UPDATE {table} SET {column} = ?", (cell,))
        except sqlite3.IntegrityError:
            return
    engine = open_engine(f"sqlite:///{path}")
    try:
        prepare(engine, migrate)
        await use(Database(engine, inline))
    except CatalogError as error:
        assert str(error).startswith("the catalog")  # noqa: PT017 - either is fine
    finally:
        engine.dispose()


async def test_a_catalog_of_the_first_version_knows_when_its_files_were_read(
    tmp_path: Path, first_version: Path
) -> None:
    shutil.copy(first_version, tmp_path / "catalog.db")
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    prepare(open_engine(url), migrate)
    catalog: Catalog = open_catalog(url)
    (held,) = await catalog.operator.listing()
    assert held.files[0].checked_at == held.files[0].stored_at
    catalog.engine.dispose()
