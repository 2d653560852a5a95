"""Read the listings that make up a span, each for what it is worth."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Final

import anyio

from reelkeep.core.model import ProviderName, Recording, RecordingId, Window
from reelkeep.core.poll_window import PartlyRead, Unread, named
from reelkeep.core.poll_window import merged as merged_unread
from reelkeep.errors import ProviderError
from reelkeep.ports import Clock, Report
from reelkeep.providers.zoom.api_errors import ApiVerdict, Denied
from reelkeep.providers.zoom.client import Pairs, Question, ZoomClient, pairs
from reelkeep.providers.zoom.endpoints import SINGLE_FILES, Dialect
from reelkeep.providers.zoom.failures import IN_A_ROW, PROPER, Failure, of_account, remedy
from reelkeep.providers.zoom.file_parsing import file_id
from reelkeep.providers.zoom.json_values import objects, quoted, text
from reelkeep.providers.zoom.limits import in_lanes
from reelkeep.providers.zoom.listing import (
    PAGE_SIZE,
    Days,
    Drained,
    Entry,
    Listing,
    drain,
    ranges,
    verdict_of,
)
from reelkeep.providers.zoom.locators import LinkCache
from reelkeep.providers.zoom.recording_parsing import (
    GROUPS,
    ParseOptions,
    Sighting,
    recording_id,
    sighting,
)
from reelkeep.providers.zoom.recording_parsing import merged as merged_sightings
from reelkeep.providers.zoom.survey_result import ListingTask, Surveyed, key

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

    def listing_tasks(self, places: Iterable[Place], span: Window) -> Iterator[ListingTask]:
        """Yield one task for each listing that is needed to know all of `span`, but the trash."""
        for place in places:
            yield from self._dated(place, self._parse_options(place), span)

    def witnesses(self, places: Sequence[Place], span: Window, offset: float) -> list[ListingTask]:
        """Return a few of the tasks, of users and days all over; `offset` is from 0 up to 1."""
        days = list(ranges(span))
        shares = [(number + offset) / len(_SPREAD) for number in _SPREAD]
        chosen = {
            (int(share * len(places)), int(share * len(days))): None for share in shares if places
        }
        return [
            self._listing_task(places[at], self._parse_options(places[at]), days[when])
            for at, when in chosen
        ]

    def trash(self, places: Iterable[Place]) -> Iterator[ListingTask]:
        """Yield the tasks for what is in the trash, if it is wanted; dates do not count there."""
        if not self.rescue:
            return
        for place, kind in product(places, self.dialect.trash):
            parse_options = replace(
                self._parse_options(place), trashed=True, partial=kind == SINGLE_FILES
            )
            yield self._listing_task(
                place, parse_options, None, more=pairs(("trash", "true"), ("trash_type", kind))
            )

    def narrow(self, place: Place, days: Days) -> Listing:
        """Return a listing that costs little, to see whether it is allowed."""
        parse_options = ParseOptions(dialect=self.dialect, settle=self.settle)
        return self._listing_task(place, parse_options, days).listing

    def _parse_options(self, place: Place) -> ParseOptions:
        return ParseOptions(
            dialect=self.dialect, settle=self.settle, host=place.host, audio=self.audio
        )

    def _dated(
        self, place: Place, parse_options: ParseOptions, span: Window
    ) -> Iterator[ListingTask]:
        for days in ranges(span):
            yield self._listing_task(place, parse_options, days, window=days.within(span))
        premise = replace(parse_options, on_premise=True)
        for days in ranges(span) if self.connector else ():
            yield self._listing_task(
                place, premise, days, window=days.within(span), more=(("mc", "true"),)
            )

    def _listing_task(
        self, place: Place, parse_options: ParseOptions, days: Days | None, *,
        window: Window | None = None,
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
            counted=not parse_options.trashed,  # of the trash it counts files, perhaps
        )
        return ListingTask(
            listing=listing,
            parse_options=parse_options,
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


BATCH: Final = 500
_IN_LOG: Final = " (see listing.failed in the log)"
_PLANLESS_FOR: Final = timedelta(days=1)
_WITNESSES: Final = 4  # listings that are asked before an account is given up
_SECOND_CHANCES: Final = (2.0, 6.0)  # seconds after which what failed in passing is asked again


def _batches(recordings: Sequence[Recording]) -> Iterator[Sequence[Recording]]:
    for start in range(0, len(recordings), BATCH):
        yield recordings[start : start + BATCH]


class Survey:
    """Reads listings of one account, and remembers which users are not worth asking."""

    def __init__(
        self,
        name: ProviderName,
        *,
        client: ZoomClient,
        links: LinkCache,
        clock: Clock,
        report: Report,
    ) -> None:
        self._name = name
        self._client = client
        self._links = links
        self._clock = clock
        self._report = report
        self._planless: dict[str, tuple[datetime, Failure]] = {}
        self._told: set[tuple[str, str]] = set()
        self._broken: dict[str, str] = {}  #: Whose listing failed, as it was said, by user.

    async def discover(
        self, listing_tasks: Iterable[ListingTask], trash: Iterable[ListingTask] = (), *,
        troubled: Iterable[str] = (), unlisted: Sequence[Failure] = (),
        hidden: Sequence[Unread] = (), witnesses: Sequence[ListingTask] = (),
    ) -> AsyncGenerator[Sequence[Recording], None]:  # fmt: skip
        """Yield what the listings hold; see `reelkeep.ports.Provider.discover`.

        A user who is not on the account, or has no cloud recording, is passed over. One whose
        listing fails is left for the next pass, and named; only if nobody is served, or nobody
        any more, it is the account's failure. What `trash` lists of a recording is told together
        with what else is listed of it: else each would seem to be a change of the other.

        Of the users in `troubled`, listings failed before. `unlisted` are failures that hide
        users, `hidden` what is unread of them. Where the first users all fail, `witnesses` show
        whether any is served.
        """
        found = Surveyed(witnesses=witnesses)
        async with aclosing(self._sightings(trash, found)) as lanes:
            async for sightings in lanes:
                found.put_aside(sightings)
        found.begin(troubled)
        async with aclosing(self._rounds(listing_tasks, found)) as rounds:
            async for batch in rounds:
                yield batch
        for batch in _batches(found.others()):
            yield batch
        self._conclude(found, unlisted, hidden)

    async def _rounds(
        self, listing_tasks: Iterable[ListingTask], found: Surveyed
    ) -> AsyncGenerator[Sequence[Recording], None]:
        """Yield what `listing_tasks` list, then what those do that are asked again."""
        async with aclosing(self._read_all(listing_tasks, found)) as batches:
            async for batch in batches:
                yield batch
        if found.left and not found.outcomes.served and await self._is_served(found):
            async with aclosing(self._read_all(found.retake_left(), found)) as batches:
                async for batch in batches:
                    yield batch
        while more := found.retake_progressed():
            async with aclosing(self._read_all(more, found)) as batches:
                async for batch in batches:
                    yield batch
        for seconds in _SECOND_CHANCES:
            if again := found.second_chance():
                await anyio.sleep(seconds)
            async with aclosing(self._read_all(again, found)) as batches:
                async for batch in batches:
                    yield batch

    async def _read_all(
        self, listing_tasks: Iterable[ListingTask], found: Surveyed
    ) -> AsyncGenerator[Sequence[Recording], None]:
        async with aclosing(self._sightings(listing_tasks, found)) as lanes:
            async for sightings in lanes:
                for batch in _batches(found.completed(sightings)):
                    yield batch

    def _conclude(
        self, found: Surveyed, unlisted: Sequence[Failure], hidden: Sequence[Unread]
    ) -> None:
        """Say who could not be read, and who can be again.

        Raises:
            PartlyRead: Some could not be.
            ProviderError: Nobody could be, or nobody any more.
        """
        found.forget_apart(lambda user: user in found.absent or self._is_planless(user))
        outcomes = found.outcomes
        whose = outcomes.first or outcomes.absent
        if whose is not None and found.given_up:
            raise of_account(found.refusal or whose)
        if whose is not None and outcomes.is_nobody_served:
            raise of_account(whose)
        if outcomes.planless is not None and not (outcomes.served or found.failed):
            raise of_account(outcomes.planless)
        self._say_who(found)
        failures = [*unlisted, *found.failures.values()]
        if not failures:
            return
        raise PartlyRead(
            f"all but {len(failures)}: {named([str(each) for each in failures], rest=_IN_LOG)}; "
            f"all others are served; {remedy(failures)}",
            unread=merged_unread([*found.unread, *hidden]),
        )

    def _say_who(self, found: Surveyed) -> None:
        """Report each user once when a listing fails, and once when all are read again."""
        failures = found.failures
        recovered = (self._broken.keys() & found.readable) - failures.keys()
        for user in recovered:
            whose = self._broken.pop(user)
            self._report("listing.recovered", provider=self._name, user=whose or None)
        for user, failure in failures.items():
            if user not in self._broken:
                self._report(
                    "listing.failed",
                    provider=self._name,
                    user=failure.whose or None,
                    code=failure.error.code,
                    reason=f"{failure}; others are served; {remedy([failure])}",
                )
                self._broken[user] = failure.whose

    async def _sightings(
        self, listing_tasks: Iterable[ListingTask], found: Surveyed
    ) -> AsyncGenerator[Sequence[Sighting], None]:
        """Yield what each listing holds; failures are noted in `found`, which may be given up."""

        async def read(listing_task: ListingTask) -> Sequence[Sighting]:
            return await self._read(listing_task, found)

        async with aclosing(in_lanes(read, listing_tasks)) as lanes:
            async for results in lanes:
                for sightings in results:
                    yield sightings
                if found.outcomes.in_a_row >= IN_A_ROW and not await self._is_served(found):
                    found.given_up = True
                    return

    async def _is_served(self, found: Surveyed) -> bool:
        """Return whether any listing is answered now: what was served in this pass, or others."""

        async def ask(task: ListingTask) -> bool:
            try:
                verdict = await verdict_of(self._client, task.listing, self._clock)
            except ProviderError as error:
                found.refusal = Failure(quoted(task.whose), task.what, error)
                return False
            if verdict in (ApiVerdict.FINE, ApiVerdict.NOTHING):
                found.served(task)
            else:
                found.outcomes.answered()
            return True

        async with aclosing(in_lanes(ask, found.asked_first(_WITNESSES))) as lanes:
            return any([answered async for answers in lanes for answered in answers])

    async def _read(self, listing_task: ListingTask, found: Surveyed) -> Sequence[Sighting]:
        if self._is_passed_over(listing_task, found):
            return ()
        if listing_task.user in found.absent or found.outcomes.is_given_up(key(listing_task)):
            found.leave(listing_task)
            return ()
        patient = not found.outcomes.is_troubled(key(listing_task)) and not found.outcomes.in_a_row
        try:
            drained = await drain(self._client, listing_task.listing, self._clock, patient=patient)
        except Denied as denied:
            if denied.verdict is ApiVerdict.NOTHING:
                found.served(listing_task)
            elif not self._pass_over(listing_task, denied, found):
                found.fail(listing_task, denied)
                if denied.verdict in PROPER:
                    found.outcomes.answered()
            return ()
        except ProviderError as error:
            found.fail(listing_task, error)
            return ()
        if drained.error is None:
            found.served(listing_task)
        else:
            found.fail(listing_task, drained.error)
        return self._seen(drained, listing_task, found)

    def _is_passed_over(self, listing_task: ListingTask, found: Surveyed) -> bool:
        """Return whether a user is not worth asking: that was answered today, or in this pass."""
        if self._is_planless(listing_task.user):
            if not listing_task.is_apart:
                _, found.outcomes.planless = self._planless[listing_task.user]
            return True
        return listing_task.user in found.absent and not listing_task.configured

    def _seen(
        self, drained: Drained, listing_task: ListingTask, survey: Surveyed
    ) -> Sequence[Sighting]:
        found: dict[RecordingId, Sighting] = {}
        nameless = 0
        for entry in drained.entries:
            seen = sighting(entry, listing_task.parse_options)
            if seen is None:
                nameless += 1
                continue
            known = found.get(seen.recording.id)
            found[seen.recording.id] = seen if known is None else merged_sightings(known, seen)
        for each in found.values():
            self._links.remember(each)
        if nameless:
            survey.fall_short(listing_task, f"{nameless} without an id cannot be archived")
        if drained.lacks and listing_task.listing.counted and drained.error is None:
            what = f"{drained.lacks} of {drained.promised} announced are not listed"
            survey.fall_short(listing_task, what)
        return list(found.values())

    def _pass_over(self, listing_task: ListingTask, denied: Denied, found: Surveyed) -> bool:
        """Remember a user who is not worth asking; return False if this is about no user.

        How the trash, or what is on the premises, is answered says nothing of the user's others.
        """
        if not listing_task.user or listing_task.is_apart:
            return False
        if denied.verdict is ApiVerdict.NO_USER:
            found.absent.add(listing_task.user)
            if listing_task.configured:
                return False
            if listing_task.invited:
                whose = quoted(listing_task.whose)
                self._report("user.pending", provider=self._name, user=whose, reason=str(denied))
                found.outcomes.answered()
            else:
                self._tell_once(listing_task, "no_user", str(denied))
                found.outcomes.answered(
                    Failure(quoted(listing_task.whose), listing_task.what, denied)
                )
            return True
        if denied.verdict is ApiVerdict.NO_PLAN:
            failure = Failure(quoted(listing_task.whose), listing_task.what, denied)
            self._planless[listing_task.user] = self._clock() + _PLANLESS_FOR, failure
            found.outcomes.planless = failure
            self._tell_once(listing_task, "no_plan", str(denied))
            found.outcomes.answered()
            return True
        return False

    def _is_planless(self, user: str) -> bool:
        if user not in self._planless:
            return False
        until, _ = self._planless[user]
        return timedelta() < until - self._clock() <= _PLANLESS_FOR

    def _tell_once(self, listing_task: ListingTask, code: str, what: str) -> None:
        """Report that there is nothing of a user, once for each."""
        if (listing_task.user, code) in self._told:
            return
        self._told.add((listing_task.user, code))
        whose = quoted(listing_task.whose)
        reason = f"{whose}: {what}" if whose else what
        name, user = self._name, whose or None
        if code == "no_plan":
            self._report("user.skipped", provider=name, user=user, code=code, reason=reason)
        else:
            self._report("poll.incomplete", provider=name, user=user, code=code, reason=reason)
