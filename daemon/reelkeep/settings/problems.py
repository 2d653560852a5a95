"""What the values in `reelkeep.yaml` mean, and what is wrong, in words an operator can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo, WithJsonSchema

from reelkeep.config_types.provider import ProviderOptions
from reelkeep.config_types.values import Absent, Options, fault, nearest, surroundings
from reelkeep.core.layout import parse_file_name, parse_layout
from reelkeep.core.quantities import print_duration
from reelkeep.errors import ConfigError

Steps = tuple[str | int, ...]
"""The way from the top of the document to a value."""

_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at `steps`, in line `line`."""

    steps: Steps
    line: int
    message: str
    may_pass: bool = False  #: It is about something that is not there, and may come by itself.

    @property
    def path(self) -> str:
        """The steps as people write them: `providers[0].auth`; odd keys are not repeated."""
        path = ""
        for step in self.steps:
            if isinstance(step, int):
                path += f"[{step}]"
            else:
                path += f".{step}" if _WORD.fullmatch(step) else ".(odd key)"
        return path.removeprefix(".")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.steps else self.message


class InvalidSettings(ConfigError):
    """The configuration is wrong in each of the ways that `problems` lists."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{path}:{problem.line}: {problem}" for problem in problems))
        self.path = path
        self.problems = problems

    @property
    def may_pass(self) -> bool:
        """Whether waiting may help: all problems are about files that are not there."""
        return all(problem.may_pass for problem in self.problems)


def message_of(line: Mapping[str, Any]) -> str:
    """Return what one line of a pydantic error means: what was expected, and what was got.

    Text is repeated only where one of a few words, or a number, was expected.
    """
    kind, value, context = line["type"], line["input"], line.get("ctx", {})
    say = _SAY.get(kind)
    return say(value, context) if say else str(line["msg"])


def _told(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, date):
        return f"the date {value}"
    shown = json.dumps(value) if isinstance(value, str | int | float) else type(value).__name__
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _literal(value: object, context: Mapping[str, Any]) -> str:
    words = re.findall(r"'([^']*)'", context["expected"])
    return f"expected {' or '.join(words)}, got {_told(value)}{nearest(value, words)}"


def _text(value: object, _: Mapping[str, Any]) -> str:
    quotes = "; put it in quotes" if isinstance(value, bool | int | float | date) else ""
    return f"expected text, got {_told(value)}{quotes}"


def _mapping(value: object, _: Mapping[str, Any]) -> str:
    return f"expected keys and values, got {'text' if isinstance(value, str) else _told(value)}"


def _expected(text: str) -> Callable[[object, Mapping[str, Any]], str]:
    return lambda value, context: f"expected {text.format(**context)}, got {_told(value)}"


_SAY: Final[dict[str, Callable[[Any, Mapping[str, Any]], str]]] = {
    "missing": lambda _value, _context: "this key is missing, and has no default",
    "value_error": lambda _value, context: str(context["error"]),
    "literal_error": _literal,
    "string_type": _text,
    "model_type": _mapping,
    "bool_type": _expected("true or false"),
    "int_type": _expected("a whole number"),
    "float_type": _expected("a number"),
    "tuple_type": _expected("a list"),
    "greater_than": _expected("more than {gt}"),
    "greater_than_equal": _expected("at least {ge}"),
    "less_than": _expected("less than {lt}"),
    "less_than_equal": _expected("at most {le}"),
    "string_pattern_mismatch": _expected("text like {pattern}"),
    "string_too_long": _expected("at most {max_length} characters"),
}


SQLITE = "sqlite:///"


def parsable_file_name(value: str) -> str:
    """Return `value` if it is a template for the names of files."""
    parse_file_name(value)
    return value


def parsable_layout(value: str) -> str:
    """Return `value` if it is a layout that names each recording differently."""
    parse_layout(value)
    return value


def known_timezone(value: str) -> str:
    """Return `value` if this machine knows such a time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):  # of no such zone, of a folder, of a path
        raise ValueError(_no_zone(value)) from None
    return value


