"""The command line: one small module a command, imported when it is asked for."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the process was started with, and end the process with its code."""
    from reelkeep.cli.program import run

    sys.exit(run(sys.argv[1:]))
