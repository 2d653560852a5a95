"""`reelkeep audit` as a process, over simulated providers and real sockets."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integration.test_cli import NAMES, Place, place_in
from reelkeep.simulator.switches import status
from reelkeep.simulator.world import SimMeeting

MARKS = ("stored", "pending", "failed", "skipped", "missing", "vanished")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive that one pass has filled."""
    async with place_in(tmp_path) as made:
        await made.run("sync")
        yield made


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """The same, for audits only."""
    async with place_in(tmp_path_factory.mktemp("kept")) as made:
        await made.run("sync")
        yield made


def totals(document: dict[str, Any], name: str = "meetings") -> dict[str, int]:
    """Return what is not nought of the provider's marks."""
    return {mark: n for mark, n in of(document, name)["total"].items() if n and mark in MARKS}


def of(document: dict[str, Any], name: str = "meetings") -> dict[str, Any]:
    (found,) = [each for each in document["providers"] if each["name"] == name]
    return dict(found)


def add_meeting(place: Place) -> SimMeeting:
    """Add a meeting of a month ago: no poll looks there until the next deep scan."""
    return place.sim.studio.add_meeting(place.sim.world.since + timedelta(days=2))


async def add_failed(place: Place) -> SimMeeting:
    """Add a meeting of which one file could not be had."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    meeting = place.sim.studio.add_meeting(began)
    place.sim.faults.add(meeting.files[0].key, status(503, times=None))
    await place.run("sync", code=1)
    return meeting


def all_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_a_whole_archive_stands_the_audit(kept: Place) -> None:
    ran = await kept.run("audit", "--json")
    document = ran.json
    assert document["ok"]
    assert [each["name"] for each in document["providers"]] == NAMES
    expected = len(kept.sim.world.expected())
    assert sum(each["total"]["stored"] for each in document["providers"]) == expected
    assert [each["findings"] for each in document["providers"]] == [[], [], []]


async def test_it_counts_by_the_day(kept: Place) -> None:
    days = of((await kept.run("audit", "--json")).json)["days"]
    begun = sorted({f"{each.started_at:%Y-%m-%d}" for each in kept.sim.world.meetings})
    assert [each["day"] for each in days] == begun
    assert sum(each["stored"] for each in days) == sum(
        len(each.files) for each in kept.sim.world.meetings
    )


async def test_nothing_is_changed(place: Place) -> None:
    add_meeting(place)
    before, served = all_in(place.folder), place.served()
    await place.run("audit", code=1)
    assert all_in(place.folder) == before
    assert place.served() == served
    assert place.sim.journal.trashed == []


async def test_before_a_first_pass_all_is_missing_and_no_catalog_begins(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        before = all_in(tmp_path)
        document = (await place.run("audit", "--json", code=1)).json
        assert all_in(tmp_path) == before
    files = sum(len(each.files) for each in place.sim.world.meetings)
    assert totals(document) == {"missing": files}
    assert totals(document, "support")["missing"] >= len(place.sim.world.recordings)


async def test_what_no_poll_has_seen_is_missing_by_name(place: Place) -> None:
    meeting = add_meeting(place)
    document = (await place.run("audit", "--json", code=1)).json
    found = of(document)["findings"]
    assert {each["recording"] for each in found} == {meeting.uuid}
    assert {each["found"] for each in found} == {"missing"}
    assert {each["file"] for each in found} == {file.id for file in meeting.files}
    assert meeting.uuid in (await place.run("audit", code=1)).out


async def test_a_file_that_the_archive_has_lost_is_missing(place: Place) -> None:
    victim = next(path for path in place.archive.rglob("*.mp4") if "meetings" in path.parts)
    victim.unlink()
    document = (await place.run("audit", "--json", "--provider", "meetings", code=1)).json
    assert [each["name"] for each in of(document)["findings"]] == [victim.name]
    assert totals(document)["missing"] == 1


async def test_a_file_of_another_size_is_missing(place: Place) -> None:
    victim = next(path for path in place.archive.rglob("*.mp4") if "sdk" in path.parts)
    victim.chmod(0o640)
    victim.write_bytes(b"somebody's cut")
    document = (await place.run("audit", "--json", code=1)).json
    assert totals(document, "sdk")["missing"] == 1


@pytest.mark.prove
async def test_a_file_that_verify_found_altered_is_missing(place: Place) -> None:
    victim = next(path for path in place.archive.rglob("*.mp4") if "sdk" in path.parts)
    victim.chmod(0o640)
    victim.write_bytes(bytes(victim.stat().st_size))
    await place.run("verify", code=1)
    ran = await place.run("audit", code=1)
    assert "1 missing" in ran.out
    assert "everything that the providers have" not in ran.out


@pytest.mark.prove
async def test_a_file_in_the_making_that_no_poll_has_seen_is_missing(place: Place) -> None:
    """Of a month ago: no poll looks there until the next deep scan."""
    meeting = min(place.sim.world.meetings, key=lambda each: each.started_at)
    late = replace(meeting.files[0], key="late", id="late", stuck=True)
    meeting.files.append(late)
    document = (await place.run("audit", "--json", code=1)).json
    assert totals(document)["missing"] == 1
    await place.run("backfill", "--from", f"{meeting.started_at:%Y-%m-%d}", code=1)
    document = (await place.run("audit", "--json", code=1)).json
    assert totals(document).get("missing") is None
    assert totals(document)["failed"] == 1  # it takes unreasonably long


async def test_what_failed_is_failed_and_once_it_is_deleted_it_has_vanished(place: Place) -> None:
    meeting = await add_failed(place)
    document = (await place.run("audit", "--json", code=1)).json
    assert totals(document)["failed"] == 1
    meeting.deleted = True
    document = (await place.run("audit", "--json", code=1)).json
    assert totals(document)["vanished"] == 1
    assert "failed" not in totals(document)


async def test_what_was_archived_before_it_was_deleted_is_stored(place: Place) -> None:
    place.sim.world.meetings[0].deleted = True
    document = (await place.run("audit", "--json")).json
    assert of(document)["total"]["stored"] > of(document)["total"]["listed"]


async def test_a_listing_that_breaks_off_proves_no_absence(place: Place) -> None:
    await add_failed(place)
    place.sim.faults.add("GET /v2/users/*/recordings", status(500, times=None))
    document = (await place.run("audit", "--json", code=1)).json
    assert of(document)["error"]
    assert (totals(document)["failed"], totals(document).get("vanished")) == (1, None)


async def test_what_the_filter_does_not_want_is_skipped(place: Place) -> None:
    providers = [
        each | {"settle": "0s", "exclude": {"file_types": ["CHAT"]}}
        for each in place.sim.configuration()["providers"]
        if each["type"] == "zoom"
    ]
    place.configure(providers=providers)
    meeting = add_meeting(place)
    document = (await place.run("audit", "--json", code=1)).json
    chats = sum(file.file_type == "CHAT" for file in meeting.files)
    assert totals(document)["missing"] == len(meeting.files) - chats
    assert totals(document).get("skipped", 0) == chats


async def test_only_the_days_asked_for_are_compared(place: Place) -> None:
    meeting = add_meeting(place)
    day = meeting.started_at.date()
    inside = await place.run("audit", "--json", "--from", str(day), "--to", str(day), code=1)
    assert [each["day"] for each in of(inside.json)["days"]] == [str(day)]
    after = str(day + timedelta(days=1))
    outside = await place.run("audit", "--json", "--provider", "meetings", "--from", after)
    assert min(each["day"] for each in of(outside.json)["days"]) >= after


async def test_what_is_deleted_soon_is_at_risk(place: Place) -> None:
    meeting = add_meeting(place)
    soon = meeting.started_at + timedelta(days=3)
    meeting.listed = {"auto_delete": True, "auto_delete_date": f"{soon:%Y-%m-%d}"}
    document = (await place.run("audit", "--json", code=1)).json
    assert of(document)["total"]["at_risk"] == len(meeting.files)
    assert all(each["at_risk"] and each["deadline"] for each in of(document)["findings"])


async def test_a_daemon_may_hold_the_archive_meanwhile(kept: Place) -> None:
    async with kept.started("run") as daemon:
        assert (await kept.run("audit", "--json")).json["ok"]
        daemon.terminate()  # who is killed while a token rotates has lost it
        await daemon.wait()


async def test_days_in_the_wrong_order_are_wrong_usage(kept: Place) -> None:
    ran = await kept.run("audit", "--from", "2026-02-01", "--to", "2026-01-01", code=2)
    assert "--to is before --from" in ran.err


async def test_what_is_no_day_is_wrong_usage(kept: Place) -> None:
    ran = await kept.run("audit", "--from", "yesterday", code=2)
    assert "such as 2026-11-03" in ran.err


async def test_it_is_told_in_a_table_and_a_sentence(kept: Place) -> None:
    out = (await kept.run("audit")).out
    head = out.splitlines()[0].split()
    assert head[:5] == ["PROVIDER", "DAY", "LISTED", "STORED", "PENDING"]
    assert out.rstrip().endswith(
        "everything that the providers have is in the archive or not wanted."
    )
