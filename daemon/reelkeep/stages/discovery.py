"""Read a window of one provider into the catalog; a bug in its adapter is its own trouble."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final

import anyio
from cachetools import LRUCache

from reelkeep.core.admission import UNLISTED
from reelkeep.core.model import Readiness, Recording, RecordingId, Window
from reelkeep.core.poll_window import (
    PartlyDescribed,
    PartlyRead,
    Reading,
    Unread,
    merged,
    named,
    together,
)
from reelkeep.core.text import describe_error
from reelkeep.errors import BadAnswer, Error, ProviderError, RateLimited, Remedy
from reelkeep.ports import Intake, Missed, Provider, Resuming, Reviewer
from reelkeep.stages.signals import Notifiable


class RepeatTimer:
    """Due at first, and then once `seconds` have gone by since it was `done`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._done_at = -inf

    @property
    def due(self) -> bool:
        """Whether it is to be done now."""
        return anyio.current_time() - self._done_at >= self._seconds

    def done(self) -> None:
        """Note that it was done just now."""
        self._done_at = anyio.current_time()


@contextmanager
def blamed() -> Iterator[None]:
    """Turn whatever an adapter should not raise into a `BadAnswer`."""
    try:
        yield
    except Error:
        raise
    except Exception as error:  # the item boundary: one provider must not disturb the others
        raise BadAnswer(f"its adapter has {describe_error(error)}") from error


async def batches(
    provider: Provider, span: Window, unread: Sequence[Unread] = ()
) -> AsyncGenerator[Sequence[Recording], None]:
    """Yield what `provider` discovers in `span`; its bugs are blamed on it. Close it when done.

    What is `unread` of an earlier reading is read besides, if the provider can do that.
    """
    if unread and isinstance(provider, Resuming):
        found = provider.discover_with(span, unread)
    else:
        found = provider.discover(span)
    try:
        while True:
            with blamed():
                batch = await anext(found, None)
            if batch is None:
                return
            yield batch
    finally:
        if isinstance(found, AsyncGenerator):
            await found.aclose()


MOST: Final = 20
"""Recordings that are answered for after one poll: one request each."""

MOST_FAILED: Final = 5
"""Recordings whose look-ups may fail after one poll; the next poll begins with others."""


class Review:
    """What is unavailable of one provider, while a poll goes on.

    A poll lists what began lately, and what is in the trash. What is unavailable and was not
    listed may have left the trash, or have an address by now, however old it is.
    """

    def __init__(self, provider: Reviewer, missed: Sequence[Missed]) -> None:
        self._provider = provider
        self._missed = {each.recording: each for each in missed}
        self._listed: set[RecordingId] = set()
        self._failed: dict[RecordingId, ProviderError] = {}

    def see(self, batch: Sequence[Recording]) -> None:
        """Note what is listed with all that was unavailable of it."""
        for recording in batch:
            missed = self._missed.get(recording.id)
            if missed is None:
                continue
            known = {file.id for file in recording.files}
            if recording.shortfall is not None:
                known.add(UNLISTED)
            if missed.files <= known:
                self._listed.add(recording.id)

    async def ask(
        self, intake: Intake, provider: Provider, *, complete: bool, listed: bool = True
    ) -> bool:
        """Ask for what was not listed, and for what is to be asked for; return whether it helped.

        If not even some listings were read (`listed`), only what an operator wants is asked for.
        One that cannot be asked for keeps no other waiting, unless the provider serves nobody.
        Unless all listings were `complete`, what is not found is not concluded to be gone.
        """
        found: list[Recording] = []
        absent: list[RecordingId] = []
        answers = 0
        for recording in self._chosen(listed=listed):
            if answers == MOST or len(self._failed) == MOST_FAILED:
                break
            try:
                with blamed():
                    seen = await self._provider.look_up(recording)
            except ProviderError as error:
                self._failed[recording] = error
                if concerns_all(error):
                    break
                continue
            answers += 1
            if seen is not None:
                found.append(seen)
            elif recording not in self._listed:
                absent.append(recording)
        name, traits = provider.name, provider.traits
        asked = [each for each, error in self._failed.items() if not concerns_all(error)]
        if asked:  # the next poll begins with others
            await intake.reviewed(name, traits, [], asked, gone=False)
        if not found and not absent:
            return False
        return await intake.reviewed(name, traits, found, absent, gone=complete)

    def failure(self, unread: Sequence[Unread]) -> PartlyRead | None:
        """Return what could not be asked for as one error; all else that is `unread` is known."""
        if not self._failed:
            return None
        told = [f"recording {each}: {error}" for each, error in self._failed.items()]
        return PartlyRead(named(told), unread=unread)

    def _chosen(self, *, listed: bool) -> list[RecordingId]:
        wanted = [
            each.recording
            for each in self._missed.values()
            if not each.asked or (listed and each.recording not in self._listed)
        ]
        return wanted[: MOST + MOST_FAILED]


