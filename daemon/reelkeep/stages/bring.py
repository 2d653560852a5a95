"""Bring all bytes of one file: ask its provider where it is, then its host for what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from reelkeep.core.model import Download, Locator, ProviderName
from reelkeep.core.resume import Complete
from reelkeep.errors import Remedy, TransferError, Unavailable
from reelkeep.ports import Part, Provider, Report
from reelkeep.stages.active_transfers import ActiveTransfer
from reelkeep.stages.stream import Arrived, Stream, missing


class Bringer:
    """Completes parts with what providers give."""

    def __init__(self, providers: Mapping[ProviderName, Provider], stream: Stream) -> None:
        self._providers = providers
        self._stream = stream

    async def __call__(self, part: Part, flight: ActiveTransfer) -> Arrived:
        """Complete `part`; a locator that is refused is replaced once, and the bytes stay.

        A replacement that is the same again is not tried: what refused it would do so again
        (rule 23). Later attempts may fare better, and they are few and far between.

        Raises:
            ProviderError, TransferError: The attempt failed; what came is in the part.
        """
        download = flight.download
        if isinstance(missing(part.held, download), Complete):  # nobody need be asked (rule 14)
            return Arrived("", framed=True)
        locator = await self._locate(download, fresh=False)
        try:
            return await self._stream.complete(part, locator, flight)
        except TransferError as error:
            if error.remedy is not Remedy.REFRESH:
                raise
            fresh = await self._locate(download, fresh=True)
            if fresh == locator:
                raise
        return await self._stream.complete(part, fresh, flight)

    async def _locate(self, download: Download, *, fresh: bool) -> Locator:
        """Ask the provider as it is configured now: that may change in the middle of a file."""
        provider = self._providers.get(download.provider)
        if provider is None:
            raise Unavailable("this provider is no longer configured")
        return await provider.locate(
            download.recording, download.asked_as or download.file, fresh=fresh
        )


def say_discarded(report: Report, error: TransferError, part: Part, download: Download) -> None:
    """Report that all that `part` holds is thrown away, for it is not what its host sent."""
    held = part.held
    report(
        "file.discarded",
        provider=download.provider,
        recording=download.recording,
        file=download.name,
        bytes=held.size + held.beyond,
        code=error.code,
        reason=str(error),
    )
