"""Know where recordings are listed: at each user, or for an account as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from reelkeep.errors import BadAnswer
from reelkeep.ports import Clock
from reelkeep.providers.zoom.client import Client, Question, pairs
from reelkeep.providers.zoom.foreign import objects, text
from reelkeep.providers.zoom.itinerary import Place
from reelkeep.providers.zoom.listing import PAGE_SIZE, Entry, Listing, drain
from reelkeep.providers.zoom.paths import user

STATUSES: Final = ("active", "inactive", "pending")
"""Also users who left or never came keep recordings (provider notes, section 2.3)."""


class Places(Protocol):
    """Where the recordings of an account are listed."""

    async def all(self) -> Sequence[Place]:
        """Return every place, each once."""
        ...

    async def sample(self) -> Place:
        """Return one of them, at little cost."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Places that are known from the configuration."""

    places: tuple[Place, ...]

    async def all(self) -> Sequence[Place]:
        return self.places

    async def sample(self) -> Place:
        return self.places[0]


@dataclass(frozen=True, slots=True)
class Everybody:
    """The users of an account, as it lists them now."""

    client: Client
    clock: Clock

    async def all(self) -> Sequence[Place]:
        found: dict[str, Place] = {}
        for status in STATUSES:
            drained = await drain(self.client, _listing(status), self.clock)
            for entry in drained.entries:
                found.setdefault(_name(entry), _place(entry))
        found.pop("", None)
        return list(found.values())

    async def sample(self) -> Place:
        asked = Question("/users", pairs(("status", "active"), ("page_size", "1")))
        entry = next(objects((await self.client.ask(asked)).get("users")), {})
        if not _name(entry):
            raise BadAnswer("the account lists no active user")
        return _place(entry)


def at_user(name: str, address: str = "") -> Place:
    """Return where the recordings of a user are listed; `name` is an id or an address."""
    host = address or (name if "@" in name else "")
    return Place(path=f"/users/{user(name)}/recordings", user=name, host=host)


def _listing(status: str) -> Listing:
    asked = pairs(("status", status), ("page_size", PAGE_SIZE))
    return Listing(
        question=Question("/users", asked), entries="users", names=lambda entry: [_name(entry)]
    )


def _place(entry: Entry) -> Place:
    return at_user(_name(entry), text(entry.get("email")))


def _name(entry: Entry) -> str:
    return text(entry.get("id")) or text(entry.get("email"))
