"""Put together what reads the archive again, a little at a time."""

from __future__ import annotations

from collections.abc import Collection

from reelkeep.app.resources import Resources
from reelkeep.archive.threads import Pace
from reelkeep.core.integrity import FolderVerdict
from reelkeep.stages.integrity_check import Inspector, Scrubber


def make_scrubber(resources: Resources) -> Scrubber | None:
    """Return the scrubber of `resources`, None if `archive.scrub` turns it off."""
    period = resources.settings.archive.scrub
    if period is None:
        return None
    pace = Pace()

    async def read(folder: str, *, known: Collection[str] = ()) -> FolderVerdict:
        return await resources.archive.verify(folder, known=known, pace=pace)

    return Scrubber(
        Inspector(read, resources.checks, report=resources.report),
        resources.checks,
        period=period,
        clock=resources.clock,
        report=resources.report,
        slow=pace.keep_to,
    )
