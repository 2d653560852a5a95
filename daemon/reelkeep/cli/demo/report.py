"""Say how a demo went."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Any

from rich.text import Text

from reelkeep.cli.demo.proof import Proof
from reelkeep.cli.findings import sentence
from reelkeep.cli.humanize import number
from reelkeep.cli.output import Output
from reelkeep.cli.pass_runner import Passed
from reelkeep.cli.tables import cell


def document(folder: Path, passed: Passed, proof: Proof) -> dict[str, Any]:
    """Return all of it as JSON."""
    return {
        **passed.document(),
        "ok": passed.ok and proof.ok,
        "directory": str(folder),
        **proof.document(),
    }


def print_proof(out: Output, proof: Proof) -> None:
    """Print what was proven, a line each."""
    out.show(*_lines(proof))


def print_farewell(out: Output, folder: Path) -> None:
    """Say what can be looked at now."""
    program = "reelkeep" if which("reelkeep") else spelled(sys.argv[0], Path.cwd())
    config = quote(str(folder / "reelkeep.yaml"))
    out.line("Look around:")
    for rest in ("list", "show KEY", "status", "verify"):
        out.line(f"  {program} -c {config} {rest}")


def spelled(started: str, here: Path) -> str:
    """Return how a shell that is in `here` runs the program that was started as `started`."""
    if started.endswith("__main__.py"):
        return f"{spelled(sys.executable, here)} -m reelkeep.cli"
    absolute = os.path.normpath(here / started)
    relative = os.path.relpath(absolute, here)
    if "/" not in relative:
        relative = f"./{relative}"
    return quote(min(relative, absolute, key=len))


def _lines(proof: Proof) -> Iterator[Text]:
    yield _line(sentence(proof.reread).rstrip("."), good=not proof.reread.blemishes)
    here = proof.expected - len(proof.missing)
    yield _line(
        f"{here:,} of {number(proof.expected, 'file')} that the providers hold are here, "
        "bit by bit",
        good=not proof.missing,
    )
    told = proof.recorded - proof.untold
    yield _line(
        f"{told:,} of {number(proof.recorded, 'recording')} acknowledged where the provider "
        "takes acknowledgements (GoToAssist)",
        good=not proof.untold,
    )
    if empty := proof.recordings - proof.folders:
        yield cell(f"· {number(empty, 'recording')} of which no file is here, hence no folder")
    if proof.refuted is None:
        yield cell("· sha256sum is not installed here; elsewhere, `sha256sum -c SHA256SUMS` passes")
    else:
        good = proof.folders - len(proof.refuted)
        yield _line(
            f"`sha256sum -c SHA256SUMS` passes in {good:,} of {number(proof.folders, 'folder')}",
            good=not proof.refuted,
        )


def _line(text: str, *, good: bool) -> Text:
    mark = cell("✓ ", "bold green") if good else cell("✗ ", "bold red")
    return mark.append_text(cell(text))
