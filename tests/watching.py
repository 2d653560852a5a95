"""A real Prometheus, and a real mtail, that watch a daemon as an operator's would, only faster."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

import aiohttp
import anyio
import yaml
from anyio.abc import Process

import tools

MONITORING = Path(__file__).parent.parent / "config" / "monitoring"
SETS = {"reelkeep": "reelkeep.rules.yml", "reelkeep-mtail": "reelkeep.mtail.rules.yml"}
"""By the group's name: from `/metrics`, and from the log alone."""

PATIENCE = 300  # seconds until a test gives up on an alert; each takes three or four

QUICK_DAEMON = """
import sys
from datetime import timedelta
from reelkeep.app import monitor
monitor.HEARTBEAT = timedelta(seconds=1)
from reelkeep.app import monitor
monitor.REST = 2
from reelkeep.stages import storage
storage.LOOK = storage.LOOK_AGAIN = timedelta(seconds=1)
from reelkeep.cli import main
sys.argv[0] = "reelkeep"
main()
"""
"""`reelkeep`, whose heart beats once a second instead of once a minute."""


@dataclass
class Watch:
    """What fires, by the set of rules."""

    url: str

    async def firing(self) -> dict[str, set[str]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/rules") as response,
        ):
            answer = await response.json()
        return {
            group["name"]: {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}
            for group in answer["data"]["groups"]
        }

    async def until(self, told: str, wanted: Callable[[dict[str, set[str]]], bool]) -> None:
        """Wait until what fires is as `wanted`."""
        found: dict[str, set[str]] = {}
        try:
            with anyio.fail_after(PATIENCE):
                while not wanted(found := await self.firing()):  # noqa: ASYNC110 - it rings no bell
                    await anyio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"{told}; these fire: {found}") from None

    async def fires(self, *alerts: str, of: tuple[str, ...] = tuple(SETS)) -> None:
        """Wait until each of `alerts` fires, in each of these sets."""
        wanted = set(alerts)
        await self.until(
            f"{sorted(wanted)} should fire",
            lambda found: bool(found) and all(wanted <= found[name] for name in of),
        )

    async def rests(self, *alerts: str) -> None:
        """Wait until none of `alerts` fires, in any set; without `alerts` nothing at all."""
        named = set(alerts)
        await self.until(
            f"{sorted(named) or 'all'} should end",
            lambda found: (
                bool(found) and not any(each & named if named else each for each in found.values())
            ),
        )


@asynccontextmanager
async def watched(root: Path, page: int, log: Path) -> AsyncIterator[Watch]:
    """Let Prometheus scrape the daemon's page, and mtail, which reads `log`."""
    mtail, prometheus = free_port(), free_port()
    for name, file in SETS.items():
        (root / f"{name}.yml").write_text(quickened((MONITORING / file).read_text("utf-8")))
    scrapes = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for name, port in (("reelkeep", page), ("reelkeep-mtail", mtail))
    ]
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    document = {
        "global": every,
        "rule_files": [f"{name}.yml" for name in SETS],
        "scrape_configs": scrapes,
    }
    (root / "prometheus.yml").write_text(yaml.safe_dump(document))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            program(
                [
                    *(tools.found("mtail"), "--progs", str(MONITORING / "reelkeep.mtail")),
                    *("--logs", str(log), "--address", "127.0.0.1", "--port", str(mtail)),
                    f"--log_dir={root}",
                ]
            )
        )
        await stack.enter_async_context(
            program(
                [
                    *(tools.found("prometheus"), f"--config.file={root / 'prometheus.yml'}"),
                    f"--storage.tsdb.path={root / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{prometheus}",
                ]
            )
        )
        url = f"http://127.0.0.1:{prometheus}"
        await _ready(f"{url}/-/ready")
        yield Watch(url)


def quickened(rules: str) -> str:
    """Return the rules with seconds for minutes and hours; nothing else of them is changed."""
    rules = re.sub(r"for: \d+[mh]", "for: 1s", rules)
    rules = re.sub(r"(changes\(.*)\[1h\]", r"\1[2m]", rules)  # several starts take a while
    rules = re.sub(r"\[1h\]", "[15s]", rules)
    rules = re.sub(r"\[(30m|15m)\]", "[5s]", rules)
    rules = rules.replace("24 * 3600", "24")
    return rules.replace("> 3 * 3600", "> 8").replace("> 300", "> 5")


@asynccontextmanager
async def program(command: list[str]) -> AsyncIterator[Process]:
    """Run a program until the end of the block."""
    async with await anyio.open_process(command, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def quick_daemon(file: Path, log: Path, environ: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run the daemon, which adds to `log`; at the end of the block it is killed."""
    command = [sys.executable, "-c", QUICK_DAEMON, "--config", str(file), "run"]
    with log.open("ab") as stderr:
        env = {**os.environ, **environ}
        async with await anyio.open_process(command, stderr=stderr, env=env) as process:
            try:
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


def said(log: Path, event: str) -> int:
    """Return how often `event` is in the log."""
    return len(heard(log, event))


def heard(log: Path, event: str) -> list[str]:
    """Return the recordings that `event` was said of; an empty text where it is of none."""
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    found = [json.loads(line) for line in lines]
    return [line.get("recording", "") for line in found if line["event"] == event]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        with anyio.fail_after(PATIENCE):
            while True:
                try:
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await anyio.sleep(0.2)
