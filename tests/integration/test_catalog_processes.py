"""Several processes on one catalog, and one that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from fakes.catalog import Catalog, many, open_catalog

CLAIM = """
async def work(catalog):
    while claims := await catalog.queue.claim(NAME, 3):
        for claim in claims:
            for download in claim.downloads:
                print(download.row)
        outcomes = [stored(each) for claim in claims for each in claim.downloads]
        await catalog.ledger.record(outcomes)
"""

OPEN = """
async def work(catalog):
    await catalog.admit(*many(50))
"""

WRITE_FOR_EVER = """
async def work(catalog):
    number = 0
    while True:
        await catalog.admit(*many(5, first=5 * number))
        number += 1
        print(5 * number, flush=True)
"""


def program(path: Path, work: str) -> list[str]:
    text = (
        "import anyio\n"
        "from fakes.catalog import NAME, many, open_catalog, stored\n"
        "from reelkeep.catalog.database import one_thread\n"
        f"{work}\n"
        "async def main():\n"
        f"    await work(open_catalog({url(path)!r}, one_thread()))\n"
        "anyio.run(main)\n"
    )
    return [sys.executable, "-c", text]


def start(path: Path, work: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        program(path, work),
        cwd=Path(__file__).parent.parent,  # where the fakes are
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    return out


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


async def test_rule_25_bug_35_processes_that_claim_at_once_never_get_the_same_file(
    path: Path,
) -> None:
    """Nor does one ever hear that the database is locked (transfer notes, bug 35)."""
    catalog = open_catalog(url(path))
    await catalog.admit(*many(300))
    await catalog.database.close()
    claimed = [finish(each).split() for each in [start(path, CLAIM) for _ in range(3)]]
    counts = Counter(row for rows in claimed for row in rows)
    assert set(counts.values()) == {1}
    assert len(counts) == 600


async def test_processes_may_open_a_new_catalog_at_once(path: Path) -> None:
    for process in [start(path, OPEN) for _ in range(4)]:
        finish(process)
    assert len(await all_ids(open_catalog(url(path)))) == 50


async def test_what_was_committed_survives_a_kill(path: Path) -> None:
    process = start(path, WRITE_FOR_EVER)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=300)
    said = max([said, *map(int, rest.split())])
    catalog = open_catalog(url(path))
    ids = await all_ids(catalog)
    assert len(ids) in (said, said + 5)  # the last batch is there as a whole, or not at all
    with catalog.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        orphans = "SELECT count(*) FROM recording WHERE row NOT IN (SELECT recording FROM file)"
        assert connection.execute(text(orphans)).scalar() == 0


async def all_ids(catalog: Catalog) -> list[str]:
    return [each.id for each in await catalog.operator.listing(limit=100_000)]
