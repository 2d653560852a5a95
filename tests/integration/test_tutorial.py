"""The tutorial can be followed to its end, command by command."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import anyio

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-recording.md"
BEGIN = """set -eu -o pipefail
reelkeep() { python -m reelkeep.cli "$@"; }
trap 'kill $simulator 2>/dev/null' EXIT
"""


async def test_its_commands_do_what_it_says(tmp_path: Path) -> None:
    script = BEGIN + "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(tmp_path)}
    with anyio.fail_after(600):
        command = ["bash", "-c", script]
        ran = await anyio.run_process(command, cwd=tmp_path, env=environ, check=False)
    said = ran.stdout.decode() + ran.stderr.decode()
    assert ran.returncode == 0, said
    assert "exit code 78" in said
    assert "all files are intact" in said
    assert "1 altered" in said