async def begin(provider: Provider, intake: Intake) -> Review | None:
    """Return the review of a poll that begins; None if there is nothing to ask for."""
    if not isinstance(provider, Reviewer):
        return None
    missed = await intake.missed(provider.name)
    return Review(provider, missed) if missed else None


LOOK = 60.0
"""Seconds between two looks for transcodings to ask for again, at least."""


LONGEST = 3600.0
"""Seconds: a recording that is not ready is asked for ever more rarely, down to this."""

UNREADY = 10_000
"""Recordings that are remembered as not ready; those asked for longest ago are forgotten first."""


@dataclass(slots=True)
class WindowTally:
    """What one reading brought."""

    listed: int = 0
    new: int = 0
    changed: int = 0
    transcodable: int = 0
    errors: list[ProviderError] = field(default_factory=list)  #: What could not be read.
    partly: list[PartlyRead | PartlyDescribed] = field(default_factory=list)  #: And what is known.


class Unready:
    """Recordings that could not be described, and when each is asked for again."""

    def __init__(self) -> None:
        self._known: LRUCache[RecordingId, tuple[int, float]] = LRUCache(UNREADY)

    def is_waiting(self, id_: RecordingId) -> bool:
        """Return whether `id_` was asked for so lately that another question would be too soon."""
        return anyio.current_time() < self._known.get(id_, (0, 0.0))[1]

    def note(self, id_: RecordingId) -> None:
        """Note that `id_` was asked for in vain: the next pause is twice as long."""
        asked, _ = self._known.pop(id_, (0, 0.0))
        pause = min(2.0 ** min(asked, 12) - 1, LONGEST)
        self._known[id_] = (asked + 1, anyio.current_time() + pause)

    def forget(self, id_: RecordingId) -> None:
        """Note that `id_` was described, or has changed."""
        self._known.pop(id_, None)


