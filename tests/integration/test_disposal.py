"""`after_archive: trash` against the simulator, over real sockets; time is virtual."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest

from fakes.catalog import stored
from fakes.rig import Rig
from fakes.simulated import Bench, bench
from reelkeep.core.model import Download, Holding
from reelkeep.ports import Provider
from reelkeep.providers.zoom.endpoints import encoded
from reelkeep.simulator.content import ContentKind
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import FORBIDDEN, NO_RIGHTS, Fault, Switches, answer, page, status
from reelkeep.simulator.world import SimMeeting, SimSession
from reelkeep.stages.poll import Poller
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.provider_trash import Disposer
from reelkeep.stages.signals import Signal
from virtual import PATIENT, Backend, clock

EXTENT = Extent(recordings=0, meetings=8, sessions=4, users=2, days=20, odd=False)
ONE = Extent(recordings=0, meetings=1, sessions=0, users=1, days=20, odd=False)
DAY = timedelta(days=1)


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


@dataclass
class Account:
    """An account, all of which is archived."""

    at: Bench
    rig: Rig
    provider: Provider
    sound: bool = True
    troubled: bool = False
    read: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None  #: Happens while the archive is read.

    @property
    def sim(self) -> Simulator:
        return self.at.sim

    @property
    def trashed(self) -> list[str]:
        return self.sim.journal.trashed

    @property
    def deletes(self) -> list[str]:
        """Return the raw paths of what was asked to be removed."""
        return [each.path for each in self.sim.journal.requests if each.method == "DELETE"]

    async def poll(self) -> None:
        resources = self.rig.resources
        poller = Poller(
            self.provider, resources.intake, clock=clock, rng=self.rig.rng, report=self.rig.log,
            work=Signal(),
        )  # fmt: skip
        await poller.once()
        assert poller.health.broken_since is None

    async def archive(self, keep: Callable[[Download], bool] = lambda _: True) -> None:
        """Store everything that is due and publish it, as the stages do."""
        ledger, queue = self.rig.resources.ledger, self.rig.resources.queue
        while claims := await queue.claim(self.provider.name, 100):
            due = [each for claim in claims for each in claim.downloads if keep(each)]
            await ledger.record([stored(each) for each in due])
        behind = await ledger.publishable(100)
        await ledger.published([(each, f"at/{each.key}") for each in behind])
        await ledger.sweep()

    async def not_intact(self, holding: Holding) -> str | None:
        self.read.append(holding.id)
        self.meanwhile()
        return None if self.sound else "it is not what was stored"

    async def cycle(self) -> None:
        resources = self.rig.resources
        disposer = Disposer(
            self.provider, resources.disposals, self.not_intact, clock=clock, report=self.rig.log,
            health=ProviderHealth(
                self.provider.name, timedelta(hours=1), clock, self.rig.log,
                broken_since=clock() if self.troubled else None,
            ),
        )  # fmt: skip
        await disposer.once()

    def refusals(self) -> list[str]:
        said = self.rig.log.named("recording.trash_refused")
        return [str(keys["reason"]) for keys in said]


@asynccontextmanager
async def archived(
    kind: str = "zoom", extent: Extent = EXTENT, **options: Any
) -> AsyncIterator[Account]:
    wish = {"after_archive": "trash", "trash_dry_run": False, "plan": "business", **options}
    async with bench(seed=7, extent=extent, switches=Switches().unlimited()) as at:
        place = Account(at, Rig(), at.provider(kind, **wish))
        await place.poll()
        await place.archive()
        yield place


def old(sim: Simulator) -> set[str]:
    """Return what began more than the settle time ago."""
    return {each.uuid for each in sim.world.meetings if each.started_at < clock() - 3 * DAY}


async def test_what_is_archived_and_settled_is_moved_to_the_trash() -> None:
    async with archived() as place:
        await place.cycle()
        assert set(place.trashed) == old(place.sim)
        assert 0 < len(place.trashed) < len(place.sim.world.meetings)
        assert {said["recording"] for said in place.rig.log.named("recording.trashed")} == set(
            place.trashed
        )
        assert set(await place.rig.recordings("acknowledged")) == set(place.trashed)
        assert not any(each.deleted for each in place.sim.world.meetings)


async def test_sessions_are_moved_too() -> None:
    async with archived("zoom-videosdk") as place:
        await place.cycle()
        settled = {
            each.id for each in place.sim.world.sessions if each.started_at < clock() - 3 * DAY
        }
        assert set(place.trashed) == settled


async def test_each_is_named_by_its_encoded_uuid_and_only_to_the_trash() -> None:
    async with archived() as place:
        await place.cycle()
        asked = [each for each in place.sim.journal.requests if each.method == "DELETE"]
        assert {each.query for each in asked} == {(("action", "trash"),)}
        with_slash = [name for name in place.trashed if "/" in name]
        assert with_slash
        assert sum("%252F" in each.path for each in asked) == len(with_slash)


async def test_a_dry_run_moves_nothing_and_says_what_it_would() -> None:
    async with archived(trash_dry_run=True) as place:
        await place.cycle()
        planned = {keys["recording"] for keys in place.rig.log.named("recording.trash_planned")}
        assert planned == old(place.sim)
        assert place.deletes == []
        await place.cycle()
        assert len(place.rig.log.named("recording.trash_planned")) == len(planned)


async def test_a_dry_run_is_what_one_gets_unless_one_says_otherwise() -> None:
    async with bench(extent=ONE) as at:
        disposal = at.provider("zoom", after_archive="trash").traits.disposal
        assert disposal is not None
        assert (disposal.dry_run, disposal.limit) == (True, 20)
        assert at.provider("zoom").traits.disposal is None


async def test_no_more_are_moved_in_a_cycle_than_is_allowed() -> None:
    async with archived(trash_limit=2) as place:
        await place.cycle()
        assert len(place.trashed) == 2
        await place.cycle()
        assert len(place.trashed) == len(set(place.trashed)) == 4


async def test_what_is_in_the_trash_is_not_moved_again() -> None:
    async with archived() as place:
        await place.cycle()
        before = len(place.deletes)
        await anyio.sleep(2 * 86_400)
        await place.poll()
        await place.cycle()
        assert set(place.deletes[before:]).isdisjoint(place.deletes[:before])


@pytest.mark.parametrize("fault", [status(500, times=None), page(200, times=None)])
async def test_one_recording_that_cannot_be_looked_at_keeps_no_other_there(fault: Fault) -> None:
    async with archived() as place:
        first = min(old(place.sim))
        place.sim.faults.add(f"GET /v2/meetings/{encoded(first)}/recordings", fault)
        await place.cycle()
        assert set(place.trashed) == old(place.sim) - {first}
        (said,) = place.rig.log.named("recording.trash_refused")
        assert said["recording"] == first
        assert not place.rig.log.named("provider.refused")


async def test_an_account_that_serves_nothing_is_asked_about_a_few_only() -> None:
    async with archived() as place:
        place.sim.faults.add("GET /v2/meetings/*", status(500, times=None))
        await place.cycle()
        assert place.trashed == []
        assert len(place.rig.log.named("provider.refused")) == 1
        assert not place.rig.log.named("recording.trash_refused")


async def test_nothing_is_moved_while_the_provider_is_in_trouble() -> None:
    async with archived() as place:
        place.troubled = True
        await place.cycle()
        assert place.read == place.deletes == []


async def test_nothing_is_moved_that_the_archive_does_not_hold_as_it_was_stored() -> None:
    async with archived() as place:
        place.sound = False
        await place.cycle()
        assert place.deletes == []
        assert "not what was stored" in place.refusals()[0]


async def test_what_failed_is_not_even_asked_about() -> None:
    async with bench(seed=7, extent=ONE, switches=Switches().unlimited()) as at:
        wish = {"after_archive": "trash", "trash_dry_run": False}
        place = Account(at, Rig(), at.provider("zoom", **wish))
        await place.poll()
        await place.archive(keep=lambda download: download.file_type != "MP4")
        await place.cycle()
        assert place.read == place.deletes == []


@pytest.mark.parametrize("what", [{"file_types": ["CHAT"]}, {"recording_types": ["chat_file"]}])
async def test_what_the_filter_left_there_keeps_the_recording_there(what: dict[str, Any]) -> None:
    async with archived(extent=ONE, exclude=what) as place:
        await place.cycle()
        assert place.deletes == []


Change = Callable[[Account, SimMeeting], object]


def grown(place: Account, meeting: SimMeeting) -> None:
    place.sim.studio.add_file(meeting, "summary", "SUMMARY", "JSON", ContentKind.SUMMARY)


def with_audio(place: Account, meeting: SimMeeting) -> None:
    file = place.sim.studio.add_file(meeting, None, "M4A", None, ContentKind.M4A)
    meeting.files.remove(file)
    meeting.audio.append(file)


def at_work(place: Account, meeting: SimMeeting) -> None:
    grown(place, meeting)
    meeting.files[-1].stuck = True


def resized(_place: Account, meeting: SimMeeting) -> None:
    meeting.files[0].listed = {"file_size": 7}


def listed(**changes: object) -> Change:
    return lambda _place, meeting: meeting.listed.update(changes)


def emptied(_place: Account, meeting: SimMeeting) -> None:
    for file in meeting.files:
        file.trashed_at = clock()


def removed(_place: Account, meeting: SimMeeting) -> None:
    meeting.deleted = True


def faulty(*faults: Any, method: str = "GET") -> Change:
    return lambda place, _: place.sim.faults.add(f"{method} /v2/meetings/*", *faults)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (grown, "not known here"),
        (with_audio, "not known here"),
        (at_work, "not finished"),
        (resized, "7 bytes there"),
        (emptied, "there is no recording"),
        (removed, "there is no such meeting"),
        (listed(recording_files=...), "more files are announced than listed"),
        (listed(recording_files=..., recording_count=0), "has not finished all of its files"),
        (listed(recording_files=..., recording_count=0, total_size=0), "lists no file"),
        (listed(recording_count=99), "more files are announced than listed"),
        (listed(uuid="another=="), "another"),
        (listed(uuid=...), "another"),
        (listed(start_time=..., recording_files=[]), "more files are announced"),
        (listed(whiteboard_files=[{"id": "1"}]), "a kind that is not known"),
        (faulty(answer(b"{}")), "another"),
        (faulty(answer(NO_RIGHTS)), "may not read"),
        (faulty(answer(FORBIDDEN)), "another"),
        (faulty(status(403, times=None)), None),
        (faulty(page(200, times=None)), None),
        (faulty(page(502, times=None)), None),
        (faulty(status(429, times=None)), None),
    ],
)
async def test_an_answer_that_is_not_wholly_as_expected_moves_nothing(
    change: Change, reason: str | None
) -> None:
    async with archived(extent=ONE) as place:
        (meeting,) = place.sim.world.meetings
        change(place, meeting)
        await place.cycle()
        assert place.deletes == []
        assert meeting.trashed_at is None
        assert await place.rig.recordings("archived") == [meeting.uuid]
        told = place.refusals() or [
            str(keys["reason"]) for keys in place.rig.log.named("provider.refused")
        ]
        assert reason is None or reason in told[0]
        assert len(told) == 1


@pytest.mark.parametrize(
    "fault",
    [
        answer(b'{"code":3303,"message":"not finished"}', 400, times=None),
        answer(b'{"code":1010,"message":"no such user"}', 400, times=None),
        answer(NO_RIGHTS, times=None),
        page(200, times=None),
        status(500, times=None),
        answer(b'{"code":3301,"message":"there is none"}', 404, times=None),
    ],
)
async def test_a_removal_that_is_refused_is_not_claimed(fault: Any) -> None:
    async with archived(extent=ONE) as place:
        place.sim.faults.add("DELETE *", fault)
        await place.cycle()
        assert place.deletes
        assert place.rig.log.named("recording.trashed") == []
        assert len(await place.rig.recordings("archived")) == 1


async def test_a_missing_scope_is_named_once_and_stops_no_poll() -> None:
    scope = "cloud_recording:delete:meeting_recording:admin"
    async with archived(trash_limit=1) as place:
        place.sim.switches.zoom.scopes.discard(scope)
        place.sim.zoom_tokens.expire()
        await place.cycle()
        (said,) = place.rig.log.named("provider.refused")
        assert scope in str(said["reason"])
        assert place.trashed == []
        await place.poll()


@pytest.mark.parametrize("code", [200, 204])
async def test_either_answer_to_a_removal_is_a_success(code: int) -> None:
    async with archived(extent=ONE) as place:
        place.sim.switches.zoom.delete_status = code
        await place.cycle()
        assert len(place.rig.log.named("recording.trashed")) == 1


async def test_a_number_never_names_a_recording_to_be_removed() -> None:
    """It would mean the latest instance of a meeting."""
    async with archived("zoom-videosdk", extent=EXTENT) as place:
        session: SimSession = place.sim.world.sessions[0]
        session.id = "81234567890"
        await place.poll()
        await place.archive()
        await place.cycle()
        assert session.trashed_at is None
        assert "81234567890" not in " ".join(place.deletes)


async def test_what_appears_while_the_archive_is_read_keeps_the_recording_there() -> None:
    async with archived(extent=ONE) as place:
        (meeting,) = place.sim.world.meetings
        place.meanwhile = partial(grown, place, meeting)
        await place.cycle()
        assert place.deletes == []
        assert "not known here" in place.refusals()[0]


async def test_what_is_there_no_longer_is_looked_for_ever_more_rarely() -> None:
    async with archived(extent=ONE) as place:
        place.sim.world.meetings[0].deleted = True
        for _ in range(40):
            await place.cycle()
            await anyio.sleep(86_400)
        assert 8 <= len(place.refusals()) <= 16
        assert place.read == place.deletes == []


async def test_what_was_refused_is_looked_at_again_in_a_day() -> None:
    async with archived(extent=ONE) as place:
        place.sound = False
        for hours in (0, 1, 22):
            await anyio.sleep(hours * 3600)
            await place.cycle()
        assert len(place.read) == 1
        place.sound = True
        await anyio.sleep(2 * 3600)
        await place.cycle()
        assert len(place.trashed) == 1
