"""Ask a provider again for single recordings of which something is unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reelkeep.core.admission import UNLISTED
from reelkeep.core.model import Recording, RecordingId
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.ports import Intake, Missed, Provider, Reviewer
from reelkeep.stages.blame import blamed

MOST: Final = 20
"""Recordings that are asked for after one poll: one request each."""


class Review:
    """What is unavailable of one provider, while a poll goes on.

    A poll lists what began lately, and what is in the trash. What is unavailable and was not
    listed may have left the trash, or have an address by now, however old it is.
    """

    def __init__(self, provider: Reviewer, missed: Sequence[Missed]) -> None:
        self._provider = provider
        self._missed = {each.recording: each for each in missed}
        self._listed: set[RecordingId] = set()

    def see(self, batch: Sequence[Recording]) -> None:
        """Note what is listed with all that was unavailable of it."""
        for recording in batch:
            missed = self._missed.get(recording.id)
            if missed is None:
                continue
            known = {file.id for file in recording.files}
            if recording.shortfall is not None:
                known.add(UNLISTED)
            if missed.files <= known:
                self._listed.add(recording.id)

    async def ask(self, intake: Intake, provider: Provider, *, complete: bool) -> bool:
        """Ask for what was not listed, and for what is to be asked for; return whether it helped.

        Unless all listings were `complete`, what is not found is not concluded to be gone.
        """
        found: list[Recording] = []
        absent: list[RecordingId] = []
        for recording in self._chosen(complete=complete):
            try:
                with blamed():
                    seen = await self._provider.look_up(recording)
            except BadAnswer:
                continue  # it stays as it is; listings say more
            except ProviderError:
                break
            if seen is not None:
                found.append(seen)
            elif recording not in self._listed:
                absent.append(recording)
        if not found and not absent:
            return False
        return await intake.reviewed(provider.name, provider.traits, found, absent, gone=complete)

    def _chosen(self, *, complete: bool) -> list[RecordingId]:
        wanted = [
            each.recording
            for each in self._missed.values()
            if not each.asked or (complete and each.recording not in self._listed)
        ]
        return wanted[:MOST]


async def begin(provider: Provider, intake: Intake) -> Review | None:
    """Return the review of a poll that begins; None if there is nothing to ask for."""
    if not isinstance(provider, Reviewer):
        return None
    missed = await intake.missed(provider.name)
    return Review(provider, missed) if missed else None
