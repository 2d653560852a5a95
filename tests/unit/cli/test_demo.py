from __future__ import annotations

from pathlib import Path

import click
import pytest

from reelkeep.cli.demo import MARKER, furnish, simulation, taken
from reelkeep.config_types.secrets import secrets_of
from reelkeep.errors import Busy
from reelkeep.settings.load import load
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator

SMALL = Extent(recordings=1, meetings=1, sessions=1, odd=False)


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    with taken(tmp_path / "a" / "b") as ground:
        assert [path.name for path in ground.iterdir()] == [MARKER]


def test_what_an_earlier_demo_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with taken(tmp_path):
        (tmp_path / "archive" / "deep").mkdir(parents=True)
        (tmp_path / "reelkeep.yaml").write_text("old")
        (tmp_path / "notes.txt").write_text("mine")
    with taken(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {MARKER, "notes.txt"}


def test_a_link_in_place_of_the_archive_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    folder = tmp_path / "demo"
    with taken(folder):
        (folder / "archive").symlink_to(elsewhere)
    with taken(folder):
        assert (elsewhere / "precious").exists()


def test_a_folder_that_holds_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(click.BadParameter, match="contains other files"), taken(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with taken(tmp_path), pytest.raises(Busy), taken(tmp_path):
        pass


async def test_the_configuration_holds_with_its_secrets_in_files(tmp_path: Path) -> None:
    async with Simulator(7, extent=SMALL) as simulator:
        path = furnish(tmp_path, simulator.configuration(), simulator.environment())
        settings = load(path, environ={})
        assert settings.archive.path == tmp_path / "archive"
        used = set(simulator.environment().values()) - {simulator.environment()["SIM_G2A_TOKEN"]}
        page = settings.server.page
        assert page is not None
        assert len(page.token.reveal()) >= 24
        assert secrets_of(settings) - {page.token.reveal()} == used
        assert not any(secret in path.read_text() for secret in used)


@pytest.mark.parametrize("recordings", [1, 2, 3, 29, 30, 31, 60])
def test_the_providers_hold_as_many_recordings_as_were_asked_for(recordings: int) -> None:
    simulator = simulation(recordings)
    world = simulator.world
    assert len(world.recordings) + len(world.meetings) + len(world.sessions) == recordings


def test_all_can_be_had() -> None:
    assert all(file.attainable for file in simulation(60).world.files())
