"""A catalog that was lost, an archive that was kept, and the command that goes on with them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integration.test_cli import EXTENT, Place, Ran
from reelkeep.simulator import Simulator, Switches


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
