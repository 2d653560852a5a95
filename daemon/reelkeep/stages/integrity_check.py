"""Read a recording's folder again, and note in the catalog how its files were found."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from reelkeep.core.integrity import (
    DAMAGE,
    FOLDER_ITSELF,
    Blemish,
    Health,
    Verdict,
    blemishes,
    health,
)
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding
from reelkeep.ports import Checks, Report


class Read(Protocol):
    """Reads a folder; files that are `known` are not read again."""

    def __call__(self, folder: str, *, known: Collection[str] = ()) -> Awaitable[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Inspected:
    """One folder, what the catalog knows of it, and what is wrong."""

    verdict: Verdict
    holding: Holding | None
    blemishes: tuple[Blemish, ...]


class Inspector:
    """Inspects folders by `read`. Without a catalog (`checks`), their own sums decide."""

    def __init__(self, read: Read, checks: Checks | None, *, report: Report) -> None:
        self._read = read
        self._checks = checks
        self._report = report

    async def inspect(
        self, folder: str, holding: Holding | None, *, known: Collection[str] = ()
    ) -> Inspected:
        """Return how `folder` is found. What seems damaged is read twice.

        Somebody may have changed it while it was read; then both are looked at anew.

        Raises:
            IoFailed: The archive itself is not there.
        """
        began = anyio.current_time()
        verdict = await self._read(folder, known=known)
        found = list(blemishes(verdict, holding))
        if found and verdict.is_recording:
            if self._checks is not None and holding is not None:
                holding = next(iter(await self._checks.in_folders([folder])), holding)
            verdict = await self._read(folder, known=known)
            found = list(blemishes(verdict, holding))
        self._tell(verdict, holding, found, anyio.current_time() - began)
        return Inspected(verdict, holding, tuple(found))

    def _tell(
        self, verdict: Verdict, holding: Holding | None, found: Sequence[Blemish], seconds: float
    ) -> None:
        """Report what the catalog has no place for: the folder itself, and its papers."""
        if holding is None or verdict.away is not None:
            return
        self._report(
            "recording.checked",
            provider=holding.provider,
            recording=holding.id,
            folder=verdict.folder,
            bytes=sum(each.size or 0 for each in verdict.checked),
            seconds=round(seconds, 3),
        )
        stored = {file.name for file in holding.files if file.state == FileState.STORED}
        for each in found:
            if each.file == FOLDER_ITSELF and stored:
                continue  # said of each file in it
            if each.mark in DAMAGE and each.file not in stored:
                self._report(
                    "manifest.damaged",
                    provider=each.provider,
                    recording=each.recording,
                    folder=each.folder,
                    file=each.file,
                    reason=each.reason or each.mark.value,
                )


def findings(inspected: Inspected) -> list[Health]:
    """Return what there is to note in the catalog."""
    if inspected.holding is None:
        return []
    return list(health(inspected.verdict, inspected.holding))
