"""What a type of provider registers, under the entry-point group `reelkeep.providers.v1`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reelkeep.config_types.provider import ProviderOptions
from reelkeep.errors import ConfigError

GROUP = "reelkeep.providers.v1"

Model = type[ProviderOptions]  # by this name, because an adapter's own `type` hides the builtin


@dataclass(frozen=True, slots=True)
class Adapter:
    """One type of provider: the options it takes, and how it is built from them.

    `build` takes the validated options and the tools a provider may use (see `reelkeep.ports`),
    and returns a `reelkeep.ports.Provider`. It has no effects.
    """

    type: str
    options: Model
    build: Callable[[Any, Any], Any]  # each adapter takes its own options; see ports for the rest


class Installed(Mapping[str, Adapter]):
    """The adapters of all installed packages by type; each is imported when it is asked for.

    Packages are looked through once, when this is made.
    """

    def __init__(self) -> None:
        self._entries = entry_points(group=GROUP)

    def __getitem__(self, type_: str) -> Adapter:
        """Return the adapter of a type.

        Raises:
            KeyError: No installed package offers the type.
            ConfigError: It cannot be imported.
        """
        return _loaded(self._entries[type_])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries.names))

    def __len__(self) -> int:
        return len(self._entries.names)


def _loaded(entry: EntryPoint) -> Adapter:
    try:
        adapter = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the provider type {entry.name} cannot be imported: {error}") from error
    if not isinstance(adapter, Adapter):
        raise ConfigError(f"the provider type {entry.name} is no Adapter: {entry.value}")
    return adapter
