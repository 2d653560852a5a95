"""Ask for one recording as it is now, and move it to the trash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from reelkeep.core.model import Recording, RecordingId, Shortfall
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.providers.zoom.api_errors import ApiVerdict, Denied
from reelkeep.providers.zoom.client import Question, ZoomClient
from reelkeep.providers.zoom.endpoints import encoded
from reelkeep.providers.zoom.json_values import objects, text, whole
from reelkeep.providers.zoom.limits import Label
from reelkeep.providers.zoom.recording_parsing import (
    AUDIO,
    GROUPS,
    ParseOptions,
    Sighting,
    sighting,
)

NOWHERE: Final = RecordingId("AAAAAAAAAAAAAAAAAAAAAA==")
"""The id of no recording: whether one may ask for it shows in how it is not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingApi:
    """Asks for one recording; `path` has a place for its encoded id."""

    client: ZoomClient
    path: str
    parse_options: ParseOptions

    async def get(
        self, recording: RecordingId, *, patient: bool = True, asked_for: bool = False
    ) -> Sighting:
        """Return all that is known of a recording now, also what listings do not show.

        Unless `patient`, an outage is not waited for. With `asked_for`, the audio of participants
        is left out if nobody asked for it.

        Raises:
            Denied: There is none, or not for us.
            BadAnswer: The answer is no recording, or another one.
        """
        said = await self.said(recording, patient=patient)
        if text(said.get(self.parse_options.dialect.id)) not in ("", recording):
            raise BadAnswer("asked for one recording, got an answer for another")
        if asked_for and not self.parse_options.audio:
            said = {key: value for key, value in said.items() if key != AUDIO}
        seen = sighting({**said, self.parse_options.dialect.id: recording}, self.parse_options)
        if seen is None:
            raise BadAnswer("expected a recording, got something else")
        return _compared(seen) if self.parse_options.audio else seen

    async def said(self, recording: RecordingId, *, patient: bool = True) -> dict[str, Any]:
        """Return what is said of a recording now; errors as for `get`."""
        body = await self.asked(recording, self.question, patient=patient)
        wrapped = list(objects(body.get(self.parse_options.dialect.entries)))
        return wrapped[0] if len(wrapped) == 1 else body

    async def asked(
        self, recording: RecordingId, question: Callable[[str], Question], *, patient: bool = True
    ) -> dict[str, Any]:
        """Return the answer to a question about a recording, whichever encoding its id wants."""
        try:
            return await self.client.ask(question(encoded(recording)), patient=patient)
        except Denied as denied:
            twice = encoded(recording, twice=True)
            if denied.verdict is not ApiVerdict.NO_MEETING or twice == encoded(recording):
                raise
        return await self.client.ask(question(twice), patient=patient)

    async def are_served(self) -> bool:
        """Return whether one may ask for recordings at all: by one that does not exist.

        How it is not found is not documented; that it is not, is for those only who may ask.
        """
        try:
            await self.client.ask(self.question(encoded(NOWHERE)), patient=False)
        except Denied as denied:
            return denied.status == 404
        except ProviderError:
            return False
        return True

    def question(self, segment: str) -> Question:
        """Return the question for the recording whose encoded id is `segment`."""
        return Question(self.path.format(segment), label=Label.LIGHT)


def _compared(seen: Sighting) -> Sighting:
    """Return `seen`; where nothing is announced, all of an answer with audio is all there is."""
    if seen.recording.shortfall is not None:
        return seen
    return replace(seen, recording=replace(seen.recording, shortfall=Shortfall()))


@dataclass(frozen=True, slots=True)
class Removal:
    """Removes recordings of one account; never one file alone, and never for good."""

    wholes: RecordingApi

    async def current(self, recording: RecordingId) -> Recording:
        """Return the recording with every file that the provider has of it now.

        Raises:
            BadAnswer: It is not there, or the answer does not show all of it, or another one.
        """
        _require_instance(recording)
        said = await self.wholes.said(recording)
        named = text(said.get(self.wholes.parse_options.dialect.id))
        if named != recording:
            raise BadAnswer("asked for one recording, got an answer for another")
        _require_all(said)
        seen = sighting(said, self.wholes.parse_options)
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
