"""What the two APIs call the same things, and the paths of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote


def encoded(uuid: str, *, twice: bool = False) -> str:
    """Return a meeting's or session's id as one segment of a path.

    These ids are base64. One with a slash must be encoded twice, or it is not found (provider
    notes, section 2.2); any other may be.
    """
    once = quote(uuid, safe="")
    return quote(once, safe="") if twice or "/" in uuid else once


def user(name: str) -> str:
    """Return a user's id or address as one segment of a path."""
    return quote(name, safe="@")


SINGLE_FILES: Final = "recording_file"
"""The value of `trash_type` that lists files that were trashed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The words of one API."""

    entries: str  #: The list in a listing.
    id: str  #: What names a recording, for ever.
    number: str  #: What an operator filters by.
    title: str
    handle: str = ""  #: What an application calls a recording.
    trash: tuple[str, str]  #: The two values of `trash_type`.


MEETINGS = Dialect(
    entries="meetings",
    id="uuid",
    number="id",
    title="topic",
    trash=("meeting_recordings", SINGLE_FILES),
)

SESSIONS = Dialect(
    entries="sessions",
    id="session_id",
    number="session_id",
    title="session_name",
    handle="session_key",
    trash=("session_recordings", SINGLE_FILES),
)
