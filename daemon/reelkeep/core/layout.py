"""Say in which folder a recording is kept, and what its files are called.

A layout is a template such as `{provider}/{start:%Y/%m/%d}/{start:%H%M%S}-{title}-{key}`. Slashes
of the template, also within a date format, separate folders; text from a provider never does.

* An empty field takes one of its two separators (`-`, `_`, space, `.`) with it, and a bracket
  pair around it; a folder of which nothing is left vanishes.
* Where the start is unknown, the first date of the template reads `undated`, the rest is empty.
* What is too long loses the end of its title or user, whichever is longer; never id or key.
* Two recordings never share a folder, not even on a disk that ignores case: an id that is not
  plain lower-case letters and digits is followed by the key, unless the template holds the key;
  and where titles or users surround id or key so that they could imitate it, the key is added.

Text from a provider separates no folders; an empty field takes one of its separators with it, as in
a layout. What is too long loses the end of its title, user or speaker. If nothing is left, the file
is called as without a template. Who names files adds a number where a name is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from string import Formatter
from typing import Final

from reelkeep.core.model import File, Recording
from reelkeep.core.naming import NAME_BYTES, STEM_BYTES, SafeName, file_name, safe_name, shorten

_FIELDS = ("provider", "start", "title", "user", "number", "id", "key")
_FREE = frozenset({"title", "user", "number"})
_DIRECTIVES = frozenset("aAbBdfGHIjmMpSuUVwWyYzZ%")
_DEFAULT_DATE = "%Y-%m-%dT%H%M%S"
_UNDATED = "undated"
_SEPARATORS = "-_ ."
EMPTY = "\0"  # stands for an empty field; it occurs in no template and in no clean text
_AROUND_EMPTY = re.compile(rf"([{_SEPARATORS}]*)(?:{EMPTY}([{_SEPARATORS}]*))+")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_PLAIN_ID = re.compile(r"[a-z0-9]{1,64}")
_ID_BYTES = 64
_PROVIDER_BYTES = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A literal `text`; or a `field`, with the date format in `text` if it is a start."""

    text: str
    field: str = ""


_Component = tuple[Piece, ...]
_KEY: _Component = (Piece("-"), Piece("", "key"))