class WindowReader:
    """Admits what a provider lists to the catalog; `work` is notified when some may be fetched."""

    def __init__(self, provider: Provider, intake: Intake, *, work: Notifiable) -> None:
        self._provider = provider
        self._intake = intake
        self._work = work
        self._looks = RepeatTimer(LOOK)
        self._unready = Unready()
        self._review: Review | None = None  #: Of the poll that goes on.
        self._unread: tuple[Unread, ...] | None = None  #: As the catalog has it, once it was read.

    async def read(self, span: Window) -> WindowTally:
        """Admit all that is in `span`, and ask for the transcodings that it takes.

        Raises:
            PartlyRead: Listings failed; the rest is admitted. If it is known which, they are
                noted in the catalog, and `poll` reads them again.
            ProviderError: `span` was not read wholly; what could be read is admitted.
            CatalogError: The catalog failed us.
        """
        return await self._read(span)

    async def poll(self, reading: Reading) -> WindowTally:
        """Do as `read`, and read again what is unread of earlier readings.

        Single recordings of which something is unavailable are asked for, too.

        Raises:
            PartlyRead: As `read` raises it; or single recordings could not be asked for.
            ProviderError, CatalogError: As `read` raises them.
        """
        known = await self._known()
        again = () if reading.deep else known
        self._review = await begin(self._provider, self._intake)
        try:
            tally = await self._read(reading.span, again, settled=known)
        except ProviderError as error:
            await self._ask_again(complete=False, listed=isinstance(error, PartlyRead))
            raise
        failure = await self._ask_again(complete=True, listed=True)
        if failure is not None:
            raise failure
        return tally

    async def _ask_again(self, *, complete: bool, listed: bool) -> PartlyRead | None:
        """Ask for single recordings of which something is unavailable; return what failed."""
        review, self._review = self._review, None
        if review is None:
            return None
        if await review.ask(self._intake, self._provider, complete=complete, listed=listed):
            self._work.notify()
        return review.failure(await self._known())

    async def _read(
        self, span: Window, again: Sequence[Unread] = (), *, settled: Sequence[Unread] = ()
    ) -> WindowTally:
        """Read `span` and `again`; what is `settled` was unread, and is what comes of this."""
        tally = WindowTally()
        try:
            async with aclosing(batches(self._provider, span, again)) as found:
                async for batch in found:
                    await self._admit(batch, tally)
        except PartlyRead as error:
            tally.partly.append(error)
        except ProviderError as error:
            tally.errors.append(error)
        if self._provider.traits.transcodes and (tally.transcodable or self._looks.due):
            await self._transcode(tally)
        if tally.errors:
            raise tally.errors[0]
        kept = merged(each for each in await self._known() if each not in settled)
        failure = together(tally.partly, kept)
        if failure is None:
            await self._leave(kept)
            return tally
        if failure.unread is not None:
            await self._leave(failure.unread)
        raise failure

    async def _known(self) -> tuple[Unread, ...]:
        if self._unread is None:
            self._unread = tuple(await self._intake.unread(self._provider.name))
        return self._unread

    async def _leave(self, unread: tuple[Unread, ...]) -> None:
        if unread != await self._known():
            await self._intake.left_unread(self._provider.name, unread)
            self._unread = unread

    async def _admit(self, batch: Sequence[Recording], tally: WindowTally) -> None:
        name, traits = self._provider.name, self._provider.traits
        if self._review is not None:
            self._review.see(batch)
        admission = await self._intake.admit(name, traits, batch)
        tally.listed += len(batch)
        tally.new += len(admission.new)
        tally.changed += len(admission.changed)
        tally.transcodable += sum(r.readiness is Readiness.TRANSCODABLE for r in batch)
        for id_ in (*admission.new, *admission.changed):
            self._unready.forget(id_)
        missing = {id_ for id_ in admission.undescribed if self._may_ask(id_)}
        if traits.describes and missing:
            await self._describe([r for r in batch if r.id in missing], tally)
        if admission.new or admission.changed or missing:
            self._work.notify()

    def _may_ask(self, id_: RecordingId) -> bool:
        """Return whether `id_` is asked for now; what was left unread is, whenever it is listed."""
        return isinstance(self._provider, Resuming) or not self._unready.is_waiting(id_)

    async def _describe(self, recordings: Sequence[Recording], tally: WindowTally) -> None:
        """Complete `recordings`; those that fail keep neither each other nor later ones waiting."""
        name, traits = self._provider.name, self._provider.traits
        try:
            with blamed():
                found = await self._provider.describe(recordings)
        except PartlyDescribed as error:
            tally.partly.append(error)
            found = error.described
        except ProviderError as error:
            if concerns_all(error):
                raise
            tally.errors.append(error)
            found = [replace(each, undescribed=str(error)) for each in recordings]
        told = {each.id: each for each in found}
        described = [each for each in told.values() if each.undescribed is None]
        unready = {
            each.id: told[each.id].undescribed if each.id in told else None
            for each in recordings
            if each.id not in told or told[each.id].undescribed is not None
        }
        if described:
            await self._intake.describe(name, traits, described)
        if unready:
            await self._intake.undescribed(name, unready)
        for each in described:
            self._unready.forget(each.id)
        for id_ in unready:
            self._unready.note(id_)

    async def _transcode(self, tally: WindowTally) -> None:
        """Ask for the transcodings that it takes, unless the provider serves nobody now."""
        if any(concerns_all(error) for error in tally.errors):
            return
        name, traits = self._provider.name, self._provider.traits
        try:
            while ids := await self._intake.transcodable(name, traits.batch):
                with blamed():
                    await self._provider.transcode(ids)
                await self._intake.transcoding(name, ids, traits.transcode_timeout)
        except ProviderError as error:
            tally.errors.append(error)
            return
        self._looks.done()


def concerns_all(error: ProviderError) -> bool:
    """Return whether `error` concerns the account, so that nothing else need be asked now."""
    return isinstance(error, RateLimited) or error.remedy is Remedy.PAUSE
