"""Read the archive again, and compare it with its own sums and with the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from reelkeep.archive.local import LocalArchive
from reelkeep.archive.verify import Mark, Verdict
from reelkeep.catalog.desk import Desk
from reelkeep.cli.finding import every
from reelkeep.core.model import Holding

FOLDER = "(folder)"
"""Stands for the file where a whole folder is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blemish:
    """One thing that is not as it was written."""

    folder: str
    file: str
    mark: Mark
    provider: str | None
    recording: str | None


@dataclass(slots=True)
class Reread:
    """What was found; `read` grows while it is being found."""

    recordings: int = 0
    files: int = 0
    read: int = 0  #: Bytes.
    blemishes: dict[tuple[str, str], Blemish] = field(default_factory=dict)

    def count(self, size: int) -> None:
        """Note that so many bytes were read."""
        self.read += size

    def marks(self) -> Counter[Mark]:
        """Return how many things have each mark."""
        return Counter(blemish.mark for blemish in self.blemishes.values())

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        by_mark = {
            mark.value: [
                {
                    "provider": each.provider,
                    "recording": each.recording,
                    "folder": each.folder,
                    "file": each.file,
                }
                for each in self.blemishes.values()
                if each.mark is mark
            ]
            for mark in (Mark.MISSING, Mark.ALTERED, Mark.FOREIGN)
        }
        counts = {"recordings": self.recordings, "files": self.files, "bytes": self.read}
        return {"ok": not self.blemishes, **counts, **by_mark}


def blemishes(verdict: Verdict, holding: Holding | None) -> Iterator[Blemish]:
    """Yield what is wrong in one folder, for its own sums or for what the catalog knows of it."""

    def blemish(file: str, mark: Mark) -> Blemish:
        return Blemish(
            folder=verdict.folder,
            file=file,
            mark=mark,
            provider=verdict.provider if holding is None else holding.provider,
            recording=verdict.id if holding is None else holding.id,
        )

    for checked in verdict.checked:
        if checked.mark is not Mark.OK:
            yield blemish(checked.name, checked.mark)
    if holding is None:
        return
    found = {checked.name: checked for checked in verdict.checked}
    for file in holding.files:
        if file.state != "stored":
            continue
        if file.name not in found:
            yield blemish(file.name, Mark.MISSING)
        elif found[file.name].mark is Mark.OK and found[file.name].sha256 != file.sha256:
            yield blemish(file.name, Mark.ALTERED)


class Rereader:
    """Reads folders again, with the catalog at hand unless there is none."""

    def __init__(self, archive: LocalArchive, desk: Desk | None) -> None:
        self._archive = archive
        self._desk = desk
        self.found = Reread()

    async def everything(self) -> AsyncIterator[Verdict]:
        """Read the whole archive, then look for what the catalog knows and was not there."""
        seen = set[str]()
        async for verdict in self._archive.verify_all(self.found.count):
            holding = await self._holding(verdict)
            yield await self._judge(verdict, holding)
            if holding is not None:
                seen.add(verdict.folder)
            elif self._desk is not None and verdict.key is not None:
                self._note([_stray(verdict)])
        if self._desk is not None:
            async for holding in every(self._desk):
                if holding.folder is not None and holding.folder not in seen:
                    await self.one(holding)

    async def one(self, holding: Holding) -> None:
        """Read the folder of one recording, if it ever had one."""
        if holding.folder is not None:
            verdict = await self._archive.verify(holding.folder, self.found.count)
            await self._judge(verdict, holding)

    async def _judge(self, verdict: Verdict, holding: Holding | None) -> Verdict:
        """Note what is wrong; a folder that a daemon may have changed meanwhile is read twice."""
        if not verdict.ok and _is_recording(verdict):
            verdict = await self._archive.verify(verdict.folder, self.found.count)
        self.found.recordings += verdict.key is not None
        self.found.files += sum(checked.sha256 is not None for checked in verdict.checked)
        self._note(blemishes(verdict, holding))
        return verdict

    async def _holding(self, verdict: Verdict) -> Holding | None:
        """Return what the catalog knows of this very folder, which may be a copy of another."""
        if self._desk is None or verdict.key is None:
            return None
        found = await self._desk.find(verdict.key)
        return next((each for each in found if each.folder == verdict.folder), None)

    def _note(self, found: Iterator[Blemish] | list[Blemish]) -> None:
        for blemish in found:
            self.found.blemishes[blemish.folder, blemish.file] = blemish


def _is_recording(verdict: Verdict) -> bool:
    """Whether the folder is a recording's, or was one; else all in it is foreign."""
    return any(checked.mark is not Mark.FOREIGN for checked in verdict.checked)


def _stray(verdict: Verdict) -> Blemish:
    return Blemish(
        folder=verdict.folder,
        file=FOLDER,
        mark=Mark.FOREIGN,
        provider=verdict.provider,
        recording=verdict.id,
    )
