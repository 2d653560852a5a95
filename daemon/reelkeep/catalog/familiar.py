"""Remember what was admitted as it is listed: a poll lists most of it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from reelkeep.core.model import ProviderName, RecordingId

MOST: Final = 10_000
"""Recordings that are remembered; those that were longest not listed are forgotten first."""


class Familiar:
    """The marks of recordings that the catalog holds just so, in memory only.

    No row of a recording is ever deleted, and only admitting it changes its mark: as long as one
    process admits, admitting the same mark again would change nothing. `forget` comes before
    admitting, so that nothing is believed of what was cut short.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._marks: OrderedDict[tuple[ProviderName, RecordingId], str] = OrderedDict()

    def knows(self, name: ProviderName, id_: RecordingId, mark: str) -> bool:
        """Return whether the catalog holds the recording with this mark."""
        if self._marks.get((name, id_)) != mark:
            return False
        self._marks.move_to_end((name, id_))
        return True

    def forget(self, name: ProviderName, ids: Iterable[RecordingId]) -> None:
        """Note that these recordings are about to change."""
        for id_ in ids:
            self._marks.pop((name, id_), None)

    def remember(self, name: ProviderName, id_: RecordingId, mark: str) -> None:
        """Note that the catalog holds the recording with this mark; it was forgotten before."""
        self._marks[name, id_] = mark
        while len(self._marks) > self._most:
            self._marks.popitem(last=False)
