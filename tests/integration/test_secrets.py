"""What a provider repeats of our secrets reaches no output, no log, no catalog, no archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.test_cli import EXTENT, Place
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches, answer

COMMANDS = (
    ("sync", "--json"),
    ("sync",),
    ("status", "--json"),
    ("list", "--json"),
    ("check", "--json"),
    ("check", "--online", "--json"),
    ("plan", "--json"),
    ("verify", "--json"),
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
        found = Place(tmp_path, sim)
        found.configure(log={"level": "debug"})
        yield found


def repeat_secrets(place: Place) -> list[str]:
    """Let every API answer with our own secrets in its error; return them."""
    configuration = (place.folder / "reelkeep.yaml").read_text()
    environ = place.sim.environment().items()
    secrets = sorted({value for name, value in environ if name in configuration})
    assert len(secrets) == 4
    said = " ".join(secrets)
    zoom = f'{{"code":4711,"message":"Invalid access token {said}"}}'.encode()
    goto = f'{{"errorCode":"InvalidRequest","description":"no {said}"}}'.encode()
    place.sim.faults.add("GET /v2/*", answer(zoom, 400, times=None))
    place.sim.faults.add("GET /G2A/*", answer(goto, 400, times=None))
    return secrets


async def test_a_repeated_secret_is_nowhere(place: Place, tmp_path: Path) -> None:
    await place.run("sync")
    secrets = repeat_secrets(place)

    said = [await place.run(*command, code=None) for command in COMMANDS]

    texts = {
        f"{' '.join(command)}: {name}": text
        for command, ran in zip(COMMANDS, said, strict=True)
        for name, text in (("stdout", ran.out), ("stderr", ran.err))
    }
    kept = [*(tmp_path / "state").rglob("catalog*"), *place.archive.rglob("*")]
    texts |= {str(path): path.read_bytes().decode("latin-1") for path in kept if path.is_file()}
    found = [
        f"{each} in {where}" for where, text in texts.items() for each in secrets if each in text
    ]
    assert found == []
    assert any("***" in ran.out for ran in said)
