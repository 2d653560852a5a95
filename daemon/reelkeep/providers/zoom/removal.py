"""Look at one recording as it is now, and move it to the trash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reelkeep.core.model import Recording, RecordingId
from reelkeep.errors import BadAnswer
from reelkeep.providers.zoom.client import Question
from reelkeep.providers.zoom.json_values import objects, text, whole
from reelkeep.providers.zoom.limits import Label
from reelkeep.providers.zoom.shapes import GROUPS, sighting
from reelkeep.providers.zoom.wholes import Wholes


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes recordings of one account; never one file alone, and never for good."""

    wholes: Wholes

    async def current(self, recording: RecordingId) -> Recording:
        """Return the recording with every file that the provider has of it now.

        Raises:
            BadAnswer: It is not there, or the answer does not show all of it, or another one.
        """
        _require_instance(recording)
        said = await self.wholes.said(recording)
        named = text(said.get(self.wholes.angle.dialect.id))
        if named != recording:
            raise BadAnswer("asked for one recording, got an answer for another")
        _require_all(said)
        seen = sighting(said, self.wholes.angle)
        if seen is None:
            raise BadAnswer("expected a recording, got something else")
        return seen.recording

    async def trash(self, recording: RecordingId) -> None:
        """Move the whole recording to the trash, from where it can be taken back for 30 days.

        Raises:
            BadAnswer: The provider would not.
        """
        _require_instance(recording)

        def question(segment: str) -> Question:
            path = self.wholes.path.format(segment)
            return Question(path, (("action", "trash"),), Label.LIGHT, "DELETE")

        await self.wholes.asked(recording, question)


def _require_instance(recording: RecordingId) -> None:
    """Refuse a number: it names the latest instance of a meeting (provider notes, section 2.2)."""
    if recording.isdigit():
        raise BadAnswer("its id is a number, which may mean another instance of the meeting")


def _require_all(said: Mapping[str, Any]) -> None:
    """Refuse an answer that speaks of files which it does not show, or which we do not know."""
    unknown = [
        key for key, value in said.items() if key.endswith("_files") and value and key not in GROUPS
    ]
    if unknown:
        raise BadAnswer("it has files of a kind that is not known here")
    listed = [file for group in GROUPS for file in objects(said.get(group))]
    entries = sum(len(said[group]) for group in GROUPS if isinstance(said.get(group), list))
    if len(listed) != entries or (whole(said.get("recording_count")) or 0) > entries:
        raise BadAnswer("more files are announced than listed")
