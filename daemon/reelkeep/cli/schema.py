"""`reelkeep schema`."""

from __future__ import annotations

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation
from reelkeep.cli.options import as_json


@click.command
@as_json
@click.pass_obj
def command(call: Invocation, *, as_json: bool) -> int:  # noqa: ARG001 - it is JSON either way
    """Print the JSON Schema (2020-12) of the configuration, for editors."""
    from reelkeep.settings import schema

    call.out.json(schema())
    return Exit.DONE
