"""Put damaged files aside, and have them fetched again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.checks import SqlChecks
from reelkeep.core.checksum_files import PAPERS
from reelkeep.core.integrity import DAMAGE, Blemish
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding, ProviderName
from reelkeep.errors import TransferError
from reelkeep.ports import Report


@dataclass(slots=True)
class Repair:
    """What a repair has begun; the rest is the queue's."""

    due: int = 0  #: Files that are due again.
    folders: set[str] = field(default_factory=set)  #: Where something is to be made whole.
    names: set[ProviderName] = field(default_factory=set)


class Repairer:
    """Begins the repair of what a reading found.

    The bad bytes go first, then the catalog hears of it: whoever dies in between leaves a file
    that is missing, which the next reading finds. The queue fetches, publishes and writes the
    manifest as it does for a file that is new.
    """

    def __init__(self, archive: LocalArchive, checks: SqlChecks, report: Report) -> None:
        self._archive = archive
        self._checks = checks
        self._report = report

    async def begin(self, found: Iterable[Blemish], returned: Iterable[str] = ()) -> Repair:
        """Put aside what is damaged, and make it due again, of recordings that are known.

        In the folders `returned` are files that are to be fetched: who publishes them finds these.
        """
        damaged: dict[str, list[Blemish]] = {}
        for each in found:
            if each.mark in DAMAGE:
                damaged.setdefault(each.folder, []).append(each)
        repair = Repair()
        for folder, blemishes in damaged.items():
            for holding in await self._checks.in_folders([folder]):
                await self._one(holding, blemishes, repair)
        for holding in await self._checks.in_folders(sorted(returned)):
            await self._checks.lost([], [holding.row])
            repair.folders.add(holding.folder or "")
            repair.names.add(holding.provider)
        return repair

    async def _one(self, holding: Holding, blemishes: list[Blemish], repair: Repair) -> None:
        stored = {f.name: f.row for f in holding.files if f.state == FileState.STORED}
        mine = [each for each in blemishes if each.file in stored or each.file in PAPERS]
        gone = [each for each in mine if await self._put_aside(holding, each)]
        if not gone:
            return
        rows = [stored[each.file] for each in gone if each.file in stored]
        repair.due += await self._checks.lost(rows, [holding.row])
        repair.folders.add(holding.folder or "")
        repair.names.add(holding.provider)

    async def _put_aside(self, holding: Holding, blemish: Blemish) -> bool:
        """Return whether nothing stands any more where good bytes shall be.

        What cannot be put aside is said, and left as it is; the repair goes on with the next one.
        """
        reason = blemish.reason or f"found {blemish.mark} when the archive was read again"
        try:
            if not await self._archive.put_aside(holding, blemish.file, reason):
                return False
        except TransferError as error:  # a folder that is closed to us keeps no other from repair
            self._report(
                "repair.failed",
                provider=holding.provider,
                recording=holding.id,
                folder=blemish.folder,
                file=blemish.file,
                reason=str(error),
            )
            return False
        self._report(
            "file.quarantined",
            provider=holding.provider,
            recording=holding.id,
            file=blemish.file,
            reason=reason,
        )
        return True
