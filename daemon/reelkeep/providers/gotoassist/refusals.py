"""Say which recordings the API refuses or cannot answer for, each once."""

from __future__ import annotations

from collections import OrderedDict

from reelkeep.core.model import RecordingId
from reelkeep.errors import ProviderError
from reelkeep.ports import Report

CAPACITY = 5_000
"""Recordings that are remembered; the one that was not refused for longest is forgotten first."""


class Refusals:
    """Reports of one account, whichever call it was that was refused."""

    def __init__(self, provider: str, report: Report) -> None:
        self._provider = provider
        self._report = report
        self._told: OrderedDict[RecordingId, None] = OrderedDict()

    def tell(self, recording: RecordingId, error: ProviderError) -> None:
        """Report that `recording` is refused or spoils its batch, unless that was said before."""
        is_news = recording not in self._told
        self._told[recording] = None
        self._told.move_to_end(recording)
        if len(self._told) > CAPACITY:
            self._told.popitem(last=False)
        if is_news:
            self._report(
                "provider.refused",
                provider=self._provider,
                recording=recording,
                code=error.code,
                reason=str(error),
            )
