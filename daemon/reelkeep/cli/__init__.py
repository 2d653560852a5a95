"""The command line: modules of commands, each imported when one of its commands is used."""

from __future__ import annotations

import gc
import os
import sys


def _speak_utf8() -> None:
    """Make sure that file names are UTF-8 whatever the locale; if not, restart in UTF-8 mode."""
    if sys.getfilesystemencoding().lower().replace("-", "") != "utf8" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606


def main() -> None:
    """Run the command that the process was started with, and end the process with its code.

    Garbage is collected only while a command runs (see `cli.loop`): everything that a start creates
    stays in use, and what is left at the end is freed with the process.
    """
    gc.disable()
    _speak_utf8()
    from reelkeep.cli.output import close_streams, open_streams

    open_streams()
    from reelkeep.cli.program import run, unwritten

    code = run(sys.argv[1:])
    error = close_streams()
    if error is not None:
        code = unwritten(error, code)
    gc.freeze()
    sys.exit(code)
