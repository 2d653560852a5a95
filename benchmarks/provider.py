"""The providers of a benchmark, as a process: the simulator, its files written for nginx to serve.

It says in one line of JSON where it is and what it holds. Each line that it reads makes it forget
what it was told of archived recordings; it ends when its input does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import yaml

from reelkeep.simulator.content import ContentKind, GeneratedContent
from reelkeep.simulator.fixtures import Extent, Fixtures, make_world
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches
from reelkeep.simulator.world import SimFile, World

EVENTS, THUMBNAIL, VIDEO = 20_000, 2_000, 200_000
"""Bytes of the files of a small recording."""

_SEED = 7
_VIDEO = ("shared_screen_with_speaker_view", "MP4", "MP4", ContentKind.MP4)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A kind of world: which providers are asked, and what it holds."""

    providers: frozenset[str]
    fill: Callable[[World, int, int], None]
    days: int = 30


def _meetings(world: World, count: int, size: int) -> None:
    """Add meetings of three weeks ago, with one video each and nothing else."""
    studio, began = Fixtures(world), world.since + timedelta(days=9)
    for number in range(count):
        _meeting(studio, began + timedelta(minutes=number), size)


def _recent(world: World, count: int, size: int) -> None:
    """Add such meetings within the days that each poll reads anew, but settled already."""
    studio, began = Fixtures(world), world.since + timedelta(days=world_days("recent") - 6)
    for number in range(count):
        _meeting(studio, began + timedelta(minutes=number), size)


def _meeting(studio: Fixtures, started: datetime, size: int) -> None:
    meeting = studio.add_meeting(started, size=size, topic="Weekly review")
    meeting.listed.clear()
    meeting.files.clear()
    studio.add_file(meeting, *_VIDEO, size=size)


def _recordings(world: World, count: int, _size: int) -> None:
    """Add GoToAssist recordings of three small files."""
    studio, began = Fixtures(world), world.since + timedelta(days=1)
    for number in range(count):
        recording = studio.add_recording(began + timedelta(minutes=15 * number), size=VIDEO)
        _resize(recording.events, EVENTS)
        _resize(recording.thumbnail, THUMBNAIL)


def _resize(file: SimFile, size: int) -> None:
    content = file.content
    file.content = GeneratedContent(content.kind, content.key, size, content.noise)


def _mixed(world: World, count: int, size: int) -> None:
    """Fill the world as the demo's is, with recordings of all three providers."""
    now = world.since + timedelta(days=30)
    extent = Extent(
        recordings=count,
        meetings=count,
        sessions=count,
        sizes=(size, size),
        odd=False,
        untranscoded=0.0,
    )
    made = make_world(_SEED, now, extent)
    world.users, world.recordings = made.users, made.recordings
    world.meetings, world.sessions = made.meetings, made.sessions


PLANS = {
    "meetings": _Plan(frozenset({"zoom"}), _meetings),
    "recent": _Plan(frozenset({"zoom"}), _recent, days=400),
    "recordings": _Plan(frozenset({"gotoassist"}), _recordings),
    "mixed": _Plan(frozenset({"gotoassist", "zoom", "zoom-videosdk"}), _mixed),
}


def world_days(kind: str) -> int:
    """Return how many days before now the world of that kind begins."""
    return PLANS[kind].days


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument("kind", choices=PLANS)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--size", type=int, default=0, help="of a video, in bytes")
    parser.add_argument("--goods", type=Path, help="where the files are written, named by key")
    parser.add_argument("--downloads", help="the origin that serves them; without: the simulator")
    anyio.run(_serve, parser.parse_args())


async def _serve(options: argparse.Namespace) -> None:
    plan = PLANS[options.kind]
    now = datetime.now(UTC).replace(microsecond=0)
    world = make_world(_SEED, now, _nothing(plan.days))
    plan.fill(world, options.count, options.size)
    simulator = Simulator(_SEED, world=world, switches=Switches().unlimited())
    goods = _written(world, options.goods)
    async with simulator:
        if options.downloads:
            simulator.scene.downloads_url = options.downloads
        _say(_announcement(simulator, plan, goods))
        async for _ in anyio.wrap_file(sys.stdin):
            _forget(world)
            _say({})


def _nothing(days: int) -> Extent:
    return Extent(recordings=0, meetings=0, sessions=0, users=1, days=days, odd=False)


def _written(world: World, goods: Path | None) -> list[tuple[str, int, str]]:
    """Write each file; return key, size and SHA-256 of all."""
    if goods is None:
        return [(file.key, file.content.size, file.content.sha256) for file in world.files()]
    return [(file.key, file.content.size, _copied(file, goods)) for file in world.files()]


def _copied(file: SimFile, goods: Path) -> str:
    digest = hashlib.sha256()
    with (goods / file.key).open("wb") as target:
        for piece in file.content.read():
            target.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def _announcement(
    simulator: Simulator, plan: _Plan, goods: list[tuple[str, int, str]]
) -> dict[str, Any]:
    configuration = simulator.configuration(personal_token=True)
    configuration["providers"] = [
        each for each in configuration["providers"] if each["type"] in plan.providers
    ]
    return {
        "configuration": yaml.safe_dump(configuration, sort_keys=False),
        "environment": simulator.environment(),
        "goods": goods,
    }


def _forget(world: World) -> None:
    for recording in world.recordings:
        recording.archived = False


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
