"""Run a demo from its beginning to its end."""

from __future__ import annotations

from pathlib import Path

import click
from anyio.from_thread import start_blocking_portal

from reelkeep.app import daemon
from reelkeep.app.catalog_access import books
from reelkeep.app.verification import make_rereader
from reelkeep.cli.codes import Exit
from reelkeep.cli.demo.report import DemoProof, document, print_farewell, print_proof, prove, tree
from reelkeep.cli.demo.workspace import furnish, grow, simulation, taken
from reelkeep.cli.finding import every
from reelkeep.cli.invocation import Invocation, log_of, note
from reelkeep.cli.live_progress import Screen
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, enabled
from reelkeep.cli.output import Output
from reelkeep.cli.pass_runner import Passed, make_pass, print_summary
from reelkeep.cli.verify import drawing
from reelkeep.core.integrity import FolderVerdict
from reelkeep.core.model import ProviderName
from reelkeep.settings import Settings, load
from reelkeep.simulator import Simulator
from reelkeep.telemetry.logs import Log


@click.command
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reelkeep-demo"),
    show_default=True,
    help="Where everything goes: an empty folder, or that of an earlier demo, which is removed.",
)
@click.option(
    "--recordings",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    help="How many recordings the providers hold.",
)
@click.option(
    "--keep-running",
    is_flag=True,
    help="Then run the daemon, while new recordings appear, until Ctrl-C.",
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
    call.out.line("New recordings appear now; Ctrl-C ends it.")
    await daemon.run(config, call.environ, report_of=log_of)


def _calm(settings: Settings) -> Settings:
    """Return `settings` with only warnings in the log: the rest is seen as it happens."""
    log = settings.log.model_copy(update={"level": "warning"})
    return settings.model_copy(update={"log": log})
