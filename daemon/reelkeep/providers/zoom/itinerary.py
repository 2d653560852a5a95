"""List the listings that make up a span."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

from reelkeep.core.model import Window
from reelkeep.providers.zoom.client import Pairs, Question, pairs
from reelkeep.providers.zoom.days import Days, ranges
from reelkeep.providers.zoom.dialects import SINGLE_FILES, Dialect
from reelkeep.providers.zoom.files import file_id
from reelkeep.providers.zoom.json_values import objects, text
from reelkeep.providers.zoom.listing import PAGE_SIZE, Entry, Listing
from reelkeep.providers.zoom.shapes import GROUPS, ParseOptions, recording_id
from reelkeep.providers.zoom.surveyed import ListingTask

_SPREAD = (7, 3, 1, 5, 0, 2, 4, 6)  # eighths: the end first, then the middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where recordings are listed: a path, and whose they are ('' if it does not matter)."""

    path: str
    user: str = ""
    host: str = ""  #: The address of the user, if it is known.
    group: str = ""  #: What the user is listed among, if he is.
    invited: bool = False  #: The user was invited, and has not come yet.
    configured: bool = False  #: The operator asks for this user by name.


@dataclass(frozen=True, slots=True, kw_only=True)
class Itinerary:
    """What an operator wants to be listed."""

    dialect: Dialect
    settle: timedelta
    rescue: bool = False  #: Also what is in the trash.
    connector: bool = False  #: Also what is on the account's own premises.
    audio: bool = False  #: Also the audio of each participant.
    meeting_id: str | None = None

    def errands(self, places: Iterable[Place], span: Window) -> Iterator[ListingTask]:
        """Yield one errand for each listing that is needed to know all of `span`, but the trash."""
        for place in places:
            yield from self._dated(place, self._angle(place), span)

    def witnesses(self, places: Sequence[Place], span: Window, offset: float) -> list[ListingTask]:
        """Return a few of the errands, of users and days all over; `offset` is from 0 up to 1."""
        days = list(ranges(span))
        shares = [(number + offset) / len(_SPREAD) for number in _SPREAD]
        chosen = {
            (int(share * len(places)), int(share * len(days))): None for share in shares if places
        }
        return [
            self._errand(places[at], self._angle(places[at]), days[when]) for at, when in chosen
        ]

    def trash(self, places: Iterable[Place]) -> Iterator[ListingTask]:
        """Yield the errands for what is in the trash, if it is wanted; dates do not count there."""
        if not self.rescue:
            return
        for place, kind in product(places, self.dialect.trash):
            angle = replace(self._angle(place), trashed=True, partial=kind == SINGLE_FILES)
            yield self._errand(
                place, angle, None, more=pairs(("trash", "true"), ("trash_type", kind))
            )

    def narrow(self, place: Place, days: Days) -> Listing:
        """Return a listing that costs little, to see whether it is allowed."""
        angle = ParseOptions(dialect=self.dialect, settle=self.settle)
        return self._errand(place, angle, days).listing

    def _angle(self, place: Place) -> ParseOptions:
        return ParseOptions(
            dialect=self.dialect, settle=self.settle, host=place.host, audio=self.audio
        )

    def _dated(self, place: Place, angle: ParseOptions, span: Window) -> Iterator[ListingTask]:
        for days in ranges(span):
            yield self._errand(place, angle, days, window=days.within(span))
        premise = replace(angle, on_premise=True)
        for days in ranges(span) if self.connector else ():
            yield self._errand(
                place, premise, days, window=days.within(span), more=(("mc", "true"),)
            )

    def _errand(
        self, place: Place, angle: ParseOptions, days: Days | None, *, window: Window | None = None,
        more: Pairs = (),
    ) -> ListingTask:  # fmt: skip
        asked = pairs(
            ("from", str(days.first) if days else None),
            ("to", str(days.last) if days else None),
            ("page_size", PAGE_SIZE),
            ("meeting_id", self.meeting_id),
            *more,
        )
        listing = Listing(
            question=Question(place.path, asked),
            entries=self.dialect.entries,
            names=self._names,
            bare=self.dialect.id,
            days=days,
            counted=not angle.trashed,  # of the trash it counts files, perhaps
        )
        return ListingTask(
            listing=listing,
            angle=angle,
            user=place.user,
            host=place.host,
            invited=place.invited,
            configured=place.configured,
            window=window,
        )

    def _names(self, entry: Entry) -> list[str]:
        name = recording_id(entry, self.dialect) or ""
        parts = [_part(file) for group in GROUPS for file in objects(entry.get(group))]
        return [name, *(f"{name}\n{part}" for part in parts)]


_TELLING = ("file_type", "file_extension", "recording_type", "file_size", "file_name")


def _part(said: Entry) -> str:
    """Return what names a file among those of its recording: several may share an id."""
    return "\n".join([file_id(said), *(text(said.get(member)) for member in _TELLING)])
