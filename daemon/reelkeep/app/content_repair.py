"""Replace archived bytes that two equal fetches of their provider contradict.

    1  the second fetch goes into a part, and is verified as every new file is
    2  if it equals the first one, it is flushed, and waits among the finished files
    3  the catalog is told
    4  the old bytes go to quarantine; all that were ever put aside there are kept
    5  the new ones take the name, and manifest and sums are written, as for a late file

Who dies after 3 leaves a recording that is behind, which the next pass or daemon publishes: the old
bytes go to quarantine then. While another process holds the archive, the file becomes due instead,
as by `verify --repair`, and that process fetches it.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio

from reelkeep.app.belonging import open_for_writing
from reelkeep.app.books import books, utc_now
from reelkeep.app.content_audit import Archived, Compared, decided, undecided
from reelkeep.app.refetching import Refetcher
from reelkeep.app.repair import Repairer
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import LocalPart
from reelkeep.catalog.database import Database
from reelkeep.catalog.replacing import Replacement, replace_stored
from reelkeep.catalog.results import SqlLedger
from reelkeep.core.content_audit import Comparison
from reelkeep.core.integrity import Blemish, Mark
from reelkeep.core.model import Download
from reelkeep.core.retry import Policy
from reelkeep.errors import Busy, DiskFull, ProviderError, TransferError
from reelkeep.settings import Settings
from reelkeep.stages.stream import Arrived
from reelkeep.stages.verify import Proof, verify
from reelkeep.telemetry.logs import Log

_WHY = "two equal fetches by `audit --content --repair` differ from these bytes"


@dataclass(frozen=True, slots=True)
class _Fetch:
    proof: Proof
    source: str


class Mender:
    """Makes the second fetch of what differs, and repairs it; see `content_audit.Mend`."""

    def __init__(
        self, settings: Settings, archive: LocalArchive, refetch: Refetcher, log: Log
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._refetch = refetch
        self._log = log
        self._turn = anyio.Lock()

    async def __call__(self, begun: Compared) -> Compared:
        """Return what became of a file whose first fetch differs from the archive."""
        archived = begun.archived
        download = replace(
            archived.download, size=archived.file.promised, seen=begun.fetched[0], accepts=None
        )
        try:
            await self._see_that_it_fits(archived)
            async with self._archive.part(download) as part:
                try:
                    found = await self._into(part, download, begun)
                finally:
                    await _forget(part)
        except (ProviderError, TransferError) as error:
            return _refused(begun, error)
        return found

    async def _see_that_it_fits(self, archived: Archived) -> None:
        free = await self._archive.free()
        if free < (archived.file.size or 0):
            raise DiskFull(f"there is no room to fetch {archived.file.name} beside the old bytes")

    async def _into(self, part: LocalPart, download: Download, begun: Compared) -> Compared:
        async def believe(arrived: Arrived) -> _Fetch:
            return _Fetch(await verify(download, part, arrived), arrived.origin)

        fetched = await self._refetch(download, part, believe)
        found = decided(begun, fetched.proof.sha256)
        if found.comparison is not Comparison.DIFFERS:
            return found
        with anyio.CancelScope(shield=True):  # it is a matter of moments, and is not left half-done
            async with self._turn:
                await part.keep()
                found = await self._replaced(found, fetched)
        return found

    async def _replaced(self, found: Compared, fetched: _Fetch) -> Compared:
        archive, settings = self._archive, self._settings
        try:
            async with open_for_writing(settings, archive, utc_now) as (database, _):
                return await self._alone(database, found, fetched)
        except Busy:
            return await self._queued(found)

    async def _alone(self, database: Database, found: Compared, fetched: _Fetch) -> Compared:
        """Replace the bytes; nobody else works in archive and catalog."""
        old, proof = found.archived, fetched.proof
        new = Replacement(
            size=proof.size,
            sha256=proof.sha256,
            verified=proof.level.value,
            source=fetched.source,
            note=proof.note,
        )
        holding = await replace_stored(database, old.file, new, clock=utc_now, report=self._log)
        if holding is None:
            reason = "it was changed meanwhile by another command: nothing is replaced"
            return replace(found, repair="refused", reason=reason)
        if await self._archive.put_aside(old.holding, old.file.name, _WHY):
            self._log("file.quarantined", **old.where, reason=_WHY)
        ledger = SqlLedger(
            database, policy=Policy(), clock=utc_now, dice=random.random, report=self._log
        )
        await ledger.published([(holding, await self._archive.publish(holding))])
        self._log(
            "file.replaced",
            **old.where,
            before=found.here,
            sha256=proof.sha256,
            bytes=proof.size,
            verified=proof.level.value,
        )
        return replace(found, repair="replaced", reason=f"{found.reason}: replaced")

    async def _queued(self, found: Compared) -> Compared:
        """Leave it to the process that holds the archive."""
        old = found.archived
        blemish = Blemish(
            folder=old.holding.folder or "",
            file=old.file.name,
            mark=Mark.ALTERED,
            provider=old.holding.provider,
            recording=old.holding.id,
            reason=_WHY,
        )
        async with books(self._settings, self._log) as opened:
            repair = await Repairer(self._archive, opened.checks, self._log).begin([blemish])
        self._log("repair.queued", files=repair.due)
        reason = f"{found.reason}; another process holds the archive, and fetches it"
        return replace(found, repair="queued", reason=reason)


def _refused(begun: Compared, error: ProviderError | TransferError) -> Compared:
    """Return what is known if the second fetch failed, or is not believed to be the file."""
    sha256 = error.sha256 if isinstance(error, TransferError) else None
    if sha256 is None:
        return replace(undecided(begun, error), repair="refused")
    found = decided(begun, sha256)
    if found.comparison is not Comparison.DIFFERS:
        return found
    reason = f"{found.reason}; they are not replaced, as a check refuses what came: {error}"
    return replace(found, repair="refused", reason=reason)


async def _forget(part: LocalPart) -> None:
    """Leave nothing of a part that was not kept: no queue waits for it."""
    if not part.kept:
        with anyio.CancelScope(shield=True), suppress(TransferError):
            await part.begin(validator=None, total=None, promises={})
