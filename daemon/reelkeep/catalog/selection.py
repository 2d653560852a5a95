"""Narrow a query of recordings by what people know of them, in any script and case."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column

from reelkeep.catalog.tables import Instant, recording
from reelkeep.core.model import Window


def folded(text: str) -> str:
    """Return `text` as it is compared; SQLite itself knows the case of ASCII only."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a recording must have; what is empty is not asked for."""

    title: str = ""  #: A part of the title, in upper or lower case.
    user: str = ""  #: A part of the user's address or name, in upper or lower case.
    number: str = ""  #: The meeting number, digits only.
    began: Window | None = None  #: One of which nobody knows the start counts from first seen.


BEGAN: ColumnElement[Any] = func.coalesce(
    recording.c.started, recording.c.first_seen, type_=Instant
)
"""When a recording began, or was first seen: the order of `recording_began` of each provider."""


def selected(query: Select[Any], selection: Selection) -> Select[Any]:
    """Return `query` with the conditions of `selection`."""
    if selection.number:
        query = query.where(has_number(selection.number))
    for column, text in ((recording.c.title, selection.title), (recording.c.user, selection.user)):
        if text:
            query = query.where(func.instr(func.folded(column), folded(text)) > 0)
    if selection.began is not None:
        query = query.where((selection.began.since <= BEGAN) & (selection.began.until > BEGAN))
    return query


def has_number(number: str) -> ColumnElement[bool]:
    """Return the condition that a recording has this meeting number; the index is partial."""
    return (recording.c.meeting_id == number) & (recording.c.meeting_id != literal_column("''"))


def has_handle(text: str) -> ColumnElement[bool]:
    """Return the condition that it has this meeting number, or is of the session with this key."""
    has_key = (recording.c.session_key == text) & (recording.c.session_key != literal_column("''"))
    return has_number(text) | has_key
