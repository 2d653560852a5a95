"""Make a whole world from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reelkeep.simulator.content import Noise
from reelkeep.simulator.oddities import add_odd_meetings, add_odd_recordings, add_odd_sessions
from reelkeep.simulator.studio import Studio
from reelkeep.simulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much there is in a world."""

    recordings: int = 30  #: GoToAssist
    meetings: int = 30  #: Zoom
    sessions: int = 10  #: Video SDK
    users: int = 4  #: Zoom; of four, one is inactive.
    days: int = 30  #: Over how many days before now things are spread.
    sizes: tuple[int, int] = (16_384, 524_288)  #: The smallest and largest video, in bytes.
    odd: bool = True  #: Whether there is one of each odd shape, beside those counts.
    untranscoded: float = 0.2  #: Share of GoToAssist recordings that still wait for transcoding.
    big_ids: bool = False  #: Whether all GoToAssist ids are near 2**63 (G13).


def make_world(seed: int, now: datetime, extent: Extent | None = None) -> World:
    """Return what `seed` stands for; the same seed, time and extent give the same bytes."""
    extent = Extent() if extent is None else extent
    since = now.replace(microsecond=0) - timedelta(days=extent.days)
    world = World(seed=seed, noise=Noise(seed), since=since)
    studio = Studio(world, sizes=extent.sizes)
    for number in range(extent.users):
        studio.add_user("inactive" if number % 4 == 3 else "active")
    _fill(studio, extent)
    if extent.odd:
        day = since + timedelta(days=extent.days * 0.4)
        add_odd_recordings(studio, day)
        add_odd_meetings(studio, day)
        add_odd_sessions(studio, day)
    return world


def _fill(studio: Studio, extent: Extent) -> None:
    since = studio.world.since
    span = timedelta(days=extent.days) - timedelta(hours=6)  # all is over by now
    every = round(1 / extent.untranscoded) if extent.untranscoded else 0
    for number in range(extent.recordings):
        started_at = _whole_seconds(since + span * (number + 0.5) / extent.recordings)
        recording = studio.add_recording(started_at, big_id=extent.big_ids)
        if every and number % every == every - 1:
            recording.transcoded_from = None
    for number in range(extent.meetings):
        studio.add_meeting(_whole_seconds(since + span * (number + 0.5) / extent.meetings))
    for number in range(extent.sessions):
        studio.add_session(_whole_seconds(since + span * (number + 0.5) / extent.sessions))


def _whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
