"""The folder in which a demo takes place, and what the simulated providers hold."""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import click
import yaml

from reelkeep.errors import Busy
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


MARKER = ".reelkeep-demo"
CONFIG = "reelkeep.yaml"
_OURS = ("archive", "state", "secrets", CONFIG)

_HEAD = """\
# Written by `reelkeep demo`. The providers in it are simulated, and gone when the demo has ended;
# until the next one, `status`, `list`, `show` and `verify` have something to look at.
"""


@contextmanager
def taken(folder: Path) -> Iterator[Path]:
    """Hold `folder` for one demo, empty but for the marker that says whose it is; yield it.

    Raises:
        click.BadParameter: It holds something that no demo has left there.
        Busy: Another demo, or a daemon started by hand, works there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _require_ours(folder)
        with _locked(folder / MARKER, folder):
            _clear(folder)
            yield folder.absolute()
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be used for a demo: {error.strerror}"
        ) from error


def furnish(folder: Path, simulated: Mapping[str, Any], secrets: Mapping[str, str]) -> Path:
    """Write the configuration of a demo and its secrets; return the configuration's path."""
    private = folder / "secrets"
    private.mkdir(mode=0o700)
    for name, secret in secrets.items():
        (private / name).write_text(secret, encoding="utf-8")
    path = folder / CONFIG
    document = yaml.dump(_document(simulated), Dumper=_Plain, sort_keys=False, allow_unicode=True)
    path.write_text(_HEAD + document, encoding="utf-8")
    return path


def _require_ours(folder: Path) -> None:
    if any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise click.BadParameter(
            f"expected an empty folder or that of an earlier demo, but {folder} holds other things",
            param_hint="--dir",
        )


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock file; the kernel lets go when the process ends, however it ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Busy(f"another demo, or a daemon, works in {folder}") from error
    finally:
        os.close(fd)


def _clear(folder: Path) -> None:
    """Remove what an earlier demo has left, unless somebody works with it."""
    lock = folder / "archive" / ".reelkeep" / "lock"
    if lock.is_file():
        with _locked(lock, folder):
            pass
    for name in _OURS:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, instead of giving it a name such as &id001."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml asks so
        return True


def _document(simulated: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "archive": {"path": "archive", "min_free": "64MiB"},
        "catalog": {"url": "sqlite:///state/catalog.db"},
        "server": {"listen": f"127.0.0.1:{_free_port()}"},
        "log": {"format": "console"},
        **_with_secrets_in_files(simulated),
        "providers": [
            _with_secrets_in_files(provider) | _quickly(provider["type"])
            for provider in simulated["providers"]
        ],
    }


def _quickly(type_: str) -> dict[str, Any]:
    """Return what makes a demo short: nobody waits for late files, or for the next poll."""
    if type_ == "gotoassist":
        return {"interval": "5s", "requests_per_second": 50}
    return {"interval": "5s", "settle": "0s"}


def _with_secrets_in_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` so that commands of other terminals find the secrets, too."""
    return {
        key: {"file": f"secrets/{value['env']}"}
        if isinstance(value, dict) and value.keys() == {"env"}
        else _with_secrets_in_files(value)
        if isinstance(value, dict)
        else value
        for key, value in options.items()
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
