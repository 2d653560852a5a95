"""Show the configuration, and tell what a new one changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reelkeep.config_types.provider import ProviderOptions
from reelkeep.config_types.values import Options, ProviderType
from reelkeep.providers.adapter import Installed
from reelkeep.settings.model import Settings

Shape = tuple[type[BaseModel], Literal["validation", "serialization"]]

_MODE: Final = "serialization"  # gives defaults as they are written: 5m; the other says PT5M


def resolved(settings: Settings) -> dict[str, Any]:
    """Return every key with its value in the spelling of the configuration, secrets masked."""
    return settings.model_dump(mode="json")


def schema(adapters: Mapping[str, ProviderType] | None = None) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration, for editors.

    An entry of `providers` is one of the shapes of the known types, told apart by `type`.
    """
    kinds: Mapping[str, ProviderType] = Installed() if adapters is None else adapters
    shapes: list[Shape] = [(kinds[type_].options, _MODE) for type_ in sorted(kinds)]
    references, described = models_json_schema([(Settings, _MODE), *shapes])
    definitions = described["$defs"]
    root: dict[str, Any] = definitions.pop(Settings.__name__)
    entry = {"oneOf": [references[shape] for shape in shapes]}
    root["properties"]["providers"] |= {"items": entry, "minItems": 1}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | root | {"title": "reelkeep", "$defs": definitions}


WAITING: Final = (
    "archive.path",
    "archive.layout",
    "archive.file_name",
    "archive.timezone",
    "archive.format",
    "archive.scrub",
    "archive.file_mode",
    "archive.directory_mode",
    "catalog",
    "network",
    "server",
)
"""Keys, and whole sections, that hold until the process ends.

Locks, folders, trust and a listening socket depend on them; a daemon that changed them in
the middle of a transfer would have to drop it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a new configuration comes to while the process goes on.

    Keys are written as in the manual, those of a provider with its name: `providers.sdk.interval`.
    """

    settings: Settings  #: The new ones, but the old values of what waits.
    applied: tuple[str, ...]  #: Keys that hold from now on.
    waiting: tuple[str, ...]  #: Keys that hold after a restart.
    ended: tuple[str, ...]  #: Providers that are gone, disabled or changed.
    begun: tuple[ProviderOptions, ...]  #: Providers that are new, enabled or changed.


def compare(old: Settings, new: Settings) -> Change:
    """Return what becomes of `new` where `old` is in force."""
    waiting = tuple(key for key in _differences(old, new) if _waits(key))
    ended, begun, keys = _providers(old, new)
    return Change(
        settings=_kept(old, new),
        applied=(*(key for key in _differences(old, new) if not _waits(key)), *keys),
        waiting=waiting,
        ended=ended,
        begun=begun,
    )


def _waits(key: str) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in WAITING)


def _kept(old: Settings, new: Settings) -> Settings:
    """Return `new` with the old values of what waits."""
    sections: dict[str, Any] = {}
    for key in WAITING:
        name, _, inner = key.partition(".")
        before = getattr(old, name)
        if inner:
            section = sections.get(name, getattr(new, name))
            before = section.model_copy(update={inner: getattr(before, inner)})
        sections[name] = before
    return new.model_copy(update=sections)


def _differences(old: Options, new: Options, above: str = "") -> Iterator[str]:
    """Yield the keys whose values differ; `providers` are compared one by one elsewhere."""
    for name in type(new).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if name == "providers" or before == after:
            continue
        if isinstance(before, Options) and type(before) is type(after):
            yield from _differences(before, after, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _providers(
    old: Settings, new: Settings
) -> tuple[tuple[str, ...], tuple[ProviderOptions, ...], list[str]]:
    """Return who ends, who begins, and the keys that say so."""
    before, after = _by_name(old), _by_name(new)
    changed = [name for name in after if name in before and before[name] != after[name]]
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    keys = [f"providers.{name} (added)" for name in added]
    keys += [f"providers.{name} (removed)" for name in removed]
    for name in changed:
        keys += _entry(before[name], after[name])
    ended = tuple(name for name in (*removed, *changed) if before[name].enabled)
    begun = tuple(after[name] for name in (*added, *changed) if after[name].enabled)
    return ended, begun, keys


def _by_name(settings: Settings) -> Mapping[str, ProviderOptions]:
    return {options.name: options for options in settings.providers}


def _entry(before: ProviderOptions, after: ProviderOptions) -> list[str]:
    above = f"providers.{after.name}."
    if type(before) is not type(after):
        return [f"{above}type"]
    return list(_differences(before, after, above))
