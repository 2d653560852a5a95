"""Fetch one file: locate, ask for what is missing, write, verify, keep."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import anyio
from cachetools import LRUCache

from reelkeep.core.model import ANY_BYTES, Download, Failed, Outcome, ProviderName, Stored
from reelkeep.errors import DiskFull, IoFailed, ProviderError, Remedy, TooLarge, TransferError
from reelkeep.ports import Archive, Held, Part, Provider, Report
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.signals import Notifiable
from reelkeep.stages.storage import DiskSpace, Storage
from reelkeep.stages.stream import PartCompleter, PartStream, resumable, say_discarded
from reelkeep.stages.verify import Proof, level_of_kept, proof_of_recalled, verify
from reelkeep.stages.worker_pool import ActiveTransfer, ActiveTransfers, Landed


class Attempts:
    """Makes attempts at files, and notes what each says about more than its file.

    `health` has the state of each provider that is worked for; `ended` is notified after each.
    """

    def __init__(
        self, download: Downloader, health: Mapping[ProviderName, ProviderHealth], *,
        storage: Storage, space: DiskSpace, ended: Notifiable,
    ) -> None:  # fmt: skip
        self._download = download
        self._health = health
        self._storage = storage
        self._space = space
        self._ended = ended
        self.moved_at = anyio.current_time()  #: When last one came to something.

    async def __call__(self, download: Download, landed: Landed) -> Outcome:
        """Return what became of one attempt, with the error that is to be recorded."""
        outcome = await self._download(download, landed)
        if isinstance(outcome, Failed) and isinstance(outcome.error, TransferError):
            outcome = replace(outcome, error=await self._examined(download, outcome.error))
        self._note(download, outcome.error if isinstance(outcome, Failed) else None)
        return outcome

    async def _examined(self, download: Download, error: TransferError) -> TransferError:
        """Return what `error` is about: the file, or the place for all files."""
        found = await self._storage.examine(error)
        if isinstance(found, TooLarge):
            self._space.outgrown(download, found.size)
            await self._space.tell()
        return found

    def _note(self, download: Download, error: Exception | None) -> None:
        self._ended.notify()
        if not isinstance(error, DiskFull):
            self._space.settled(download.row)
        health = self._health.get(download.provider)
        if isinstance(error, ProviderError) and health is not None:
            health.met(error)
        if getattr(error, "remedy", None) not in (Remedy.WAIT, Remedy.PAUSE):
            self.moved_at = anyio.current_time()


VERSIONS = 1000
"""Files remembered at most, with how many bytes of them were here at once."""

WAITING_FOR_FLUSH = 64
"""Verified files, beside those in transfer, that may wait for the disk to make them durable."""


class Downloader:
    """Turns a download into an outcome; whatever goes wrong with it is the outcome too.

    Cancelling keeps the bytes that came.
    """

    def __init__(
        self,
        providers: Mapping[ProviderName, Provider],
        archive: Archive,
        stream: PartStream,
        *,
        transfers: ActiveTransfers,
        report: Report,
    ) -> None:
        self._archive = archive
        self._bring = PartCompleter(providers, stream)
        self._transfers = transfers
        self._report = report
        self._waiting_for_flush = anyio.Semaphore(WAITING_FOR_FLUSH, fast_acquire=True)
        self._reached: LRUCache[tuple[int, str | None, int | None], int] = LRUCache(VERSIONS)

    async def __call__(self, download: Download, landed: Landed = lambda: None) -> Outcome:
        """Return what became of one attempt."""
        with self._transfers.begin_transfer(download, anyio.current_time()) as transfer:
            try:
                return (
                    await self._already(transfer)
                    or await self._recalled(transfer)
                    or await self._fetch(transfer, landed)
                )
            except (TransferError, ProviderError) as error:
                return Failed(download=download, error=error, distrusted=download.distrusted)

    async def _already(self, transfer: ActiveTransfer) -> Stored | None:
        """Find the file that was kept just before a crash, and of which nobody heard."""
        download = transfer.download
        found = await self._archive.finished(download)
        if found is None:
            return None
        if found.sha256 == download.accepts:
            return _stored(transfer, proof_of_recalled(download, found), adopted=True)
        if download.size not in (None, found.size):
            return None
        proof = Proof(found.size, found.sha256, level_of_kept(download))
        return _stored(transfer, proof, adopted=True)

    async def _recalled(self, transfer: ActiveTransfer) -> Stored | None:
        """Take bytes that the operator accepts out of quarantine."""
        download = transfer.download
        if download.accepts in (None, ANY_BYTES):
            return None
        found = await self._archive.recall(download, download.accepts or "")
        if found is None:
            return None
        return _stored(transfer, proof_of_recalled(download, found), adopted=True)

    async def _fetch(self, transfer: ActiveTransfer, landed: Landed) -> Outcome:
        download = transfer.download
        async with self._archive.part(download) as part:
            held = part.held.size + part.held.beyond
            try:
                arrived = await self._bring(part, transfer)
                proof = await verify(download, part, arrived)
            except TransferError as error:
                progressed = await self._after(error, part, transfer, held)
                return Failed(
                    download=download, error=error, progressed=progressed, sha256=error.sha256,
                    distrusted=part.distrusted,
                )  # fmt: skip
            async with self._waiting_for_flush:
                self._transfers.land(transfer)
                landed()
                await part.keep()
        return _stored(transfer, proof, source=arrived.origin)

    async def _after(
        self, error: TransferError, part: Part, transfer: ActiveTransfer, held_before: int
    ) -> bool:
        """Put away, forget or make durable what came; return whether the attempts begin anew.

        They do if there is more to build on, and when a file came whole for the first time: then
        the breaks on the way to there count no more.
        """
        if error.remedy is Remedy.QUARANTINE:
            await self._quarantine(error, part, transfer)
            return error.sha256 is not None and transfer.download.seen is None
        if error.remedy is Remedy.DISCARD:
            say_discarded(self._report, error, part, transfer.download)
        again = error.remedy in (Remedy.RESTART, Remedy.DISCARD)
        fills = _fills_the_disk(error, part, transfer)
        if again:
            part.distrust()
        if again or fills:
            # A part that its disk gave up is forgotten already; who stops us must keep no other.
            with suppress(DiskFull, IoFailed), anyio.CancelScope(shield=True):
                await part.begin(validator=None, total=None, promises={})
            return False
        held = part.held
        if held.size + held.beyond <= held_before or not resumable(held):
            return False
        await part.checkpoint()
        return self._is_new(transfer.download, held)

    def _is_new(self, download: Download, held: Held) -> bool:
        """Return whether so much of this version of the file was never here before.

        A host that lets a file come again and again, and spoils it each time, makes no progress.
        """
        version, size = (download.row, held.validator, held.total), held.size + held.beyond
        before = self._reached.pop(version, 0)
        self._reached[version] = max(before, size)
        return size > before

    async def _quarantine(self, error: TransferError, part: Part, transfer: ActiveTransfer) -> None:
        await part.quarantine(f"{error.code}: {error}")
        self._report(
            "file.quarantined",
            provider=transfer.download.provider,
            recording=transfer.download.recording,
            file=transfer.download.name,
            reason=str(error),
        )


def _fills_the_disk(error: TransferError, part: Part, transfer: ActiveTransfer) -> bool:
    """Whether a file without a known size took the last room: then others shall have it back."""
    sizes = (transfer.download.size, part.held.total)
    return isinstance(error, DiskFull) and all(size is None for size in sizes)


def _stored(
    transfer: ActiveTransfer, proof: Proof, *, source: str = "", adopted: bool = False
) -> Stored:
    return Stored(
        download=transfer.download,
        size=proof.size,
        sha256=proof.sha256,
        verified=proof.level,
        source=source,
        seconds=anyio.current_time() - transfer.began,
        adopted=adopted,
        reason=proof.reason,
        note=proof.note,
        label=proof.label,
    )
