"""Put together what reads the archive of a house again, a little at a time."""

from __future__ import annotations

from collections.abc import Collection

from reelkeep.app.resources import Resources
from reelkeep.archive.threads import Pace
from reelkeep.core.integrity import Verdict
from reelkeep.stages.integrity_check import Inspector, Scrubber


def make_scrubber(house: Resources) -> Scrubber | None:
    """Return the scrubber of `house`, None if `archive.scrub` turns it off."""
    period = house.settings.archive.scrub
    if period is None:
        return None
    pace = Pace()

    async def read(folder: str, *, known: Collection[str] = ()) -> Verdict:
        return await house.archive.verify(folder, known=known, pace=pace)

    return Scrubber(
        Inspector(read, house.checks, report=house.report),
        house.checks,
        period=period,
        clock=house.clock,
        report=house.report,
        slow=pace.keep_to,
    )
