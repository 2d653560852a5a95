"""Decide whether a complete part is the file that was promised, and how sure that is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from reelkeep.core.digests import broken, level, needed
from reelkeep.core.media import Kind
from reelkeep.core.model import Download, Level
from reelkeep.errors import Damaged, DigestMismatch, SizeMismatch, Unreachable
from reelkeep.ports import Part
from reelkeep.stages.stream import Arrived, download_kind

_UNKNOWN_INSIDE = (Kind.OPAQUE, Kind.TEXT)
_OPEN_ENDED = (*_UNKNOWN_INSIDE, Kind.VTT)
"""Kinds that look whole wherever they are cut."""

READINGS = 1000
"""Files remembered at most that are to be read once more."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a verified part."""

    size: int
    sha256: str
    level: Level


class Verifier:
    """Verifies parts before they get a name (rules 36 to 41 of the transfer notes)."""

    def __init__(self) -> None:
        self._readings: OrderedDict[int, str] = OrderedDict()

    async def verify(self, download: Download, part: Part, arrived: Arrived) -> Proof:
        """Return the proof for `part`, whose last bytes have `arrived`.

        What a range promises is checked where the part's own promises are silent.

        Raises:
            SizeMismatch, DigestMismatch, Damaged: These are not the promised bytes.
            Unreachable: Nothing tells whether these are all the bytes; ask for them once more.
        """
        held = part.held
        promises = {**arrived.promises, **held.promises}
        inspection = await part.inspect(needed(promises))
        for promised in (download.size, held.total):
            if promised not in (None, inspection.size):
                raise SizeMismatch(f"{promised} bytes were promised, {inspection.size} came")
        actual = {**inspection.digests, "sha256": inspection.sha256}
        name = broken(promises, actual)
        if name is not None:
            raise DigestMismatch(f"the {name} of what came is not the promised one")
        wrong = await part.check(download.file_type)
        if wrong is not None:
            raise Damaged(wrong)
        sized = download.size is not None or held.total is not None
        proven = level(promises, actual)
        if not (proven or sized or arrived.framed) and download_kind(download) in _OPEN_ENDED:
            self._need_two_readings(download, inspection.sha256)
        found = proven or structural_level(download, sized=sized)
        return Proof(inspection.size, inspection.sha256, found)

    def _need_two_readings(self, download: Download, sha256: str) -> None:
        """A body that just ends may have been cut: only the same bytes twice are believed."""
        if self._readings.pop(download.row, None) == sha256:
            return
        self._readings[download.row] = sha256
        while len(self._readings) > READINGS:
            self._readings.popitem(last=False)
        raise Unreachable("nothing says where this file ends; it is read once more to compare")


def structural_level(download: Download, *, sized: bool) -> Level:
    """Return the level that size and container alone give."""
    contained = download_kind(download) not in _UNKNOWN_INSIDE
    if sized:
        return Level.SIZE_CONTAINER if contained else Level.SIZE
    return Level.CONTAINER if contained else Level.NONE
