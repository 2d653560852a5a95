"""The provider's trash, by the command as a process: what goes there, and what is rescued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integration.test_cli import Place, Ran, place_in, quickly
from reelkeep.simulator.content import ContentKind
from reelkeep.simulator.fixtures import Extent

FEW = Extent(recordings=0, meetings=4, sessions=2, users=2, odd=False, sizes=(9_000, 60_000))


def configure(place: Place, **options: Any) -> None:
    place.configure(
        providers=[
            each | quickly(each) | options
            for each in place.sim.configuration()["providers"]
            if each["type"] != "gotoassist"
        ]
    )


def named(ran: Ran, event: str) -> list[dict[str, Any]]:
    return [line for line in ran.events if line["event"] == event]


async def test_a_dry_run_comes_first_and_then_all_that_is_archived_is_in_the_trash(
    tmp_path: Path,
) -> None:
    async with place_in(tmp_path, FEW) as place:
        configure(place, after_archive="trash")
        assert len(named(await place.run("sync"), "recording.trash_planned")) == 6
        assert place.sim.journal.trashed == []

        (tmp_path / "state" / "catalog.db").unlink()  # else it looks again in a day
        configure(place, after_archive="trash", trash_dry_run=False)
        place.sim.world.meetings[0].files[0].missing = True  # adopted: nothing is fetched again
        await place.run("sync")
        assert len(place.sim.journal.trashed) == 6
        assert place.digests()
        assert (await place.run("audit", "--json")).json["ok"]


async def test_an_altered_file_keeps_its_recording_at_the_provider(tmp_path: Path) -> None:
    async with place_in(tmp_path, FEW) as place:
        configure(place)
        await place.run("sync")
        victim = next(path for path in place.archive.rglob("*.mp4") if "meetings" in path.parts)
        content = bytearray(victim.read_bytes())
        content[-1] ^= 1
        victim.write_bytes(content)
        configure(place, after_archive="trash", trash_dry_run=False)
        ran = await place.run("sync")
        (refused,) = named(ran, "recording.trash_refused")
        assert len(place.sim.journal.trashed) == 5
        assert refused["recording"] not in place.sim.journal.trashed


async def test_what_lies_in_the_trash_is_rescued_whole_meetings_and_single_files(
    tmp_path: Path,
) -> None:
    async with place_in(tmp_path, FEW) as place:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        place.sim.world.meetings[0].trashed_at = yesterday
        place.sim.world.meetings[1].files[0].trashed_at = yesterday
        place.sim.world.sessions[0].trashed_at = yesterday
        place.sim.world.sessions[1].participants[0].trashed_at = yesterday
        configure(place, trash="rescue")
        assert named(await place.run("sync"), "recording.at_risk") == []
        expected = {each.sha256 for each in place.sim.world.expected(trash=True)}
        assert expected <= place.digests()
        assert (await place.run("audit", "--json")).json["ok"]


async def test_what_the_trash_gives_no_address_for_comes_once_it_is_recovered(
    tmp_path: Path,
) -> None:
    async with place_in(tmp_path, FEW) as place:
        meeting = place.sim.world.meetings[0]
        meeting.trashed_at = datetime.now(UTC) - timedelta(days=1)
        place.sim.switches.zoom.trash_addresses = False
        configure(place, trash="rescue")
        await place.run("sync", code=1)
        files = (await place.run("show", meeting.uuid, "--json")).json["files"]
        assert {each["code"] for each in files} == {"in_trash"}
        meeting.trashed_at = None
        await place.run("sync")
        assert {each.sha256 for each in place.sim.world.expected()} <= place.digests()
        assert (await place.run("audit", "--json")).json["ok"]


async def test_audio_that_is_counted_is_missed_until_it_is_asked_for(tmp_path: Path) -> None:
    async with place_in(tmp_path, FEW) as place:
        session = place.sim.world.sessions[0]
        sound = place.sim.studio.add_file(session, None, "M4A", None, ContentKind.M4A)
        sound.listed = {"file_name": "Audio only - Kim"}
        session.audio.append(session.files.pop())
        place.sim.switches.zoom.count_audio = True
        configure(place)
        await place.run("sync", code=1)
        configure(place, participant_audio=True)
        await place.run("sync")
        assert {each.sha256 for each in place.sim.world.expected(audio=True)} <= place.digests()


async def test_what_is_seen_in_two_places_is_no_change_each_time(tmp_path: Path) -> None:
    """Some of its files are in the trash, the others are not."""
    async with place_in(tmp_path, FEW) as place:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        meeting = place.sim.studio.add_meeting(yesterday.replace(microsecond=0) - timedelta(days=1))
        meeting.files[0].trashed_at = yesterday
        configure(place, trash="rescue")
        await place.run("sync")
        again = await place.run("sync")
        assert [each["changed"] for each in named(again, "poll.completed")] == [0, 0]
        assert named(again, "recording.published") == []
