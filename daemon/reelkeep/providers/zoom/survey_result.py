"""Know what came of the listings of one survey."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from reelkeep.core.model import Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.core.poll_window import merged as merged_unread
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.providers.zoom.api_errors import ApiVerdict, Denied
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
    parse_options: ParseOptions
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
        return self.parse_options.trashed or self.parse_options.on_premise

    @property
    def what(self) -> str:
        """What it lists, for messages."""
        if self.parse_options.trashed:
            return "trash"
        where = "on-premise recordings" if self.parse_options.on_premise else "recordings"
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
        for listing_task, failure in (*self.failed, *self.short):
            found.setdefault(listing_task.user, failure)
        return found

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What is to be read in the next pass: in one piece if nothing of a user can be read."""
        failed = _unread(
            listing_task for listing_task, _ in (*self.failed, *self.short[:MOST_SHORT])
        )
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

    def retake_progressed(self) -> list[ListingTask]:
        """Return what was left of users of whom something was read since this was last asked for.

        Some of their listings failed one after the other; they are gone round from the other end.
        """
        progressed, self.outcomes.progressed = self.outcomes.progressed, set()
        again = [task for task in reversed(self.left) if key(task) in progressed]
        self.left = [task for task in self.left if key(task) not in progressed]
        for task in again:
            self.outcomes.expect_trouble(key(task))
        return again

    def second_chance(self) -> list[ListingTask]:
        """Return what failed in passing, for the first time, to be asked once more."""
        if self.given_up or not self.outcomes.served:
            return []
        users = {
            listing_task.user
            for listing_task, failure in self.failed
            if listing_task.window is not None
            and listing_task.user not in self.expected
            and failure.passing
        }
        again = [listing_task for listing_task, _ in self.failed if _is_of(listing_task, users)]
        again += [listing_task for listing_task in self.left if _is_of(listing_task, users)]
        self.failed = [pair for pair in self.failed if not _is_of(pair[0], users)]
        self.left = [listing_task for listing_task in self.left if not _is_of(listing_task, users)]
        for listing_task in again:
            self.outcomes.expect_trouble(key(listing_task))
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

    def served(self, listing_task: ListingTask) -> None:
        """Note that a listing was read."""
        self.outcomes.succeeded(key(listing_task))
        self.sample = listing_task
        if not listing_task.parse_options.trashed:
            self.readable.add(listing_task.user)

    def fail(self, listing_task: ListingTask, error: ProviderError) -> None:
        """Note that a listing could not be read, or not to its end."""
        unknown = isinstance(error, Denied) and error.verdict is ApiVerdict.NO_USER
        misspelt = unknown and listing_task.configured and not listing_task.is_apart
        failure = Failure(quoted(listing_task.whose), listing_task.what, error, misspelt)
        self.outcomes.failed(key(listing_task), failure)
        self.failed.append((listing_task, failure))

    def forget_apart(self, is_passed_over: Callable[[str], bool]) -> None:
        """Forget that there is no trash, say, of users of whom there is nothing at all."""
        self.failed = [
            (listing_task, failure)
            for listing_task, failure in self.failed
            if not (
                listing_task.is_apart and failure.is_proper and is_passed_over(listing_task.user)
            )
        ]

    def fall_short(self, listing_task: ListingTask, what: str) -> None:
        """Note that a listing was read to its end, and does not show all that there is."""
        error = BadAnswer(what)
        self.short.append(
            (listing_task, Failure(quoted(listing_task.whose), listing_task.what, error))
        )

    def leave(self, listing_task: ListingTask) -> None:
        """Leave a listing for the next pass."""
        self.left.append(listing_task)


def _unread(listing_tasks: Iterable[ListingTask]) -> list[Unread]:
    return [Unread(each.user, each.window) for each in listing_tasks if each.window is not None]


def _is_of(listing_task: ListingTask, users: set[str]) -> bool:
    return listing_task.user in users and listing_task.window is not None


def key(listing_task: ListingTask) -> object:
    """Return what counts as one user's listings of one kind."""
    return (
        listing_task.user,
        listing_task.parse_options.trashed,
        listing_task.parse_options.on_premise,
    )
