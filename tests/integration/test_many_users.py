"""Accounts of many users, some of whom are broken for ever, as processes over real sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.test_cli import Place
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches
from reelkeep.simulator.world import SimUser, Trouble

DAYS = 90
THREE = {
    Trouble.ERROR: "ask the provider's support",
    Trouble.SCOPE: "whether the app's scopes and its owner's role reach that user",
    Trouble.PAGE: "ask the provider's support",
}
"""Three ways to be broken, and what is to be done."""

LASTING = (Trouble.SCOPE, Trouble.RIGHTS, Trouble.UNKNOWN)
"""Nothing that may pass in a moment, so that a pass asks no second time."""


def extent(users: int) -> Extent:
    return Extent(
        recordings=0, meetings=users + 16, sessions=0, users=users, days=DAYS, odd=False,
        sizes=(1_500, 3_000),
    )  # fmt: skip


@pytest.fixture
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """An account with so many users, and a configuration that reads all of it."""
    async with Simulator(5, extent=extent(request.param), switches=Switches().unlimited()) as sim:
        made = Place(tmp_path, sim)
        configure(made)
        yield made


def configure(place: Place, **changes: object) -> None:
    """Configure the Zoom account alone; `changes` are of its section."""
    given = place.sim.configuration()
    (zoom,) = (each for each in given["providers"] if each["type"] == "zoom")
    since = place.sim.world.since.date().isoformat()
    place.configure(
        network=given["network"],
        providers=[zoom | {"plan": "business", "settle": "0s", "since": since} | changes],
    )


def of(place: Place, users: list[SimUser]) -> set[str]:
    """Return the digests of everything that belongs to `users`."""
    ids = {user.id for user in users}
    mine = {each.uuid for each in place.sim.world.meetings if each.host.id in ids}
    return {each.sha256 for each in place.sim.world.expected() if each.recording in mine}


def kept(place: Place) -> set[str]:
    """Return the digests of everything that came from the provider and is archived."""
    return place.digests() & of(place, place.sim.world.users)


def asked(place: Place, users: list[SimUser]) -> set[int]:
    """Return how often the listings of `users` were asked for since the journal was cleared."""
    paths = Counter(seen.path for seen in place.sim.journal.requests)
    return {paths[f"/v2/users/{user.id}/recordings"] for user in users}


def fetched_once(place: Place) -> bool:
    """Return whether no more bytes of bodies were sent than there are."""
    expected = sum(each.size for each in place.sim.world.expected())
    return place.served() == expected


@pytest.mark.parametrize(
    "place", [16, pytest.param(301, marks=pytest.mark.prove)], indirect=True
)  # more than a page of users holds
async def test_broken_users_cost_the_others_nothing_and_lose_nothing(place: Place) -> None:
    users = place.sim.world.users
    broken = [users[0], users[len(users) // 2], users[-2]]
    fine = [user for user in users if user not in broken]
    for user, trouble in zip(broken, THREE, strict=True):
        user.trouble = trouble

    first = await place.run("sync", code=1)
    assert kept(place) == of(place, fine)
    said = {
        each["user"]: each["reason"] for each in first.events if each["event"] == "listing.failed"
    }
    for user, remedy in zip(broken, THREE.values(), strict=True):
        assert user.email in first.out
        assert remedy in said[user.email]

    place.sim.journal.requests.clear()
    second = await place.run("sync", code=1)
    for user in broken:
        assert user.email in second.out
    assert asked(place, fine) == {1}  # the days of every poll only
    assert (await place.run("audit", "--json", code=1)).json["ok"] is False

    for user in broken:
        user.trouble = None
    place.sim.journal.requests.clear()
    healed = await place.run("sync")
    assert "poll.recovered" in healed.err
    assert kept(place) == of(place, users)
    assert asked(place, fine) == {1}
    assert fetched_once(place)
    assert (await place.run("audit", "--json")).json["ok"] is True


@pytest.mark.parametrize("place", [8], indirect=True)
async def test_broken_users_who_come_first_stop_nobody(place: Place) -> None:
    users = place.sim.world.users
    for user, trouble in zip(users[:3], LASTING, strict=True):
        user.trouble = trouble
    ran = await place.run("sync", code=1)
    assert kept(place) == of(place, users[3:])
    for user in users[:3]:
        assert user.email in ran.out


@pytest.mark.parametrize("place", [10_000], indirect=True)
async def test_a_poll_of_a_quiet_account_as_a_whole_takes_few_requests(place: Place) -> None:
    place.sim.world.meetings[40:] = []
    configure(place, users="account")
    await place.run("sync")
    place.sim.journal.requests.clear()
    await place.run("sync")
    assert len(place.sim.journal.requests) <= 10
    assert place.is_complete()


@pytest.mark.parametrize("place", [6], indirect=True)
async def test_a_change_to_the_account_as_a_whole_fetches_nothing_twice(place: Place) -> None:
    """It also brings what users who left have left behind."""
    users = place.sim.world.users
    users[1].departed = True
    await place.run("sync")
    assert kept(place) == of(place, [user for user in users if not user.departed])
    configure(place, users="account")
    await place.run("sync")
    assert place.is_complete()
    configure(place, users="all")
    await place.run("sync")
    assert fetched_once(place)
    assert len(place.folders()) == len(place.sim.world.meetings)


@pytest.mark.parametrize("place", [3], indirect=True)
async def test_users_who_are_passed_over_are_in_the_audit(place: Place) -> None:
    user = place.sim.world.users[0]
    user.trouble = Trouble.NO_PLAN
    ran = await place.run("sync")
    (said,) = [each for each in ran.events if each["event"] == "user.skipped"]
    assert (said["level"], said["user"]) == ("info", user.email)
    audited = await place.run("audit", "--json", code=1)
    (found,) = audited.json["providers"]
    assert user.email in found["incomplete"][0]
    assert "everything that the providers have" not in (await place.run("audit", code=1)).out
    planned = await place.run("plan")
    assert user.email in planned.out
    assert "As far as is known" in planned.out
