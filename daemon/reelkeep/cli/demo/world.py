"""What the simulated providers hold during a demo."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import count

import anyio

from reelkeep.simulator import Extent, Simulator, Switches, World

_ODD = 15
"""Recordings of odd shapes that a world has beside those that are asked for."""

_EVERY = 4.0
"""Seconds between two new recordings."""

_SIZES = (32_768, 1_500_000)
_SEED = 7
_ORDINARY = "Weekly review"


def simulation(recordings: int) -> Simulator:
    """Return providers that hold so many recordings, from which all can be had.

    From a few dozen on, fifteen of them have the odd shapes that were seen at real providers.
    """
    odd = recordings >= 2 * _ODD
    rest = recordings - _ODD if odd else recordings
    support = math.ceil(rest * 0.4)
    meetings = round(rest * 0.35)
    extent = Extent(
        recordings=support,
        meetings=meetings,
        sessions=rest - support - meetings,
        sizes=_SIZES,
        odd=odd,
    )
    simulator = Simulator(_SEED, extent=extent, switches=Switches().unlimited())
    simulator.switches.goto.transcode_takes = timedelta(seconds=1)
    _make_attainable(simulator.world)
    return simulator


async def grow(simulator: Simulator) -> None:
    """Let a new recording appear every few seconds, at one provider after the other."""
    studio = simulator.studio
    for number in count():
        await anyio.sleep(_EVERY)
        started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        if number % 3 == 0:
            recording = studio.add_recording(started)
            recording.transcoded_from = None if number % 2 else started
        elif number % 3 == 1:
            studio.add_meeting(started)
        else:
            studio.add_session(started)


def _make_attainable(world: World) -> None:
    """Let nothing be out of reach, lost or archived by others: a demo shows what works."""
    for recording in world.recordings:
        recording.archived = recording.archived_before = False
    for meeting in world.meetings:
        if meeting.on_prem or any(file.stuck for file in meeting.files):
            meeting.topic = _ORDINARY
        if meeting.on_prem:
            meeting.on_prem = False
            for file in meeting.files:
                file.listed = {}
        meeting.listed.pop("recording_count", None)
    for file in world.files():
        file.stuck = file.missing = False
        if file.external:
            file.external, file.listed = False, {}
