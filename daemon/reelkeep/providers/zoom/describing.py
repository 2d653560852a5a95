"""Ask for each recording as a whole, for the files that no listing shows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from reelkeep.core.model import ProviderName, Readiness, Recording, Shortfall, Window
from reelkeep.core.poll_window import PartlyDescribed, Unread, named
from reelkeep.errors import ProviderError
from reelkeep.ports import Report
from reelkeep.providers.zoom.api_errors import Denied
from reelkeep.providers.zoom.failures import IN_A_ROW, Failure, Outcomes, of_account
from reelkeep.providers.zoom.json_values import quoted
from reelkeep.providers.zoom.limits import in_lanes
from reelkeep.providers.zoom.locators import LOST, report_refusal
from reelkeep.providers.zoom.recording_api import RecordingApi
from reelkeep.providers.zoom.recording_parsing import Sighting, merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Describer:
    """See `reelkeep.ports.Provider.describe`."""

    name: ProviderName
    wholes: RecordingApi
    by_user: bool  #: Recordings are listed at each user.
    report: Report

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        """Return `recordings` with all their files; what is not ready is left out.

        What is listed of one that cannot be asked for is fetched all the same.

        Raises:
            PartlyDescribed: Some could not be asked for.
            ProviderError: Many could not be, and none could.
        """
        described: list[Recording] = []
        failed: list[tuple[Recording, Failure]] = []
        outcomes = Outcomes()

        async def one(listed: Recording) -> Recording | None:
            try:
                whole = await self.wholes.get(listed.id, patient=outcomes.in_a_row == 0)
            except Denied as denied:
                outcomes.answered()
                return self._denied(listed, denied)
            except ProviderError as error:
                failure = _failure(listed, error)
                outcomes.failed(listed.id, failure)
                failed.append((listed, failure))
                return _without_audio(listed, failure)
            outcomes.succeeded(listed.id)
            known = merged(Sighting(listed, {}), whole).recording
            return replace(known, facts=whole.recording.facts)

        async with aclosing(in_lanes(one, recordings)) as lanes:
            async for batch in lanes:
                described += [each for each in batch if each is not None]
                if outcomes.in_a_row >= IN_A_ROW and not await self._is_served(outcomes):
                    raise of_account(failed[0][1])
        ready = [each for each in described if each.readiness is Readiness.READY]
        if failed:
            raise self._partly(ready, failed)
        return ready

    async def _is_served(self, outcomes: Outcomes) -> bool:
        """Return whether anything is served; without an answer yet, ask for what does not exist."""
        if not outcomes.served and await self.wholes.are_served():
            outcomes.served += 1  # what fails in a row is still not waited for
        return outcomes.served > 0

    def _denied(self, listed: Recording, denied: Denied) -> Recording:
        """Return `listed`, of which no more is told: its audio is out of reach.

        Of one that is lost to such questions, as in the trash, it is not if all that is announced
        is listed.
        """
        short = listed.shortfall
        if denied.verdict not in LOST:
            report_refusal(self.report, self.name, listed.id, denied)
        elif short is not None and short.announced is not None and not short.missing:
            return listed
        return _without_audio(listed, _failure(listed, denied))

    def _partly(
        self, described: Sequence[Recording], failed: Sequence[tuple[Recording, Failure]]
    ) -> PartlyDescribed:
        message = named([str(failure) for _, failure in failed])
        days = [self._day(each) for each, _ in failed]
        known = [each for each in days if each is not None]
        return PartlyDescribed(
            f"all but {len(failed)} recordings with their participants' audio: {message}",
            described=[
                *described,
                *(
                    replace(each, undescribed=str(failure))
                    for each, failure in failed
                    if each.readiness is not Readiness.READY
                ),
            ],
            unread=known if len(known) == len(days) else None,
        )

    def _day(self, listed: Recording) -> Unread | None:
        """Return the listing that shows the recording again."""
        if listed.started is None or (self.by_user and not listed.user):
            return None
        since = datetime.combine(listed.started.astimezone(UTC), time(), UTC)
        return Unread(listed.user if self.by_user else "", Window(since, since + timedelta(days=1)))


def _failure(listed: Recording, error: ProviderError) -> Failure:
    return Failure(quoted(listed.user), f"recording {quoted(listed.id)}", error)


def _without_audio(listed: Recording, failure: Failure) -> Recording:
    """Return `listed` with the participants' audio as what is out of reach for now.

    What is listed is fetched all the same. Later polls ask for the recording again.
    """
    told = f"the audio of participants could not be asked for ({failure})"
    return replace(listed, shortfall=Shortfall(missing=1, told=told))
