"""Small and large files under load, a little of it; `make soak ARGS="--only load"` has more."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelkeep.core import resume
from reelkeep.transport.connection import Connection
from soak.load import Plan, Tally, load


def faults(tally: Tally) -> list[str]:
    return [*tally.differences, *tally.missing, *tally.discards]


async def test_files_are_what_their_host_made(tmp_path: Path) -> None:
    tally = await load(tmp_path, Plan(seed=1, files=120, busy=0, impatient=0.2))
    assert faults(tally) == []
    assert tally.files == 120


@pytest.mark.prove
async def test_thousands_of_files_are_what_their_host_made_while_others_keep_the_cores_busy(
    tmp_path: Path,
) -> None:
    tally = await load(tmp_path, Plan(seed=2, files=2400))
    assert faults(tally) == []
    assert tally.files == 2400
    counts = tally.counts
    happened = ("resumes", "cancelled", "failed", "pooled", "owned", "segments")
    assert all(counts[each] for each in happened), counts


@pytest.mark.prove
async def test_a_second_reader_of_owned_connections_is_found_by_the_count_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes bytes at any moment, as the event loop did; no seam is compared."""
    monkeypatch.setattr(resume, "SEAM", 0)
    tally = await load(tmp_path, Plan(seed=3, files=400, large=0.3, second_reader=True))
    assert (tally.differences, tally.missing) == ([], [])
    assert tally.stolen > 20
    assert len(tally.discards) > 10


@pytest.mark.prove
async def test_the_second_reader_spoils_files_where_nothing_is_counted_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is the count that keeps them out."""
    monkeypatch.setattr(resume, "SEAM", 0)
    for count in ("lost", "lost_for_certain"):
        monkeypatch.setattr(Connection, count, lambda _connection: 0)
    tally = await load(tmp_path, Plan(seed=3, files=200, large=0.3, second_reader=True))
    assert tally.differences != []


@pytest.mark.prove
async def test_what_is_said_unasked_spoils_files_that_share_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is the connections of their own that keep it out of files of unpromised size."""
    monkeypatch.setattr("reelkeep.transport.client._is_apart", lambda _request: False)
    tally = await load(tmp_path, Plan(seed=1, files=120, busy=0, impatient=0.2))
    assert any(" 9 " in line for line in tally.differences), tally
