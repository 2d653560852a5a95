"""`reelkeep demo`: the real pipeline against simulated providers, on this machine alone."""

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
from secrets import token_urlsafe
from typing import Any

import anyio
import click
import yaml
from anyio.from_thread import start_blocking_portal

from reelkeep.app import daemon
from reelkeep.app.catalog_access import books
from reelkeep.app.verification import make_rereader
from reelkeep.cli.demo_report import DemoProof, document, print_farewell, print_proof, prove, tree
from reelkeep.cli.finding import every
from reelkeep.cli.invocation import Exit, Invocation, log_of, note
from reelkeep.cli.live_progress import Screen
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, enabled
from reelkeep.cli.output import Output
from reelkeep.cli.sync import Passed, make_pass, print_summary
from reelkeep.cli.verify import drawing
from reelkeep.core.integrity import FolderVerdict
from reelkeep.core.model import ProviderName
from reelkeep.errors import Busy
from reelkeep.settings.load import load
from reelkeep.settings.model import Settings
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches
from reelkeep.simulator.world import World
from reelkeep.telemetry.logs import Log

_ODD = 15
"""Unusual recordings that are among those asked for."""

_EVERY = 4.0
"""Seconds between two new recordings."""

_SIZES = (32_768, 1_500_000)
_SEED = 7
_ORDINARY = "Weekly review"


def simulation(recordings: int) -> Simulator:
    """Return providers with this many recordings, all of which can be downloaded.

    From a few dozen on, fifteen of them have unusual properties that were seen at real providers.
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
    simulator.switches.zoom.count_audio = False  # the demo does not ask for it: none is missing
    _make_attainable(simulator.world)
    return simulator


async def grow(simulator: Simulator) -> None:
    """Add a new recording every few seconds, at each provider in turn."""
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
    """Make every recording available and none archived yet: a demo shows what works."""
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
PAGE_TOKEN = "page-token"  # noqa: S105 - the name of its file
_OURS = ("archive", "state", "secrets", CONFIG)

_HEAD = """\
# Written by `reelkeep demo`. The providers in it are simulated and stop when the demo ends;
# until the next demo, `status`, `list`, `show` and `verify` work on its results.
"""


@contextmanager
def taken(folder: Path) -> Iterator[Path]:
    """Hold `folder` for one demo, empty except for the marker of a demo; yield it.

    Raises:
        click.BadParameter: It contains files that are not from a demo. Busy: Another demo, or a
        daemon started by hand, uses it.
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
    for name, secret in {**secrets, PAGE_TOKEN: token_urlsafe(24)}.items():
        (private / name).write_text(secret, encoding="utf-8")
    path = folder / CONFIG
    document = yaml.dump(
        _configuration(simulated), Dumper=_Plain, sort_keys=False, allow_unicode=True
    )
    path.write_text(_HEAD + document, encoding="utf-8")
    return path


def _require_ours(folder: Path) -> None:
    if any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise click.BadParameter(
            f"expected an empty folder or an earlier demo, but {folder} contains other files",
            param_hint="--dir",
        )


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock file; the kernel releases it when the process ends, however it ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Busy(f"another demo, or a daemon, uses {folder}") from error
    finally:
        os.close(fd)


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left, unless a process uses it."""
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
    """Writes repeated values in full, instead of giving them a name such as &id001."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml asks so
        return True


def _configuration(simulated: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "archive": {"path": "archive", "min_free": "64MiB"},
        "catalog": {"url": "sqlite:///state/catalog.db"},
        "server": {
            "listen": f"127.0.0.1:{_free_port()}",
            "page": {"token": {"file": f"secrets/{PAGE_TOKEN}"}},
        },
        "log": {"format": "console"},
        **_with_secrets_in_files(simulated),
        "providers": [
            _with_secrets_in_files(provider) | _quickly(provider["type"])
            for provider in simulated["providers"]
        ],
    }


def _quickly(type_: str) -> dict[str, Any]:
    """Return options that keep a demo short: no waiting for late files or for the next poll."""
    if type_ == "gotoassist":
        return {"interval": "5s", "requests_per_second": 50}
    return {"interval": "5s", "settle": "0s"}


