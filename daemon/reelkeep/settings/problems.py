"""What is wrong with a configuration, in words an operator can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from reelkeep.errors import ConfigError
from reelkeep.options import nearest

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
