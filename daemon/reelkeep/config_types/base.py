"""The strict model that every part of the configuration is."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails

from reelkeep.core.addresses import AddressPolicy


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
