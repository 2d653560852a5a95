"""Know where the polls of one provider stand, and note it in the catalog."""

from __future__ import annotations

from dataclasses import replace

from reelkeep.core.model import ProviderName
from reelkeep.ports import Intake, Scan
from reelkeep.stages.rarely import Rarely

NOTE = 10.0
"""Seconds between two notes that say nothing but that it was polled again, at least."""


class Bookmark:
    """Where the polls of one provider stand. Nobody else moves it, unless the clock was set.

    The catalog is read once. What a poll changes is written at once; that nothing but time went by
    is written now and then: after a crash, a little more is listed again.
    """

    def __init__(self, name: ProviderName, intake: Intake) -> None:
        self._name = name
        self._intake = intake
        self._scan: Scan | None = None
        self._noted = Scan()
        self._notes = Rarely(NOTE)

    async def read(self) -> Scan:
        """Return what was read of the provider so far.

        Raises:
            CatalogError: The catalog failed us.
        """
        if self._scan is None:
            self._scan = self._noted = await self._intake.scan(self._name)
        return self._scan

    def forget(self) -> None:
        """Read the catalog again the next time: somebody else has changed it."""
        self._scan = None

    async def move(self, scan: Scan) -> None:
        """Replace what was read of the provider.

        Raises:
            CatalogError: The catalog failed us; nothing was replaced.
        """
        if self._notes.due or not _later(self._noted, scan):
            await self._intake.scanned(self._name, scan)
            self._noted = scan
            self._notes.done()
        self._scan = scan


def _later(noted: Scan, scan: Scan) -> bool:
    """Return whether `scan` says no more than `noted`, but at other times."""
    return scan == replace(
        noted, polled_at=scan.polled_at, deep_at=scan.deep_at, covered_until=scan.covered_until
    )
