"""`reelkeep accept`, and bytes that come twice, over simulated providers and real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integration.test_cli import Place, place_in
from reelkeep.simulator.switches import Fault, Flaw, page

SHORT = Fault(flaw=Flaw.GROW, at=-7, times=None)
PAGE = page(200, times=None)
PACKED = Fault(flaw=Flaw.GZIP, times=None)
DAMAGED = Fault(flaw=Flaw.CORRUPT, at=5, times=None)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_in(tmp_path) as made:
        yield made


async def bad_file(place: Place) -> dict[str, Any]:
    """Return the one file of the meeting whose video is bad."""
    shown = (await place.run("show", place.sim.world.meetings[0].uuid, "--json")).json
    (file,) = (each for each in shown["files"] if each["tries"] or each["reason"])
    return {**file, "key": shown["key"]}


@pytest.mark.parametrize(
    ("fault", "code", "quarantined"),
    [(SHORT, "size_mismatch", True), (PAGE, "not_media", False), (PACKED, "encoded", False)],
)
async def test_what_a_check_refuses_is_accepted_and_never_called_verified(
    place: Place, fault: Fault, code: str, quarantined: bool
) -> None:
    place.sim.faults.add("zm-0-0", fault)
    await place.run("sync", code=1)
    file = await bad_file(place)
    assert (file["state"], file["code"]) == ("failed", code)
    command = f"reelkeep accept {file['key']} {file['name']}"
    assert command in (await place.run("show", file["key"])).out
    ran = await place.run("accept", file["key"], file["name"], "--json")
    assert (ran.json["accepted"], bool(ran.json["quarantined"])) == (1, quarantined)
    assert [each["event"] for each in ran.events] == ["file.acceptance_requested"]
    done = await place.run("sync")
    (said,) = (each for each in done.events if each["event"] == "file.accepted")
    assert said["verified"] == "none"
    assert said["code"] == "size_mismatch"  # which is wrong with all of them, once they are here
    found = await bad_file(place)
    assert (found["state"], found["verified"]) == ("stored", "none")
    manifest = json.loads((Path(found["path"]).parent / "recording.json").read_text("utf-8"))
    assert any("accepted by the operator" in each.get("note", "") for each in manifest["files"])
    await place.run("verify")


async def test_the_same_bytes_twice_are_stored_with_a_note(place: Place) -> None:
    place.sim.faults.add("zm-0-0", DAMAGED)
    ran = await place.run("sync")
    (said,) = (each for each in ran.events if each["event"] == "file.accepted")
    assert (said["code"], said["verified"]) == ("not_media", "size")
    assert "the same bytes came twice" in said["reason"]
    assert (await bad_file(place))["state"] == "stored"


async def test_there_is_nothing_to_accept_of_a_file_that_no_check_refused(place: Place) -> None:
    await place.run("sync")
    shown = (await place.run("show", place.sim.world.meetings[0].uuid, "--json")).json
    name = shown["files"][0]["name"]
    ran = await place.run("accept", shown["key"], name, code=1)
    assert ran.err == f"reelkeep: {name} is stored: there is nothing to accept\n"
    ran = await place.run("accept", shown["key"], "nothing.mp4", code=1)
    assert "the recording has no file 'nothing.mp4'; it has: " in ran.err
    await place.run("accept", shown["key"], code=2)
