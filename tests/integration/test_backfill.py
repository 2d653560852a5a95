"""`reelkeep backfill` as a process, alone and beside a daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from integration.test_cli import Place, place_in, until
from reelkeep.simulator.world import SimMeeting


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_in(tmp_path) as made:
        await made.run("sync")
        yield made


def appear_late(place: Place) -> tuple[SimMeeting, tuple[str, ...]]:
    """Let a meeting of a month ago appear; return how to name its day, too."""
    meeting = place.sim.studio.add_meeting(place.sim.world.since + timedelta(days=2))
    day = str(meeting.started_at.date())
    return meeting, ("--provider", "meetings", "--from", day, "--to", day)


async def test_what_no_poll_reads_is_planned_and_fetched(place: Place) -> None:
    meeting, day = appear_late(place)
    (line,) = (await place.run("plan", *day, "--json")).json["providers"]
    assert (line["recordings"], line["files"]) == (1, len(meeting.files))
    assert line["bytes"] == sum(file.content.size for file in meeting.files)
    await place.run("sync")
    assert not place.is_complete()
    ran = await place.run("backfill", *day, "--json")
    assert place.is_complete()
    assert not ran.json["left_to_another_process"]
    assert ran.json["ok"]


async def test_a_daemon_works_it_off_beside_its_polls(place: Place) -> None:
    _, day = appear_late(place)
    async with place.started("run"):
        await until(lambda: "daemon.ready" in (place.folder / "stderr").read_text())
        ran = await place.run("backfill", *day, "--json")
        assert ran.json["left_to_another_process"]
        await until(place.is_complete)
    assert "backfill.completed" in (place.folder / "stderr").read_text()


async def test_days_before_since_are_refused(place: Place) -> None:
    ran = await place.run("backfill", "--to", "2001-01-01", "--from", "2000-01-01", code=2)
    assert "set its `since` to an earlier day" in ran.err


async def test_no_days_are_wrong_usage(place: Place) -> None:
    assert "Expected days" in (await place.run("backfill", code=2)).err
