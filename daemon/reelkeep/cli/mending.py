"""Repair what a reading of the archive found, and see how far that came."""

from __future__ import annotations

from collections.abc import Collection

from reelkeep.app.archive_access import make_archive
from reelkeep.app.catalog_access import books, utc_now
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.repair import Repair, Repairer
from reelkeep.app.verification import VerificationRun, make_rereader
from reelkeep.catalog.read_only import exists
from reelkeep.cli.live_progress import Screen
from reelkeep.cli.pass_runner import make_pass
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName
from reelkeep.errors import Busy
from reelkeep.settings import Settings
from reelkeep.telemetry.logs import Log


async def mend(settings: Settings, found: VerificationRun, log: Log, screen: Screen) -> None:
    """Begin the repair of what was `found`; what is whole again afterwards is no blemish more.

    A running daemon fetches what is due again. Without one, a pass over the providers concerned
    does, and what it should have mended is read once more.
    """
    if not exists(settings.catalog.path):
        return
    async with books(settings, log) as opened:
        archive = make_archive(settings, utc_now, log)
        archive.identity.expect(opened.identity)
        repair = await Repairer(archive, opened.checks, log).begin(found.listed(), found.returned)
    names = _configured(settings, repair.names)
    if not repair.folders or not names:
        return
    try:
        with unwrapped():
            await make_pass(settings, names, log, screen, limit=None)
    except Busy:
        log("repair.queued", files=repair.due)
        return
    await _read_again(settings, found, repair, log)


def _configured(settings: Settings, names: Collection[ProviderName]) -> list[ProviderName]:
    enabled = [ProviderName(each.name) for each in settings.providers if each.enabled]
    return [name for name in enabled if name in names]


async def _read_again(settings: Settings, found: VerificationRun, repair: Repair, log: Log) -> None:
    """Take out of `found` what is stored and in order now."""
    async with books(settings, log) as opened:
        holdings = await opened.checks.in_folders(sorted(repair.folders))
        reader = make_rereader(settings, opened, log)
        await reader.some(holdings)
    lacking = {
        (holding.folder, file.name)
        for holding in holdings
        for file in holding.files
        if file.state != FileState.STORED
    }
    still = reader.found.blemishes
    for at, blemish in list(found.blemishes.items()):
        if blemish.folder in repair.folders and at not in still and at not in lacking:
            found.repaired.append(found.blemishes.pop(at))
    found.note(still.values())
