"""Know where recordings are listed: at each user, or for an account as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

import anyio

from reelkeep.core.model import Window
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.ports import Clock
from reelkeep.providers.zoom.client import Question, ZoomClient, pairs
from reelkeep.providers.zoom.discovery import Place
from reelkeep.providers.zoom.endpoints import user
from reelkeep.providers.zoom.failures import Failure, of_account
from reelkeep.providers.zoom.json_values import objects, text
from reelkeep.providers.zoom.listing import PAGE_SIZE, Drained, Entry, Listing, drain

INVITED: Final = "pending"
STATUSES: Final = ("active", "inactive", INVITED)
"""Also users who left or never came keep recordings (provider notes, section 2.3)."""

SAMPLES: Final = 5
"""Users who are asked about, one after the other, until one is served."""

FRESH: Final = 60.0
"""Seconds for which users that were listed serve those who read the same days again."""


@dataclass(frozen=True, slots=True)
class Known:
    """The places that are known, and why there may be more of them."""

    places: Sequence[Place]
    unlisted: Mapping[str, Failure] = field(default_factory=dict)  #: By what is not listed wholly.
    excluded: frozenset[str] = frozenset()  #: Users whose recordings nobody wants.


class Places(Protocol):
    """Where the recordings of an account are listed."""

    async def all(self, span: Window | None = None) -> Known:
        """Return every place, each once; for a `span` that was read just now, those of then.

        Raises:
            ProviderError: None is known.
        """
        ...

    async def samples(self) -> Sequence[Place]:
        """Return a few of them, at least one, at little cost."""
        ...


@dataclass(frozen=True, slots=True)
class ConfiguredPlaces:
    """Places that are known from the configuration."""

    places: tuple[Place, ...]

    async def all(self, span: Window | None = None) -> Known:  # noqa: ARG002 - never change
        return Known(self.places)

    async def samples(self) -> Sequence[Place]:
        return self.places[:SAMPLES]


WHOLE_ACCOUNT: Final = Place(path="/accounts/me/recordings")
"""The one listing of everything, including what belongs to users who left. `me` is the account of
the token; its own id needs a master account (provider notes, section 2.3)."""


class AllUsers:
    """The users of an account, as it lists them now, or did a moment ago.

    Polls in quick succession read the same days: who came in between is met by the first that
    lists the users anew, and then nothing of theirs was missed. Other days are read with users
    that are listed for them.
    """

    def __init__(self, client: ZoomClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known = Known(())
        self._days: tuple[date, date] | None = None
        self._until = 0.0

    async def all(self, span: Window | None = None) -> Known:
        days = None if span is None else (span.since.date(), span.until.date())
        if days is None or days != self._days or anyio.current_time() >= self._until:
            self._known = await self._listed()
            life = 0.0 if self._known.unlisted else FRESH
            self._days, self._until = days, anyio.current_time() + life
        return self._known

    async def samples(self) -> Sequence[Place]:
        asked = Question("/users", pairs(("status", "active"), ("page_size", str(SAMPLES))))
        entries = list(objects((await self._client.ask(asked)).get("users")))
        found = [_place(entry) for entry in entries[:SAMPLES] if _name(entry)]
        if not found:
            raise BadAnswer("the account lists no active user")
        return found

    async def _listed(self) -> Known:
        found: dict[str, Place] = {}
        failures: dict[str, Failure] = {}
        for status in STATUSES:
            error: ProviderError | None
            try:
                drained = await drain(
                    self._client, _listing(status), self._clock, patient=not failures
                )
                entries, error = drained.entries, _shortage(drained)
            except ProviderError as failed:
                entries, error = (), failed
            for entry in entries:
                found.setdefault(_name(entry), _place(entry, status))
            if error is not None:
                failures[of_status(status)] = Failure("", of_status(status), error)
        found.pop("", None)
        if failures and not found:
            raise of_account(next(iter(failures.values())))
        return Known(list(found.values()), failures)


def of_status(status: str) -> str:
    """Return what the users of a status are called, also as a part of what is unread.

    No user is called so: their names have no spaces.
    """
    return f"users of status {status}"


GROUPS: Final = frozenset(of_status(status) for status in STATUSES)
"""What users are listed among."""


def at_user(name: str, address: str = "", *, status: str = "", configured: bool = False) -> Place:
    """Return where the recordings of a user are listed; `name` is an id or an address."""
    return Place(
        path=f"/users/{user(name)}/recordings",
        user=name,
        host=address or (name if "@" in name else ""),
        group=of_status(status) if status else "",
        invited=status == INVITED,
        configured=configured,
    )


def _shortage(drained: Drained) -> ProviderError | None:
    """Return why not all users are listed, if it is so."""
    if drained.error is not None:
        return drained.error
    if drained.lacks:
        return BadAnswer(f"{drained.lacks} of {drained.promised} announced are not listed")
    if any(not _name(entry) for entry in drained.entries):
        return BadAnswer("one has neither an id nor an address")
    return None


def _listing(status: str) -> Listing:
    asked = pairs(("status", status), ("page_size", PAGE_SIZE))
    return Listing(
        question=Question("/users", asked), entries="users", names=lambda entry: [_name(entry)]
    )


def _place(entry: Entry, status: str = "") -> Place:
    return at_user(_name(entry), text(entry.get("email")), status=status)


def _name(entry: Entry) -> str:
    return text(entry.get("id")) or text(entry.get("email"))
