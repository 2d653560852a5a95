"""Find the archive that a configuration describes."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from reelkeep.archive.local import LocalArchive
from reelkeep.core.file_naming import FileNames, parse_file_name
from reelkeep.core.layout import parse_layout
from reelkeep.core.model import Holding
from reelkeep.ports import Clock, Report
from reelkeep.settings import Settings


def file_names(settings: Settings) -> FileNames:
    """Return how new files are named."""
    options = settings.archive
    return parse_file_name(options.file_name, ZoneInfo(options.timezone))


def make_archive(settings: Settings, clock: Clock, report: Report | None = None) -> LocalArchive:
    """Return the archive that `settings` describe; nothing is touched yet."""

    def put_aside(holding: Holding, name: str) -> None:
        if report is not None:
            report(
                "file.quarantined",
                provider=holding.provider,
                recording=holding.id,
                file=name,
                reason="other bytes stood in the archive under the name of this file",
            )

    options = settings.archive
    return LocalArchive(
        options.path,
        layout=parse_layout(options.layout),
        timezone=ZoneInfo(options.timezone),
        file_mode=options.file_mode,
        directory_mode=options.directory_mode,
        min_free=options.min_free,
        clock=clock,
        put_aside=put_aside,
        bags=options.format == "bagit",
    )
