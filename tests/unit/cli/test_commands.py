from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest

from reelkeep.cli.program import COMMANDS, commands, module_of


def test_the_commands_are_those_of_the_contract() -> None:
    assert " ".join(COMMANDS) == (
        "run sync plan check status list show retry waive accept verify audit backfill export "
        "rebuild archive backup doctor health logs demo schema page-token"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_had_and_is_explained(name: str) -> None:
    context = click.Context(commands, info_name="reelkeep")
    command = commands.get_command(context, name)
    module, attribute = module_of(name)
    assert command is getattr(import_module(module), attribute)
    assert command
    assert command.help


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("run", "archive")])
def test_every_command_that_prints_a_result_prints_json_when_asked(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command
    options = command.params
    assert "--json" in {option for each in options for option in each.opts}


def test_the_overview_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys\n"
        "from reelkeep.cli.program import run\n"
        "run(['--help'])\n"
        "slow = {'sqlalchemy', 'aiohttp', 'pydantic', 'anyio', 'structlog', 'rich', 'alembic'}\n"
        "sys.exit(', '.join(slow & sys.modules.keys()) or None)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(f"  {name} " in ran.stdout for name in COMMANDS)
