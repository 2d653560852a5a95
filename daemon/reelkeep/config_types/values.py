"""The types of single values of the configuration, and the strict model that holds them."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Protocol, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails

from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.quantities import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
    print_duration,
    print_size,
)


def describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put into the `schema` of `model` what each of its keys means."""
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            for key, meaning in _meanings(kind):
                schema["properties"][key]["description"] = meaning


def _meanings(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for definition in ast.parse(_source(kind)).body:
        for key, below in pairwise(getattr(definition, "body", ())):
            match key, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    yield name, inspect.cleandoc(text)


def _source(kind: type[BaseModel]) -> str:
    try:
        return dedent(inspect.getsource(kind))
    except (OSError, TypeError):  # of an adapter that comes without its source
        return ""


Fault = InitErrorDetails
"""One line of a validation error."""


class ProviderType(Protocol):
    """What a type of provider says of itself to the configuration."""

    @property
    def options(self) -> type[Options]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a configuration is read in, given to validation as its context.

    Relative paths start at `directory`. `policy` is what `network.allow` says, or None if that is
    not known, and then addresses are not held against it. `kinds` are the known types of providers.
    `asked` tells by name, and by whether it is enabled, whether a provider will be asked anything;
    `needs_secrets` is that of the provider that is being validated.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # it may hold secrets
    directory: Path = Path()
    policy: AddressPolicy | None = None
    kinds: Mapping[str, ProviderType] = field(default_factory=dict)
    asked: Callable[[str, bool], bool] = lambda _name, _enabled: True
    needs_secrets: bool = True


class Absent(ValueError):
    """Something that the configuration names is not there, and may come by itself."""


def surroundings(info: ValidationInfo) -> Surroundings:
    """Return what the running validation was given, or empty surroundings."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def nearest(word: object, known: list[str]) -> str:
    """Return a `; did you mean …?` for the known word most like `word`, or nothing."""
    close = difflib.get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


class Options(BaseModel):
    """Keys an operator may write: unknown ones are errors, and no value changes its type.

    All faults of a model are reported together: those of single keys, unknown keys with the
    nearest valid one, and what `amiss` finds in the keys as a whole.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,  # it may be a misplaced secret
        json_schema_extra=describe,
    )

    @classmethod
    def amiss(cls, given: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003 - for overriding
        """Yield a `fault` for whatever is wrong with the keys that are `given` together."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _report_all_at_once(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        faults = cls._faults(value) if isinstance(value, dict) else []
        try:
            model = handler(value)
        except ValidationError as error:
            faults += _details(error)
            raise ValidationError.from_exception_data(cls.__name__, faults) from None
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return model

    @classmethod
    def _faults(cls, given: dict[Any, object]) -> list[Fault]:
        known = list(cls.model_fields)
        unknown = [key for key in given if key not in known]
        return [
            *(fault(f"unknown key{nearest(key, known)}", at=(str(key),)) for key in unknown),
            *cls.amiss(given),
        ]


def fault(message: str, *, at: tuple[int | str, ...] = ()) -> Fault:
    """Return a line of a validation error that says `message` of the value at `at`."""
    context = {"error": ValueError(message)}
    return Fault(type="value_error", loc=at, input=None, ctx=context)


def _details(error: ValidationError) -> list[Fault]:
    """Return the lines of `error`, without those that `_faults` says better."""
    return [
        Fault(type=line["type"], loc=line["loc"], input=line["input"], ctx=line.get("ctx", {}))
        for line in error.errors(include_url=False)
        if line["type"] != "extra_forbidden"
    ]


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
