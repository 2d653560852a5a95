"""Draw the README's picture: run the demo in a pseudo-terminal, and show what it printed."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"
WIDTH, HEIGHT = 96, 60


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        shown = _run([sys.executable, "-m", "reelkeep.cli", "demo", "--dir", f"{directory}/demo"])
    text = _scenes(shown).replace(f"{directory}/demo", "reelkeep-demo")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ make demo\n{text}"))
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = console.export_svg(title="reelkeep demo", unique_id="reelkeep")
    PICTURE.write_text(_self_contained(drawn))


def _run(command: list[str]) -> str:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(WIDTH), "LINES": str(HEIGHT), "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        process.wait()
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def _scenes(shown: str) -> str:
    """Return the pass at its liveliest, and how the demo ends."""
    frames = re.split(r"\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)*", shown.replace("\r\n", "\n"))
    liveliest = max(frames[:-1], key=len)
    end = frames[-1].partition("PROVIDER")
    summary = f"{end[1]}{end[2]}".partition("Look around:")[0]
    return _without_moves(f"{liveliest.rstrip()}\n\n   ⋮\n\n{summary.rstrip()}")


def _self_contained(svg: str) -> str:
    """Drop what would be fetched from elsewhere: the reader's own monospace font does."""
    svg = re.sub(r"@font-face \{[^}]*\}\s*", "", svg)
    svg = svg.replace("<text ", '<text xml:space="preserve" ')  # else some drop leading blanks
    return re.sub(r"<!--.*?-->", "", svg).replace("Fira Code", "DejaVu Sans Mono")


def _without_moves(text: str) -> str:
    """Drop every escape sequence but colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]", "", text)


if __name__ == "__main__":
    main()
