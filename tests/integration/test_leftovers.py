"""What a pass leaves, by name; and who is told of it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.test_cli import Place, place_in
from integration.test_daemon import running, simulated
from reelkeep.simulator.switches import status


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[Place]:
    """A provider with one file that is not found."""
    async with place_in(tmp_path) as place:
        place.sim.faults.add("zm-0-0", status(404, times=1000))
        yield place


async def test_a_pass_names_what_failed_and_why(broken: Place) -> None:
    ran = await broken.run("sync", code=1)
    assert "not_found" in ran.out
    assert "`reelkeep list --state incomplete --all` lists all" in ran.out
    assert max(map(len, table_of(ran.out))) <= 80
    (failure,) = (await broken.run("sync", "--json", code=1)).json["failures"]
    assert failure["code"] == "not_found"
    assert failure["key"] in ran.out


def table_of(out: str) -> list[str]:
    return out[: out.index("`reelkeep list")].splitlines()


async def test_a_timer_hears_of_each_failure_once(broken: Place) -> None:
    await broken.run("sync", "--new-failures-only", code=1)
    ran = await broken.run("sync", "--new-failures-only", "--json")
    assert ran.json["left"] == []
    assert ran.json["known"] == [
        "1 file failed, vanished or unavailable",
        "1 recording is incomplete",
    ]
    await broken.run("sync", code=1)


async def test_the_newest_are_listed_first_and_so_many_as_are_wanted(broken: Place) -> None:
    await broken.run("sync", code=1)
    rows = [json.loads(line) for line in (await broken.run("list", "--json")).out.splitlines()]
    began = [row["started"] for row in rows]
    assert began == sorted(began, reverse=True)
    assert len(rows) == 9
    some = (await broken.run("list", "--limit", "2")).out.splitlines()
    assert [line.split()[0] for line in some[1:3]] == [row["key"] for row in rows[:2]]
    assert "use --all to list all" in some[3]
    assert len((await broken.run("list", "--all")).out.splitlines()) == 10


async def test_a_provider_taken_out_stays_in_the_status(broken: Place) -> None:
    await broken.run("sync", code=1)
    providers = broken.sim.configuration()["providers"]
    broken.configure(providers=[each for each in providers if each["name"] != "sdk"])
    ran = await broken.run("status", "--json")
    (former,) = ran.json["former_providers"]
    assert (former["name"], former["listed"]) == ("sdk", 2)
    assert "(removed)" in (await broken.run("status")).out


async def test_another_daemon_on_the_same_address_is_noticed(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        listen = (await daemon.url()).removeprefix("http://")
        (tmp_path / "other").mkdir()
        async with place_in(tmp_path / "other") as other:
            other.configure(server={"listen": listen})
            ran = await other.run("health", "--json", code=1)
            assert "another catalog" in ran.json["reason"]
            assert "other_daemon" in (await other.run("status", "--json")).json
