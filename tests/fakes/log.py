"""A log that tests can read."""

from __future__ import annotations

from dataclasses import dataclass, field

from reelkeep.core.events import EVENTS


@dataclass
class RecordedLog:
    """A `ports.Report` that remembers, and refuses what `core.events` does not list."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __call__(self, event: str, /, **keys: object) -> None:
        unknown = set(keys) - set(EVENTS[event].keys)
        assert not unknown, f"{event} has no {unknown}"
        self.events.append((event, keys))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def named(self, event: str) -> list[dict[str, object]]:
        """Return the keys of each `event`."""
        return [keys for name, keys in self.events if name == event]

    def count(self, *events: str) -> list[int]:
        """Return how often each of `events` was reported."""
        return [self.names.count(event) for event in events]
