"""The results of a demo: the archive as a tree, the checks, and what to try next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from shlex import quote
from shutil import which
from subprocess import DEVNULL
from typing import Any

import anyio
from rich.text import Text
from rich.tree import Tree

from reelkeep.app.verification import VerificationRun
from reelkeep.cli.output import Output, number
from reelkeep.cli.sync import Passed
from reelkeep.cli.tables import cell
from reelkeep.cli.verify import sentence
from reelkeep.core.integrity import FolderVerdict, Mark
from reelkeep.core.manifest import MANIFEST, SUMS
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import size
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.world import World

_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProof:
    """The results of the checks of a demo."""

    reread: VerificationRun
    expected: int  #: Files that the providers have.
    missing: tuple[str, ...]  #: Those that are not in the archive bit by bit.
    recorded: int  #: Recordings of the provider that takes acknowledgements.
    untold: int  #: Those that it was not told about.
    recordings: int  #: Recordings of all providers.
    folders: int  #: Those that have a folder: those with files.
    refuted: tuple[str, ...] | None  #: Folders that sha256sum does not confirm; None: not asked.

    @property
    def ok(self) -> bool:
        """Whether everything is archived, verified, and acknowledged where that is possible."""
        wrong = self.reread.blemishes or self.missing or self.untold or self.refuted
        return not wrong

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "verified": self.reread.document(),
            "compared": {"expected": self.expected, "missing": list(self.missing)},
            "acknowledged": {"expected": self.recorded, "missing": self.untold},
            "sha256sum": None
            if self.refuted is None
            else {"folders": self.folders, "failed": list(self.refuted)},
        }


async def prove(
    archive: Path,
    simulator: Simulator,
    types: Mapping[ProviderName, str],
    reread: VerificationRun,
    verdicts: Sequence[FolderVerdict],
) -> DemoProof:
    """Compare what was read again with what the simulator has; `types` are those of providers."""
    world = simulator.world.expected()
    held = _digests(verdicts, types)
    told = set(simulator.journal.acknowledged)
    folders = [verdict.folder for verdict in verdicts if verdict.key is not None]
    return DemoProof(
        reread=reread,
        expected=len(world),
        missing=tuple(
            each.file
            for each in world
            if each.sha256 not in held.get((each.provider, each.recording), ())
        ),
        recorded=len(simulator.world.recordings),
        untold=sum(recording.id not in told for recording in simulator.world.recordings),
        recordings=_count(simulator.world),
        folders=len(folders),
        refuted=await _ask_sha256sum(archive, folders),
    )


def _count(world: World) -> int:
    return len(world.recordings) + len(world.meetings) + len(world.sessions)


def _digests(
    verdicts: Sequence[FolderVerdict], types: Mapping[ProviderName, str]
) -> dict[tuple[str, str], set[str]]:
    """Return the SHA-256 of all good files, by the provider's type and the recording's id."""
    held: dict[tuple[str, str], set[str]] = {}
    for verdict in verdicts:
        if verdict.provider is not None and verdict.id is not None:
            place = types[ProviderName(verdict.provider)], verdict.id
            good = [checked for checked in verdict.checked if checked.mark is Mark.OK]
            held.setdefault(place, set()).update(each.sha256 for each in good if each.sha256)
    return held


async def _ask_sha256sum(archive: Path, folders: Sequence[str]) -> tuple[str, ...] | None:
    """Return the folders that `sha256sum -c` does not confirm; None where it is not installed."""
    program = shutil.which("sha256sum")
    if program is None:
        return None
    refuted: list[str] = []
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def ask(folder: str) -> None:
        async with limiter:
            ran = await anyio.run_process(
                [program, "-c", "--strict", SUMS],
                cwd=archive / folder,
                check=False,
                stdout=DEVNULL,
                stderr=DEVNULL,
            )
        if ran.returncode != 0:
            refuted.append(folder)

    async with anyio.create_task_group() as group:
        for folder in folders:
            group.start_soon(ask, folder)
    return tuple(sorted(refuted))


_SHOWN = 2
"""How many recordings of each provider are shown with their files."""


def tree(root: Path, verdicts: Sequence[FolderVerdict]) -> Tree:
    """Return the tree of the archive at `root`; `verdicts` are of its folders, in their order."""
    made = Tree(cell(f"{root}/", "bold"), guide_style="dim")
    for provider, group in groupby(verdicts, key=lambda verdict: verdict.folder.split("/")[0]):
        _add_provider(made, provider, list(group))
    return made


def _add_provider(made: Tree, provider: str, verdicts: list[FolderVerdict]) -> None:
    files = sum(_counted(verdict) for verdict in verdicts)
    total = sum(_bytes(verdict) for verdict in verdicts)
    label = cell(f"{provider}/", "bold cyan")
    counts = f"  {number(len(verdicts), 'recording')}, {number(files, 'file')}, {size(total)}"
    branch = made.add(label.append_text(cell(counts, "dim")))
    for verdict in verdicts[:_SHOWN]:
        leaf = branch.add(cell(f"{verdict.folder.partition('/')[2]}/", "cyan"))
        for line in _files(verdict):
            leaf.add(line)
    if (hidden := len(verdicts) - _SHOWN) > 0:
        branch.add(cell(f"… and {number(hidden, 'more recording')}", "dim"))


def _files(verdict: FolderVerdict) -> Iterator[Text]:
    longest = max((len(checked.name) for checked in verdict.checked), default=0)
    for checked in sorted(verdict.checked, key=lambda each: each.name):
        told = "" if checked.size is None else f"{size(checked.size):>10}"
        yield cell(f"{checked.name:<{longest}}").append(told, "dim")


def _counted(verdict: FolderVerdict) -> int:
    """Return the number of the recording's own files: without manifest and checksums."""
    return sum(checked.name not in (MANIFEST, SUMS) for checked in verdict.checked)


def _bytes(verdict: FolderVerdict) -> int:
    return sum(checked.size or 0 for checked in verdict.checked)


def document(folder: Path, passed: Passed, proof: DemoProof) -> dict[str, Any]:
    """Return all of it as JSON."""
    return {
        **passed.document(),
        "ok": passed.ok and proof.ok,
        "directory": str(folder),
        **proof.document(),
    }


def print_proof(out: Output, proof: DemoProof) -> None:
    """Print the checks, one per line."""
    out.show(*_lines(proof))


def print_farewell(out: Output, folder: Path) -> None:
    """Print commands to try next."""
    program = "reelkeep" if which("reelkeep") else spelled(sys.argv[0], Path.cwd())
    config = quote(str(folder / "reelkeep.yaml"))
    out.line("Look around:")
    for rest in ("list", "show KEY", "status", "verify"):
        out.line(f"  {program} -c {config} {rest}")


def spelled(started: str, here: Path) -> str:
    """Return how a shell in `here` runs the program that was started as `started`."""
    if started.endswith("__main__.py"):
        return f"{spelled(sys.executable, here)} -m reelkeep.cli"
    absolute = os.path.normpath(here / started)
    relative = os.path.relpath(absolute, here)
    if "/" not in relative:
        relative = f"./{relative}"
    return quote(min(relative, absolute, key=len))


def _lines(proof: DemoProof) -> Iterator[Text]:
    yield _line(sentence(proof.reread).rstrip("."), good=not proof.reread.blemishes)
    here = proof.expected - len(proof.missing)
    yield _line(
        f"{here:,} of {number(proof.expected, 'file')} of the providers are in the archive, "
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
        yield cell(
            f"· {number(empty, 'recording')} without a file in the archive, so without a folder"
        )
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
