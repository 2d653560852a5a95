"""The `reelkeep` command and the list of its commands, each imported when it is first needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from reelkeep.cli.invocation import Invocation
from reelkeep.cli.output import Output

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "run the daemon in the foreground",
        "sync": "make one complete pass, then end",
        "plan": "say what a pass would fetch",
        "check": "validate the configuration and show it",
        "status": "say how every provider stands",
        "list": "list recordings",
        "show": "show one recording with its files",
        "retry": "make failed files due again",
        "waive": "accept that files will never come",
        "accept": "accept bytes that a check refuses as the file",
        "verify": "read the archive again and compare",
        "audit": "compare what the providers hold with what is here",
        "backfill": "read a span of days again",
        "export": "write what the catalog knows as JSON Lines or CSV",
        "rebuild": "make a lost catalog again from the archive",
        "archive": "begin an archive after a disk was lost or replaced",
        "backup": "copy the catalog safely, also while the daemon runs",
        "doctor": "look for what is wrong, and gather what support needs",
        "health": "ask the daemon whether it is well",
        "logs": "say what events of the log mean and ask for",
        "demo": "archive simulated recordings on this machine",
        "schema": "print the JSON Schema of the configuration",
    }
)
"""What each command does, for the overview; `reelkeep.cli.<name>` holds it as `command`."""


class LazyCommands(click.Group):
    """Imports a command's module when the command is used, so that the rest starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"reelkeep.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!a}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _say_version(context: click.Context, _option: click.Parameter, wanted: Any) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"reelkeep {version('reelkeep')}")
        context.exit()


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The configuration; else $REELKEEP_CONFIG, ./reelkeep.yaml or "
    "/etc/reelkeep/reelkeep.yaml.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Print the version and end.",
)
@click.pass_context
def commands(context: click.Context, config: str | None) -> None:
    """Keep session recordings: downloaded, verified and for good.

    Results go to stdout, the log to stderr.

    \b
    Exit codes:
      0   done, nothing left over
      1   ran, but something is failed, missing, altered or still pending
      2   wrong usage
      70  a bug
      75  another process holds this archive or catalog
      78  the configuration is invalid, or the catalog is of a newer version
    """  # noqa: D301 - click reads the backspace
    context.obj = Invocation(file=config, environ=os.environ, out=Output(sys.stdout))
