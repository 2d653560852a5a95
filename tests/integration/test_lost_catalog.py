"""A catalog that was lost, an archive that was kept, and the command that goes on with them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bagit
import pytest

from integration.test_cli import EXTENT, Place, Ran
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
        found = Place(tmp_path, sim)
        found.configure()
        await found.run("sync")
        shutil.rmtree(tmp_path / "state")
        yield found


def named(ran: Ran, event: str) -> list[dict[str, Any]]:
    return [line for line in ran.events if line["event"] == event]


def digests(place: Place) -> dict[str, str]:
    """Return the digest of each data file by its path in the archive."""
    files = (path for path in place.archive.rglob("*") if path.is_file())
    return {
        str(path.relative_to(place.archive)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if ".reelkeep" not in path.parts and path.name not in ("recording.json", "SHA256SUMS")
    }


async def test_nothing_is_fetched_twice_and_nothing_is_waited_for(place: Place) -> None:
    before, served = digests(place), place.served()

    ran = await place.run("sync", "--json", "--timeout", "20s")

    assert place.served() == served
    assert digests(place) == before
    assert not ran.json["cut_short"]
    assert ran.json["left"] == []
    (adopted,) = named(ran, "archive.adopted")
    assert (adopted["recordings"], adopted["refused"]) == (9, 0)


async def test_an_altered_file_comes_anew_and_its_bytes_are_put_aside(place: Place) -> None:
    before = digests(place)
    victim = next(path for path in place.archive.rglob("*.mp4") if "meetings" in path.parts)
    victim.write_bytes(b"somebody's cut")

    ran = await place.run("sync", "--json", "--timeout", "20s")

    assert digests(place) == before
    (quarantined,) = named(ran, "file.quarantined")
    assert quarantined["file"] == victim.name
    kept = [path.read_bytes() for path in place.archive.glob(".reelkeep/quarantine/*.part")]
    assert kept == [b"somebody's cut"]


async def test_parts_that_nobody_waits_for_are_reported(place: Place) -> None:
    await place.run("sync", "--timeout", "20s")
    part = place.archive / ".reelkeep" / "parts" / f"{'0' * 16}-{'1' * 16}.part"
    part.write_bytes(b"left over")
    os.utime(part, (0, 0))

    ran = await place.run("sync")

    assert named(ran, "archive.orphaned") == [
        {**named(ran, "archive.orphaned")[0], "parts": 1, "bytes": 9}
    ]
    assert part.exists()


async def test_a_beginning_of_a_key_is_enough(place: Place) -> None:
    await place.run("sync", "--timeout", "20s")
    listed = [json.loads(line) for line in (await place.run("list", "--json")).out.splitlines()]
    key = listed[0]["key"]

    shown = await place.run("show", key[:12], "--json")

    assert shown.json["key"] == key


async def test_a_catalog_is_made_again_without_a_provider(place: Place) -> None:
    place.sim.switches.downloads.rate = 0
    asked = len(place.sim.journal.requests)
    ran = await place.run("rebuild", "--json")
    assert ran.json["ok"]
    assert (ran.json["recordings"], ran.json["left"]) == (9, [])
    assert len(place.sim.journal.requests) == asked
    served = place.served()
    await place.run("sync", "--timeout", "20s")
    assert place.served() == served


async def test_what_a_rebuilt_catalog_could_not_take_is_listed(place: Place) -> None:
    first, second, third = place.folders()[:3]
    (first / "recording.json").write_text("{}")
    video = next(path for path in second.iterdir() if path.suffix == ".mp4")
    video.write_bytes(b"altered")
    shutil.copytree(third, third.with_name("a copy"))

    ran = await place.run("rebuild", "--json", code=1)

    left = {each["folder"].rpartition("/")[2]: each for each in ran.json["left"]}
    assert "manifest" in left[first.name]["reason"]
    assert left[second.name]["file"] == video.name
    assert {third.name, "a copy"} & left.keys()
    assert ran.json["recordings"] == 8


async def test_a_catalog_that_is_there_is_not_made_again(place: Place) -> None:
    await place.run("rebuild")
    ran = await place.run("rebuild", code=1)
    assert "move it away" in ran.err


async def test_an_export_has_every_recording_and_every_file(place: Place) -> None:
    await place.run("rebuild")
    lines = (await place.run("export")).out.splitlines()
    recordings = [json.loads(line) for line in lines]
    table = list(csv.DictReader(io.StringIO((await place.run("export", "--format", "csv")).out)))
    files = {(each["key"], file["id"]) for each in recordings for file in each["files"]}
    assert len(recordings) == 9
    assert {(row["key"], row["file_id"]) for row in table} == files
    only = (await place.run("export", "--provider", "sdk")).out.splitlines()
    assert len(only) == 2


async def test_an_archive_of_bags_is_rebuilt(place: Place) -> None:
    shutil.rmtree(place.archive)
    place.configure(archive={"path": "archive", "min_free": "1MiB", "format": "bagit"})
    await place.run("sync")
    shutil.rmtree(place.folder / "state")
    ran = await place.run("rebuild", "--json")
    bags = [path.parent for path in place.archive.rglob("bagit.txt")]
    assert ran.json["ok"]
    assert ran.json["recordings"] == len(bags) > 0
    for path in bags:
        assert bagit.Bag(str(path)).validate()
