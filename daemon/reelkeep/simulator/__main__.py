"""`python -m reelkeep.simulator`: run the simulated providers until interrupted."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from datetime import date
from typing import TYPE_CHECKING

import anyio

from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Start, print a configuration, and serve until SIGINT or SIGTERM."""
    anyio.run(_serve, _parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reelkeep.simulator", description=__doc__)
    shown = Extent()
    parser.add_argument("--seed", type=int, default=7, help="what everything is made up from")
    parser.add_argument("--recordings", type=int, default=shown.recordings, help="of GoToAssist")
    parser.add_argument("--meetings", type=int, default=shown.meetings, help="of Zoom")
    parser.add_argument("--sessions", type=int, default=shown.sessions, help="of the Video SDK")
    parser.add_argument("--days", type=int, default=shown.days, help="over which they are spread")
    parser.add_argument("--largest", type=int, default=shown.sizes[1], help="video, in bytes")
    parser.add_argument("--no-odd", action="store_true", help="leave out the odd shapes")
    parser.add_argument("--no-limits", action="store_true", help="lift the rate limits")
    parser.add_argument(
        "--ports",
        type=int,
        nargs=3,
        default=(0, 0, 0),
        metavar="PORT",
        help="of GoToAssist, Zoom and the download host; 0 is any free one",
    )
    return parser


async def _serve(options: argparse.Namespace) -> None:
    extent = Extent(
        recordings=options.recordings,
        meetings=options.meetings,
        sessions=options.sessions,
        days=options.days,
        sizes=(min(Extent().sizes[0], options.largest), options.largest),
        odd=not options.no_odd,
    )
    switches = Switches().unlimited() if options.no_limits else Switches()
    simulator = Simulator(
        options.seed, extent=extent, switches=switches, ports=tuple(options.ports)
    )
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with simulator:
            sys.stdout.write(_printed(simulator))
            sys.stdout.flush()
            async for _ in signals:
                return


def _printed(simulator: Simulator) -> str:
    """Write the configuration as YAML; JSON is YAML, so each value is written as JSON."""
    lines = ["# Before the start, in the environment of reelkeep:"]
    lines += [f"#   export {name}={value}" for name, value in simulator.environment().items()]
    lines += [
        "archive: {path: ./reelkeep-demo/archive}",
        "catalog: {url: 'sqlite:///reelkeep-demo/catalog.db'}",
    ]
    for key, value in simulator.configuration().items():
        lines.append(f"{key}: {json.dumps(value)}" if key != "providers" else f"{key}:")
    lines += _providers(simulator)
    return "\n".join(lines) + "\n"


def _providers(simulator: Simulator) -> list[str]:
    lines = []
    for provider in simulator.configuration()["providers"]:
        for number, (key, value) in enumerate(provider.items()):
            text = value.isoformat() if isinstance(value, date) else json.dumps(value)
            lines.append(f"  {'  ' if number else '- '}{key}: {text}")
    return lines


if __name__ == "__main__":
    main()
