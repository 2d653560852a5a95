"""Show the configuration: the one in force, and what could be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reelkeep.options import Kind
from reelkeep.providers.adapter import Installed
from reelkeep.settings.model import Settings

Shape = tuple[type[BaseModel], Literal["validation", "serialization"]]

_MODE: Final = "serialization"  # gives defaults as they are written: 5m; the other says PT5M


def resolved(settings: Settings) -> dict[str, Any]:
    """Return every key with its value in the spelling of the configuration, secrets masked."""
    return settings.model_dump(mode="json")


def schema(adapters: Mapping[str, Kind] | None = None) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration, for editors.

    An entry of `providers` is one of the shapes of the known types, told apart by `type`.
    """
    kinds: Mapping[str, Kind] = Installed() if adapters is None else adapters
    shapes: list[Shape] = [(kinds[type_].options, _MODE) for type_ in sorted(kinds)]
    references, described = models_json_schema([(Settings, _MODE), *shapes])
    definitions = described["$defs"]
    root: dict[str, Any] = definitions.pop(Settings.__name__)
    entry = {"oneOf": [references[shape] for shape in shapes]}
    root["properties"]["providers"] |= {"items": entry, "minItems": 1}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | root | {"title": "reelkeep", "$defs": definitions}
