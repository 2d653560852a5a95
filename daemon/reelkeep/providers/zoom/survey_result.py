"""Know what came of the listings of one survey."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from reelkeep.core.model import Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.core.poll_window import merged as merged_unread
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.providers.zoom.api_errors import Denied, Verdict
from reelkeep.providers.zoom.failures import Failure, Outcomes
from reelkeep.providers.zoom.json_values import quoted
from reelkeep.providers.zoom.listing import Listing
from reelkeep.providers.zoom.recording_parsing import ParseOptions, Sighting, merged

MOST_SHORT: Final = 50
"""Listings that do not show all, and are read again in each poll. The others are in a deep scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTask:
    """One listing to read, and how to understand it. `user` is '' for a whole account."""

    listing: Listing
    angle: ParseOptions
    user: str = ""
    host: str = ""  #: The user's address, if it is known.
    invited: bool = False  #: The user has not come yet; that there is nothing is no news.
    configured: bool = False  #: The operator asks for the user by name.
    window: Window | None = None  #: What it covers; None if dates do not count.

    @property
    def whose(self) -> str:
        """The user as people know him."""
        return self.host or self.user

    @property
    def is_apart(self) -> bool:
        """Whether it lists other recordings than the ordinary ones of a user."""
        return self.angle.trashed or self.angle.on_premise

    @property
    def what(self) -> str:
        """What it lists, for messages."""
        if self.angle.trashed:
            return "trash"
        where = "on-premise recordings" if self.angle.on_premise else "recordings"
        return f"{where} of {self.listing.days}" if self.listing.days else where


@dataclass(slots=True)
class Surveyed:
    """What came of one survey so far."""

    outcomes: Outcomes = field(default_factory=Outcomes)  #: Of the listings that are read now.
    absent: set[str] = field(default_factory=set)  #: Users who are not on the account.
    trashed: dict[RecordingId, Sighting] = field(default_factory=dict)
    told: set[RecordingId] = field(default_factory=set)  #: Of those, what was listed elsewhere.
    failed: list[tuple[ListingTask, Failure]] = field(default_factory=list)
    short: list[tuple[ListingTask, Failure]] = field(
        default_factory=list
    )  #: Read, not showing all.
    left: list[ListingTask] = field(default_factory=list)  #: Not asked: their user is given up.
    expected: frozenset[str] = frozenset()  #: Users of whom listings failed before.
    sample: ListingTask | None = None  #: The listing that was served last.
    witnesses: Sequence[ListingTask] = ()  #: Some of all users, or days, to be asked before it.
    given_up: bool = False  #: Nobody is served any more.
    refusal: Failure | None = None  #: How one was answered who was asked whether any is served.
    readable: set[str] = field(default_factory=set)  #: Users of whom a listing was read.

    @property
    def failures(self) -> dict[str, Failure]:
        """The first failure of each user."""
        found: dict[str, Failure] = {}
        for errand, failure in (*self.failed, *self.short):
            found.setdefault(errand.user, failure)
        return found

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What is to be read in the next pass: in one piece if nothing of a user can be read."""
        failed = _unread(errand for errand, _ in (*self.failed, *self.short[:MOST_SHORT]))
        apart = [each for each in failed if each.part in self.readable]
        whole = [each for each in failed if each.part not in self.readable]
        return *apart, *merged_unread([*whole, *_unread(self.left)], meeting=True)

    def begin(self, expected: Iterable[str]) -> None:
        """Begin with listings of another kind; how those before fared says nothing of them.

        Of the users in `expected`, listings failed in an earlier pass.
        """
        self.outcomes, self.sample, self.given_up = Outcomes(), None, False
        self.expected = frozenset(expected)
        for user in self.expected:
            self.outcomes.expect_trouble((user, False, False))

    def asked_first(self, most: int) -> Sequence[ListingTask]:
        """Return which listings show whether any is served: mostly of whom none has failed yet."""
        if self.sample is not None:
            return [self.sample]
        fresh_first = sorted(self.witnesses, key=lambda e: self.outcomes.is_troubled(key(e)))
        return fresh_first[:most]

    def retake_left(self) -> list[ListingTask]:
        """Return what was left, to be asked now."""
        again, self.left = self.left, []
        return again

    def second_chance(self) -> list[ListingTask]:
        """Return what failed in passing, for the first time, to be asked once more."""
        if self.given_up or not self.outcomes.served:
            return []
        users = {
            errand.user
            for errand, failure in self.failed
            if errand.window is not None and errand.user not in self.expected and failure.passing
        }
        again = [errand for errand, _ in self.failed if _is_of(errand, users)]
        again += [errand for errand in self.left if _is_of(errand, users)]
        self.failed = [pair for pair in self.failed if not _is_of(pair[0], users)]
        self.left = [errand for errand in self.left if not _is_of(errand, users)]
        for errand in again:
            self.outcomes.expect_trouble(key(errand))
        return again

    def put_aside(self, sightings: Sequence[Sighting]) -> Sequence[Recording]:
        """Keep what lies in the trash; tell nothing of it yet."""
        for each in sightings:
            known = self.trashed.get(each.recording.id)
            self.trashed[each.recording.id] = each if known is None else merged(known, each)
        return ()

    def completed(self, sightings: Sequence[Sighting]) -> Sequence[Recording]:
        """Return what was seen, with what lies in the trash of it."""
        both = self.trashed.keys() & {each.recording.id for each in sightings}
        self.told |= both
        return [
            merged(each, self.trashed[each.recording.id]).recording
            if each.recording.id in both
            else each.recording
            for each in sightings
        ]

    def others(self) -> Sequence[Recording]:
        """Return what was seen in the trash only."""
        return [each.recording for id_, each in self.trashed.items() if id_ not in self.told]

    def served(self, errand: ListingTask) -> None:
        """Note that a listing was read."""
        self.outcomes.succeeded(key(errand))
        self.sample = errand
        if not errand.angle.trashed:
            self.readable.add(errand.user)

    def fail(self, errand: ListingTask, error: ProviderError) -> None:
        """Note that a listing could not be read, or not to its end."""
        unknown = isinstance(error, Denied) and error.verdict is Verdict.NO_USER
        misspelt = unknown and errand.configured and not errand.is_apart
        failure = Failure(quoted(errand.whose), errand.what, error, misspelt)
        self.outcomes.failed(key(errand), failure)
        self.failed.append((errand, failure))

    def forget_apart(self, is_passed_over: Callable[[str], bool]) -> None:
        """Forget that there is no trash, say, of users of whom there is nothing at all."""
        self.failed = [
            (errand, failure)
            for errand, failure in self.failed
            if not (errand.is_apart and failure.is_proper and is_passed_over(errand.user))
        ]

    def fall_short(self, errand: ListingTask, what: str) -> None:
        """Note that a listing was read to its end, and does not show all that there is."""
        error = BadAnswer(what)
        self.short.append((errand, Failure(quoted(errand.whose), errand.what, error)))

    def leave(self, errand: ListingTask) -> None:
        """Leave a listing for the next pass."""
        self.left.append(errand)


def _unread(errands: Iterable[ListingTask]) -> list[Unread]:
    return [Unread(each.user, each.window) for each in errands if each.window is not None]


def _is_of(errand: ListingTask, users: set[str]) -> bool:
    return errand.user in users and errand.window is not None


def key(errand: ListingTask) -> object:
    """Return what counts as one user's listings of one kind."""
    return errand.user, errand.angle.trashed, errand.angle.on_premise
