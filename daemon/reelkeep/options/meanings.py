"""What keys mean: the docstrings under them, read from the source when a JSON Schema is made.

pydantic's `use_attribute_docstrings` would read the source of every model at every start.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel


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
