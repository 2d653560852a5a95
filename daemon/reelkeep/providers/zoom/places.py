"""Know where recordings are listed: at each user, or for an account as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

import anyio

from reelkeep.core.model import Window
from reelkeep.errors import BadAnswer
from reelkeep.ports import Clock
from reelkeep.providers.zoom.client import Client, Question, pairs
from reelkeep.providers.zoom.foreign import objects, text
from reelkeep.providers.zoom.itinerary import Place
from reelkeep.providers.zoom.listing import PAGE_SIZE, Entry, Listing, drain
from reelkeep.providers.zoom.paths import user

STATUSES: Final = ("active", "inactive", "pending")
"""Also users who left or never came keep recordings (provider notes, section 2.3)."""

FRESH: Final = 60.0
"""Seconds for which users that were listed serve those who read the same days again."""


class Places(Protocol):
    """Where the recordings of an account are listed."""

    async def all(self, span: Window | None = None) -> Sequence[Place]:
        """Return every place, each once; for a `span` that was read just now, those of then."""
        ...

    async def sample(self) -> Place:
        """Return one of them, at little cost."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Places that are known from the configuration."""

    places: tuple[Place, ...]

    async def all(self, span: Window | None = None) -> Sequence[Place]:  # noqa: ARG002 - never change
        return self.places

    async def sample(self) -> Place:
        return self.places[0]


class Everybody:
    """The users of an account, as it lists them now, or did a moment ago.

    Polls in quick succession read the same days: who came in between is met by the first that
    lists the users anew, and then nothing of theirs was missed. Other days are read with users
    that are listed for them.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: Sequence[Place] = ()
        self._days: tuple[date, date] | None = None
        self._until = 0.0

    async def all(self, span: Window | None = None) -> Sequence[Place]:
        days = None if span is None else (span.since.date(), span.until.date())
        if days is None or days != self._days or anyio.current_time() >= self._until:
            self._known = await self._listed()
            self._days, self._until = days, anyio.current_time() + FRESH
        return self._known

    async def sample(self) -> Place:
        asked = Question("/users", pairs(("status", "active"), ("page_size", "1")))
        entry = next(objects((await self._client.ask(asked)).get("users")), {})
        if not _name(entry):
            raise BadAnswer("the account lists no active user")
        return _place(entry)

    async def _listed(self) -> Sequence[Place]:
        found: dict[str, Place] = {}
        for status in STATUSES:
            drained = await drain(self._client, _listing(status), self._clock)
            for entry in drained.entries:
                found.setdefault(_name(entry), _place(entry))
        found.pop("", None)
        return list(found.values())


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
