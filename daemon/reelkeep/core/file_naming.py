"""Name the files of a recording by a template such as `{start:%Y-%m-%d} {title} {stem}.{ext}`.

Text from a provider separates no folders; an empty field takes one of its separators with it, as in
a layout. What is too long loses the end of its title, user or speaker. If nothing is left, the file
is called as without a template. Who names files adds a number where a name is taken.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final

from reelkeep.core.layout import EMPTY, Piece, Value, joined, local_start, pieces, tidy
from reelkeep.core.model import File, Recording
from reelkeep.core.naming import STEM_BYTES, SafeName, file_name, safe_name

DEFAULT: Final = "{stem}.{ext}"
_END = ".{ext}"
_FIELDS = ("stem", "recording_type", "speaker", "title", "start", "user", "number", "ext")
_ELASTIC = frozenset({"title", "user", "speaker"})
_FORBIDDEN = frozenset('<>:"|?*/\\')


@dataclass(frozen=True, slots=True)
class FileNames:
    """A template that passed `parse_file_name`, and the time zone of its dates."""

    template: str = DEFAULT
    timezone: tzinfo = UTC
    parts: tuple[Piece, ...] = field(default=(), repr=False)

    def name(self, recording: Recording, file: File, *, number: int) -> SafeName:
        """Return what `file` is called; `number` counts from 1 as long as the name is taken."""
        if self.template == DEFAULT:
            return file_name(file.stem, file.extension, number=number)
        stem = self._stem(recording, file) or file.stem
        return file_name(stem, file.extension, number=number, marks_first=False)

    def _stem(self, recording: Recording, file: File) -> str:
        values = [self._value(piece, recording, file) for piece in self.parts]
        longest = max((len(value.text.encode()) for value in values), default=0)
        candidates = (joined(values, cap) for cap in range(min(longest, STEM_BYTES), -1, -1))
        fitting = (text for text in candidates if len(text.encode()) <= STEM_BYTES)
        return safe_name(next(fitting, joined(values, 0)), limit=STEM_BYTES, fallback="")

    def _value(self, piece: Piece, recording: Recording, file: File) -> Value:
        if not piece.field:
            return Value(piece.text)
        if piece.field == "start":
            start = local_start(recording.started, self.timezone)
            return Value(EMPTY if start is None else tidy(start.strftime(piece.text)) or EMPTY)
        number = "" if recording.meeting_id == recording.id else recording.meeting_id
        texts = {
            "stem": file.stem,
            "recording_type": file.recording_type or file.stem,
            "speaker": _speaker(file),
            "title": recording.title,
            "user": recording.user,
            "number": number,
        }
        return Value(tidy(texts[piece.field]) or EMPTY, elastic=piece.field in _ELASTIC)


def parse_file_name(template: str, timezone: tzinfo = UTC) -> FileNames:
    """Read a template.

    Raises:
        ValueError: What is wrong with it, in words for the operator.
    """
    if not template.endswith(_END):
        raise ValueError(f"a file name ends with {_END}: programs tell by it what a file is")
    parts = tuple(pieces(template.removesuffix(_END), _FIELDS, "file name"))
    if not any(piece.field for piece in parts):
        raise ValueError("a file name has a field before .{ext}, such as {stem}")
    if any(piece.field == "ext" for piece in parts):
        raise ValueError("{ext} stands once in a file name, at its end")
    if template.startswith("."):
        raise ValueError("no file name begins with a dot")
    for char in "".join(piece.text for piece in parts):
        if char in _FORBIDDEN:
            raise ValueError(f"{char} cannot stand in a file name")
        if unicodedata.category(char).startswith("C"):
            raise ValueError("invisible characters cannot stand in a file name")
    return FileNames(template, timezone, parts)


def _speaker(file: File) -> str:
    """Return who is heard or seen in a participant's file, as its provider says it."""
    named, ending = file.facts.get("file_name"), f".{file.extension}"
    if isinstance(named, str) and named:
        return named[: -len(ending)] if named.lower().endswith(ending) else named
    key = file.facts.get("user_key")
    return key if isinstance(key, str) else ""