def _no_zone(value: str) -> str:
    if not available_timezones():
        return (
            "this machine has no time zone data, so that no time zone can be looked up; "
            "install the package tzdata of the system, or `pip install tzdata`"
        )
    return f"expected a time zone such as UTC or Europe/Berlin, got {value!a:.60}"


def readable_by_owner(mode: int) -> int:
    """Return `mode` if it lets the owner of a file read and write it."""
    if mode & 0o600 != 0o600:
        raise ValueError(f'expected a mode that lets its owner read and write, got "{mode:04o}"')
    return mode


def passable_by_owner(mode: int) -> int:
    """Return `mode` if it lets the owner of a folder do everything in it."""
    if mode & 0o700 != 0o700:
        raise ValueError(f'expected a mode that lets its owner do everything, got "{mode:04o}"')
    return mode


def existing(path: Path) -> Path:
    """Return `path` if a file is there."""
    if not path.is_file():
        raise Absent(f"expected a file, but there is none at {str(path)!a}")
    return path


def catalog_url(value: object, info: ValidationInfo) -> str:
    """Return the URL with an absolute path; four slashes begin one, three a relative one."""
    text = value if isinstance(value, str) else ""
    path = text.removeprefix(SQLITE)
    if not text.startswith(SQLITE):
        raise ValueError(
            "expected sqlite:////absolute/path or sqlite:///relative/path: "
            "this release keeps its catalog in SQLite only"
        )
    if not path or path.endswith("/") or path.startswith(":") or not path.isprintable():
        raise ValueError("expected the path of a file after sqlite:///; memory forgets")
    if "?" in path or "#" in path:
        raise ValueError("expected a path without ? and #")
    return f"{SQLITE}{surroundings(info).directory / path}"


def segments(value: object) -> int | str:
    """Return off, auto or a number of parallel ranges."""
    if value is False or value == "off":  # YAML reads an unquoted off as false
        return "off"
    count = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if value == "auto" or 1 <= count <= MOST_SEGMENTS:
        return "auto" if value == "auto" else count
    raise ValueError(f"expected off, auto or a number from 1 to {MOST_SEGMENTS}")


def _entry(value: object, info: ValidationInfo) -> ProviderOptions:
    """Return the options of one provider, validated by the model of its type."""
    if isinstance(value, ProviderOptions):
        return value
    if not isinstance(value, dict):
        raise ValueError("expected a mapping that begins with name: and type:")  # noqa: TRY004 - pydantic's rule
    model = _options_of(value.get("type"), info)
    around = surroundings(info)
    needed = around.asked(str(value.get("name")), value.get("enabled", True) is not False)
    options = model.model_validate(value, context=replace(around, needs_secrets=needed))
    if not isinstance(options, ProviderOptions):
        raise TypeError(f"the options of an adapter are ProviderOptions, not {model.__name__}")
    return options


def _options_of(type_: object, info: ValidationInfo) -> type[Options]:
    kinds = surroundings(info).kinds
    known = sorted(kinds)
    if isinstance(type_, str) and type_ in known:
        try:
            return kinds[type_].options
        except ConfigError as error:
            message = str(error)
    else:
        got = "nothing" if type_ is None else f"{type_!a}"
        message = f"expected one of {', '.join(known)}; got {got:.60}{nearest(type_, known)}"
    raise ValidationError.from_exception_data("provider", [fault(message, at=("type",))])


MOST_SEGMENTS = 64

Segments = Annotated[
    int | Literal["off", "auto"],
    PlainValidator(segments),
    WithJsonSchema(
        {
            "oneOf": [
                {"enum": ["off", "auto", False]},
                {"type": "integer", "minimum": 1, "maximum": MOST_SEGMENTS},
            ]
        }
    ),
]
"""How many parallel ranges one large file is fetched in."""

Entry = Annotated[
    SerializeAsAny[ProviderOptions],
    PlainValidator(_entry),
    WithJsonSchema({"type": "object"}),  # `schema` puts the options of each type here
]
"""One provider; its keys depend on its type."""


_DAY = timedelta(days=1)


def a_day_at_least(period: timedelta) -> timedelta:
    """Refuse a period in which a disk would do little else."""
    if period < _DAY:
        raise ValueError(f"expected 1d or more, got {print_duration(period)}")
    return period
