"""The options that all providers share."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from reelkeep.core.filters import Criteria, Filter
from reelkeep.options.base import Options
from reelkeep.options.values import Duration, Identifier, Pattern, PositiveDuration, Text

Words = Annotated[tuple[Text, ...], Field(strict=False)]  # YAML has lists only


class CriteriaOptions(Options):
    """What a file is compared with; a key that is empty or absent decides nothing."""

    file_types: Words = ()
    """Types of files, such as MP4, M4A, CHAT, TRANSCRIPT; without regard to case."""
    recording_types: Words = ()
    """Types of recordings, such as shared_screen_with_speaker_view; without regard to case."""
    meeting_ids: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Ids of meetings or sessions."""
    topic: Pattern | None = None
    """A regular expression that matches anywhere in the topic; (?i) at its start ignores case."""
    min_duration: Duration | None = None
    """Matches recordings at least this long."""

    def criteria(self) -> Criteria:
        """Return these options as the core compares them."""
        return Criteria(
            file_types=frozenset(self.file_types),
            recording_types=frozenset(self.recording_types),
            meeting_ids=frozenset(self.meeting_ids),
            topic=self.topic,
            min_duration=self.min_duration,
        )


class ProviderOptions(Options):
    """One account at a recording service. Subclasses narrow `type` to one literal."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=64)]
    """Unique name: part of paths, log lines and metrics. Keep it once something is archived."""
    type: str
    """The kind of service."""
    enabled: bool = True
    """false: not polled."""
    interval: PositiveDuration = timedelta(minutes=5)
    """How often it is polled, with a jitter of 10 %."""

    def filter(self) -> Filter:
        """Return which files of this provider are wanted."""
        return Filter()