def _with_secrets_in_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` with secrets in files, so that commands in other terminals find them."""
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


@click.command
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reelkeep-demo"),
    show_default=True,
    help="The folder to use: an empty one, or that of an earlier demo, which is deleted.",
)
@click.option(
    "--recordings",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    help="How many recordings the providers have.",
)
@click.option(
    "--keep-running",
    is_flag=True,
    help="Afterwards run the daemon, while new recordings appear, until Ctrl-C.",
)
@as_json
@click.pass_obj
def command(
    call: Invocation, *, folder: Path, recordings: int, keep_running: bool, as_json: bool
) -> int:
    """Archive simulated recordings on this machine.

    Starts simulated providers on loopback, makes a real pass against them, shows the archive, and
    verifies it. It needs neither an account nor the network.
    """
    with (
        taken(folder) as ground,
        start_blocking_portal() as portal,  # the providers have a thread of their own
        portal.wrap_async_context_manager(simulation(recordings)) as simulator,
    ):
        config = furnish(ground, simulator.configuration(), simulator.environment())
        settings = load(config, environ=call.environ)
        passed, proof = _demo(call, folder, settings, simulator, as_json=as_json)
        if keep_running and not passed.stopped:
            growing = portal.start_task_soon(grow, simulator)
            run_in_loop(_keep_running, call, config)
            growing.cancel()
    return Exit.DONE if passed.ok and proof.ok else Exit.LEFT


def _demo(
    call: Invocation, folder: Path, settings: Settings, simulator: Simulator, *, as_json: bool
) -> tuple[Passed, DemoProof]:
    out, screen = call.out, Screen()
    log = log_of(_calm(settings), screen.stream)
    if not screen.is_live:
        note(f"archiving into {folder} …")
    passed = run_in_loop(_pass, settings, log, screen)
    if not screen.is_live:
        note("reading the archive again …")
    rereading = run_in_loop(_reread, settings, log, screen, simulator)
    proof, verdicts = rereading
    if as_json:
        out.json(document(folder, passed, proof))
    else:
        _print(out, folder, passed, proof, verdicts)
    return passed, proof


def _print(
    out: Output, folder: Path, passed: Passed, proof: DemoProof, verdicts: list[FolderVerdict]
) -> None:
    out.show(tree(folder / "archive", verdicts))
    out.line()
    print_summary(out, passed)
    out.line()
    print_proof(out, proof)
    out.line()
    print_farewell(out, folder)


async def _pass(settings: Settings, log: Log, screen: Screen) -> Passed:
    return await make_pass(settings, enabled(settings, ()), log, screen, limit=None)


async def _reread(
    settings: Settings, log: Log, screen: Screen, simulator: Simulator
) -> tuple[DemoProof, list[FolderVerdict]]:
    async with books(settings, log) as opened:
        reader = make_rereader(settings, opened, log)
        reader.verdicts = []
        async with screen.showing(drawing(reader.found)):
            await reader.everything(every(opened.operator))
    verdicts = sorted(reader.verdicts, key=lambda verdict: verdict.folder)
    types = {ProviderName(options.name): options.type for options in settings.providers}
    proof = await prove(settings.archive.path, simulator, types, reader.found, verdicts)
    return proof, verdicts


async def _keep_running(call: Invocation, config: Path) -> None:
    call.out.line()
    call.out.line("New recordings appear now; Ctrl-C ends it. Look at them here:")
    call.out.line(f"  {link(load(config, environ=call.environ))}")
    await daemon.run(config, call.environ, report_of=log_of)


def link(settings: Settings) -> str:
    """Return the address of the page with its token, which is good for this demo only."""
    page = settings.server.page
    token = "" if page is None else page.token.reveal()
    return f"http://{settings.server.listen}/?token={token}"


def _calm(settings: Settings) -> Settings:
    """Return `settings` that log warnings only: everything else is visible as it happens."""
    log = settings.log.model_copy(update={"level": "warning"})
    return settings.model_copy(update={"log": log})
