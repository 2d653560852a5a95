"""Fetch a file that is archived already, as often as it takes: patient as a transfer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from typing import TypeVar

import anyio

from reelkeep.archive.digest_part import DigestPart
from reelkeep.core.digests import broken, needed
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, Failed
from reelkeep.core.retry import Policy, judge
from reelkeep.errors import DigestMismatch, ProviderError, Remedy, TransferError, Unreachable
from reelkeep.ports import Clock, Dice, Part, Report
from reelkeep.stages.active_transfers import ActiveTransfers
from reelkeep.stages.bring import Bringer, say_discarded
from reelkeep.stages.stream import Arrived, resumable

ABSENT = frozenset({"not_found", "refused"})
"""Codes of what its provider does not give; asking again at once would change nothing."""

LONGEST_PAUSE = 600.0
"""Seconds; a host that asks for more is left, and the file is not compared in this run."""

T = TypeVar("T")


class Refetcher:
    """Fetches into any part. One attempt follows the other until one is believed, or is the last.

    The limits of hosts, the bandwidth and the rules about stalls are those of every transfer.
    """

    def __init__(
        self, bring: Bringer, flights: ActiveTransfers, *, policy: Policy, clock: Clock, dice: Dice,
        report: Report,
    ) -> None:  # fmt: skip
        self._bring = bring
        self._flights = flights
        self._policy = policy
        self._clock = clock
        self._dice = dice
        self._report = report

    async def hashed(self, download: Download) -> str:
        """Return the SHA-256 of what is given for `download`; nothing is kept.

        Raises:
            ProviderError, TransferError: It cannot be had, or not be believed.
        """
        part = DigestPart()

        async def believe(arrived: Arrived) -> str:
            return await _believed(download, part, arrived)

        return await self(download, part, believe)

    async def __call__(
        self, download: Download, part: Part, believe: Callable[[Arrived], Awaitable[T]]
    ) -> T:
        """Return what `believe` returns for all bytes of `download`, which are in `part` then.

        Raises:
            ProviderError, TransferError: The last attempt failed.
        """
        with self._flights.begin_transfer(download, anyio.current_time()) as flight:
            for attempt in count(1):
                try:
                    return await believe(await self._bring(part, flight))
                except (ProviderError, TransferError) as error:
                    if isinstance(error, TransferError) and error.remedy is Remedy.DISCARD:
                        say_discarded(self._report, error, part, download)
                    pause = self._pause(error, download, attempt)
                    if pause is None:
                        raise
                    if _is_worthless(error, part):
                        await part.begin(validator=None, total=None, promises={})
                await anyio.sleep(pause)
        raise AssertionError("unreachable")  # it returns or raises

    def _pause(
        self, error: ProviderError | TransferError, download: Download, attempt: int
    ) -> float | None:
        """Return for how many seconds to wait before the next attempt; None: there is none."""
        if attempt >= self._policy.attempts or error.code in ABSENT:
            return None
        now, before = self._clock(), attempt - 1
        failed = Failed(download=replace(download, attempts=before, tries=before), error=error)
        verdict = judge(failed, now=now, policy=self._policy, dice=self._dice())
        if verdict.state is not FileState.DUE or verdict.due_at is None:
            return None
        pause = (verdict.due_at - now).total_seconds()
        return pause if pause <= LONGEST_PAUSE else None


def _is_worthless(error: ProviderError | TransferError, part: Part) -> bool:
    """Whether the next attempt has to begin with the first byte."""
    worthless = (Remedy.RESTART, Remedy.DISCARD, Remedy.QUARANTINE)
    return error.remedy in worthless or not resumable(part.held)


async def _believed(download: Download, part: DigestPart, arrived: Arrived) -> str:
    """Return the digest of what came, if that is a whole reply that kept its promises.

    Where nothing tells the end, it is taken for whole: who compares it decides.
    """
    held = part.held
    found = await part.inspect(needed(held.promises))
    name = broken(held.promises, {**found.digests, "sha256": found.sha256})
    if name is not None:
        raise DigestMismatch(f"the {name} of what came is not the promised one")
    promised = None if download.accepts else download.size
    if not arrived.framed and held.total is None and promised not in (None, found.size):
        raise Unreachable(f"the stream ended {found.size} bytes into {promised}")
    return found.sha256
