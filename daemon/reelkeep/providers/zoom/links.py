"""Remember for a short while where files can be had."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from reelkeep.core.model import FileId, RecordingId
from reelkeep.ports import Clock
from reelkeep.providers.zoom.shapes import Sighting

LIFE: Final = timedelta(hours=1)
MOST: Final = 8_192


class Links:
    """The addresses of the latest sightings, in memory only; the oldest are forgotten first."""

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._known: OrderedDict[tuple[RecordingId, FileId], tuple[datetime, str]] = OrderedDict()

    def remember(self, sighting: Sighting) -> None:
        """Keep the addresses of a sighting."""
        now = self._clock()
        for file, url in sighting.urls.items():
            key = (sighting.recording.id, file)
            self._known[key] = (now, url)
            self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def recall(
        self, recording: RecordingId, file: FileId, *, since: datetime | None = None
    ) -> str | None:
        """Return an address no older than `LIFE`, and seen at or after `since` if given."""
        at, url = self._known.get((recording, file), (None, ""))
        oldest = since or self._clock() - LIFE
        is_young = at is not None and oldest <= at <= self._clock()
        return url if is_young else None
