"""Prove that the archive of a demo holds what the simulated providers hold."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import anyio

from reelkeep.app.rereading import Reread
from reelkeep.core.integrity import Mark, Verdict
from reelkeep.core.manifest import SUMS
from reelkeep.core.model import ProviderName
from reelkeep.simulator import Simulator, World

_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a demo has proven."""

    reread: Reread
    expected: int  #: Files that the providers hold.
    missing: tuple[str, ...]  #: Those of them that the archive does not hold bit by bit.
    recorded: int  #: Recordings of the provider that takes acknowledgements.
    untold: int  #: Those of them that it does not believe to be archived.
    recordings: int  #: Recordings of all providers.
    folders: int  #: Those of them that have one: those with files.
    refuted: tuple[str, ...] | None  #: Folders that sha256sum does not confirm; None: not asked.

    @property
    def ok(self) -> bool:
        """Whether all is archived, verified, and acknowledged where that can be done."""
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
    reread: Reread,
    verdicts: Sequence[Verdict],
) -> Proof:
    """Compare what was reread with what the simulator holds; `types` are those of providers."""
    world = simulator.world.expected()
    held = _digests(verdicts, types)
    told = set(simulator.journal.acknowledged)
    folders = [verdict.folder for verdict in verdicts if verdict.key is not None]
    return Proof(
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
    verdicts: Sequence[Verdict], types: Mapping[ProviderName, str]
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