@dataclass(frozen=True, slots=True)
class Value:
    """A piece with its text filled in. `elastic` may be shortened, `identity` must survive."""

    text: str
    elastic: bool = False
    identity: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A template that passed `parse_layout`."""

    template: str
    components: tuple[_Component, ...] = field(repr=False)

    def folder(
        self,
        *,
        provider: str,
        start: datetime | None,
        title: str,
        user: str,
        number: str = "",
        id: str,  # noqa: A002 - the field's public name
        key: str,
        timezone: tzinfo,
    ) -> tuple[SafeName, ...]:
        """Return the folder of a recording as path components below the archive.

        `start` is aware; `key` is what `naming.key` gives. Equal arguments give equal folders.

        Raises:
            ValueError: `start` is naive.
        """
        texts = {
            "provider": str(safe_name(provider, limit=_PROVIDER_BYTES, fallback="")),
            "title": tidy(title),
            "user": tidy(user),
            "number": tidy(number),
            "id": self._identity(id, key),
            "key": key,
        }
        local = local_start(start, timezone)
        undated = iter([_UNDATED])
        names: list[SafeName] = []
        for component in self.components:
            values = [_value(piece, texts, local, undated) for piece in component]
            if name := _name(values, key):
                names.append(name)
        return tuple(names)

    def _identity(self, recording_id: str, key: str) -> str:
        if _PLAIN_ID.fullmatch(recording_id):
            return recording_id
        name = safe_name(recording_id, limit=_ID_BYTES, fallback="id")
        return name if _places(self.components, "key") else f"{name}-{key}"


def parse_layout(template: str) -> Layout:
    """Read a template.

    Raises:
        ValueError: What is wrong with it, in words for the operator.
    """
    if "\\" in template:
        raise ValueError("a layout separates folders by /, not by \\")
    if template.startswith("/"):
        raise ValueError("a layout is relative to the archive and begins without /")
    components = _split(pieces(template))
    for component in components:
        _check(component)
    place = _places(components, "key") or _places(components, "id")
    if not place:
        raise ValueError("a layout contains {id} or {key}, else recordings would share a folder")
    if all(_open_to_imitation(components, *where) for where in place):
        last, _position = place[-1]
        components[last] += _KEY
    return Layout(template, tuple(components))


def pieces(template: str, fields: Sequence[str] = _FIELDS, what: str = "layout") -> Iterator[Piece]:
    """Read the literals and fields of a template.

    Raises:
        ValueError: What is wrong with it, in words for the operator.
    """
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"a brace of the {what} is not closed or not opened: {error}") from None
    for literal, name, spec, conversion in parsed:
        if literal:
            yield Piece(literal)
        if name is not None:
            if name not in fields:
                known = " ".join(f"{{{each}}}" for each in fields)
                raise ValueError(f"the {what}'s field {{{name}}} is none of {known}")
            yield _field(name, spec or "", conversion, what)


def _field(name: str, spec: str, conversion: str | None, what: str) -> Piece:
    if conversion or (spec and name != "start"):
        raise ValueError(f"only {{start}} takes a format, not {{{name}}}")
    if name != "start":
        return Piece("", name)
    spec = spec or _DEFAULT_DATE
    directives = re.findall(r"%(.?)", spec, re.DOTALL)
    unknown = [each for each in directives if each not in _DIRECTIVES]
    if unknown or not directives:
        known = " ".join(f"%{each}" for each in sorted(_DIRECTIVES))
        what = f"%{unknown[0]}" if unknown else "no date in it"
        raise ValueError(f"the {what}'s {{start:{spec}}} has {what}; there are {known}")
    return Piece(spec, name)


def _split(pieces: Iterable[Piece]) -> list[_Component]:
    components: list[_Component] = [()]
    for piece in pieces:
        for count, text in enumerate(piece.text.split("/")):
            if count:
                components.append(())
            if text or piece.field not in {"", "start"}:
                components[-1] += (replace(piece, text=text),)
    return components


def _check(component: _Component) -> None:
    if not component:
        raise ValueError("a layout has no empty folder: no / at the end, no two in a row")
    if component[0].text.startswith("."):
        raise ValueError("no folder of a layout begins with a dot (also not . and ..)")
    for piece in component:
        if found := _FORBIDDEN.search(piece.text):
            raise ValueError(f"{found[0]} cannot stand in a layout: Windows has no such names")
        if any(unicodedata.category(char).startswith("C") for char in piece.text):
            raise ValueError("invisible characters cannot stand in a layout")


def _places(components: Sequence[_Component], name: str) -> list[tuple[int, int]]:
    """Return where the field `name` stands: index of the component, index within it."""
    return [
        (index, position)
        for index, component in enumerate(components)
        for position, piece in enumerate(component)
        if piece.field == name
    ]


def _open_to_imitation(components: Sequence[_Component], index: int, position: int) -> bool:
    """Whether another recording's title or user could be read as this id or key.

    It can if free text stands on both sides of it, as then nothing says where it begins; the
    same holds for whole folders that may vanish on both sides. An id has no fixed length: it
    needs a separator too.
    """
    component = components[index]
    before, after = component[:position][::-1], component[position + 1 :]
    if any(map(_vanishes, components[:index])) and any(map(_vanishes, components[index + 1 :])):
        return True
    own = component[position].field
    foreign = _FREE | {"id"} - {own}
    if any(p.field in foreign for p in before) and any(p.field in foreign for p in after):
        return True
    return own == "id" and not (_apart(before, -1) and _apart(after, 0))


def _vanishes(component: _Component) -> bool:
    return all(
        p.field in _FREE or (not p.field and not p.text.strip(_SEPARATORS)) for p in component
    )


def _apart(side: Sequence[Piece], nearest: int) -> bool:
    """Whether `side`, listed from the id outwards, is constant or begins with a separator."""
    if all(not piece.field for piece in side):
        return True
    return not side[0].field and side[0].text[nearest] in _SEPARATORS


def tidy(text: str) -> str:
    """Return foreign text as a part of a name, '' if nothing of it is left."""
    return safe_name(text, fallback="").strip(_SEPARATORS)


def local_start(start: datetime | None, timezone: tzinfo) -> datetime | None:
    """Return `start` in `timezone`.

    Raises:
        ValueError: It is naive.
    """
    if start is None:
        return None
    if start.utcoffset() is None:
        raise ValueError("the start of a recording has no time zone")
    try:
        return start.astimezone(timezone)
    except OverflowError:  # within a day of year 1 or 9999: as good as any
        return start


def _value(
    piece: Piece, texts: dict[str, str], local: datetime | None, undated: Iterator[str]
) -> Value:
    if not piece.field:
        return Value(piece.text)
    if piece.field == "start":
        text = next(undated, "") if local is None else local.strftime(piece.text)
        return Value(safe_name(text, fallback="") or EMPTY)
    text = texts[piece.field] or EMPTY
    return Value(text, elastic=piece.field in _FREE, identity=piece.field in {"id", "key"})


def _name(values: Sequence[Value], key: str) -> SafeName:
    """Return one component, or "" if nothing is left of it."""
    candidates = (joined(values, cap) for cap in range(NAME_BYTES, -1, -1))
    fitting = (text for text in candidates if len(text.encode()) <= NAME_BYTES)
    text = next(fitting, "") or joined(values, 0)
    name = safe_name(text, fallback="")
    if all(value.text in name for value in values if value.identity):
        return name
    ending = f"-{key}"  # too much of everything else
    return SafeName(safe_name(text, limit=NAME_BYTES - len(ending)) + ending)


def joined(values: Sequence[Value], cap: int) -> str:
    """Return the values in a row, elastic ones cut to `cap` bytes, without what is empty."""
    text = "".join(_shortened(value.text, cap) if value.elastic else value.text for value in values)
    for pair in ("()", "[]", "{}"):
        text = text.replace(pair[0] + EMPTY + pair[1], EMPTY)
    return _AROUND_EMPTY.sub(_closed_up, text)


def _shortened(text: str, cap: int) -> str:
    return shorten(text, cap).rstrip(_SEPARATORS) or EMPTY


def _closed_up(gap: re.Match[str]) -> str:
    at_an_edge = gap.start() == 0 or gap.end() == len(gap.string)
    return "" if at_an_edge else gap[1] or gap[2]


DEFAULT: Final = "{stem}.{ext}"
_END = ".{ext}"
_FILE_FIELDS = ("stem", "recording_type", "speaker", "title", "start", "user", "number", "ext")
_ELASTIC = frozenset({"title", "user", "speaker"})
_IN_NO_NAME = frozenset('<>:"|?*/\\')


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
    parts = tuple(pieces(template.removesuffix(_END), _FILE_FIELDS, "file name"))
    if not any(piece.field for piece in parts):
        raise ValueError("a file name has a field before .{ext}, such as {stem}")
    if any(piece.field == "ext" for piece in parts):
        raise ValueError("{ext} stands once in a file name, at its end")
    if template.startswith("."):
        raise ValueError("no file name begins with a dot")
    for char in "".join(piece.text for piece in parts):
        if char in _IN_NO_NAME:
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
