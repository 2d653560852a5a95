from __future__ import annotations

import pytest

from reelkeep.cli.demo.workspace import simulation


@pytest.mark.parametrize("recordings", [1, 2, 3, 29, 30, 31, 60])
def test_the_providers_hold_as_many_recordings_as_were_asked_for(recordings: int) -> None:
    simulator = simulation(recordings)
    world = simulator.world
    assert len(world.recordings) + len(world.meetings) + len(world.sessions) == recordings


def test_all_can_be_had() -> None:
    assert all(file.attainable for file in simulation(60).world.files())
