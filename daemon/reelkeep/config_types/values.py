"""Types of single values, each with its spelling in YAML and its JSON Schema."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from reelkeep.config_types.base import surroundings
from reelkeep.core.quantities import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
    print_duration,
    print_size,
)

_DURATION_EXAMPLES = ["250ms", "30s", "5m", "2h", "7d", "1h30m"]


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(value)


def _longer_than_nothing(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("expected a duration longer than 0s, got 0s")
    return value


def _more_than_nothing(value: int) -> int:
    if value <= 0:
        raise ValueError("expected a size of at least 1 byte, got 0")
    return value


def _moment(value: object) -> datetime:
    """Return the aware UTC moment of a date (its midnight) or a time (without zone: UTC)."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(read, date) and not isinstance(read, datetime):
            read = datetime.combine(read, time())
        if isinstance(read, datetime):
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected an ISO 8601 date such as 2020-01-31 or 2020-01-31T12:00:00Z")


def _print_moment(value: datetime) -> str:
    day_only = value.time() == time()
    return value.date().isoformat() if day_only else value.isoformat().replace("+00:00", "Z")


def _path(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("expected a path")
    return surroundings(info).directory / value


def _mode(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3,4}", value):
        return int(value, 8)
    raise ValueError('expected an octal mode in quotes, such as "0640"')


def _identifier(value: object) -> str:
    """Return a number's digits, or the text; a float has lost digits already."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if isinstance(value, str) and value.strip() and value.isprintable():
        return re.sub(r"[ -]", "", value) if re.fullmatch(r"[0-9 -]+", value) else value.strip()
    raise ValueError("expected an id: a number, or text in quotes")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    return value


def _text(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("expected text that is neither empty nor holds control characters")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(print_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": DURATION_PATTERN,
            "minLength": 2,
            "examples": _DURATION_EXAMPLES,
        }
    ),
]
"""A length of time, as `30s 5m 2h 7d 250ms`."""

PositiveDuration = Annotated[Duration, AfterValidator(_longer_than_nothing)]

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(print_size, return_type=str),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": SIZE_PATTERN,
            "minimum": 0,
            "examples": ["64KiB", "10MB", "1GiB", 4096],
        }
    ),
]
"""A number of bytes, as `64KiB 10MB 1GiB` or a plain number."""

PositiveSize = Annotated[Size, AfterValidator(_more_than_nothing)]

Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(_print_moment, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].+)?$",
            "examples": ["2020-01-01", "2020-01-01T12:00:00Z"],
        }
    ),
]
"""An aware moment in UTC, written as a date (its midnight) or a date and time."""

LocalPath = Annotated[
    Path,
    BeforeValidator(_path),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A path; a relative one starts at the configuration's directory."""

Mode = Annotated[
    int,
    BeforeValidator(_mode),
    PlainSerializer(lambda mode: f"{mode:04o}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0?[0-7]{3,4}$", "examples": ["0640"]}),
]
"""Permission bits, written as an octal number in quotes."""

Identifier = Annotated[
    str,
    BeforeValidator(_identifier),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 0, "minLength": 1}),
]
"""An id that a provider gave, as text: written as a number or in quotes, never a float."""

Pattern = Annotated[str, AfterValidator(_pattern), Field(json_schema_extra={"format": "regex"})]
"""A regular expression in Python's syntax."""

Text = Annotated[str, AfterValidator(_text), Field(json_schema_extra={"minLength": 1})]
"""Text of one line, not empty."""
