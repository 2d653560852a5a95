"""Each way in which the program waits, and how people learn of it: the one source of the manual.

Whatever makes the program wait is said once when it begins, and once when it is over. What ends by
itself within minutes is told without an alert; everything else has a rule that fires.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One way to wait. Events are those of `core.events`, alerts those of `telemetry.alerts`."""

    what: str
    begins: tuple[str, ...]
    ends: tuple[str, ...]
    alerts: tuple[str, ...]
    errors: tuple[str, ...] = ()  #: Errors with `Remedy.WAIT` or `PAUSE` that lead to it.


WAITS: tuple[Wait, ...] = (
    Wait(
        what="All transfers, for room on the archive's disk: bytes, inodes or quota.",
        begins=("disk.low",),
        ends=("disk.recovered",),
        alerts=("ReelkeepDiskLow",),
        errors=("DiskFull",),
    ),
    Wait(
        what="All transfers, for an archive that can be written, or a process that has files and "
        "memory to do it.",
        begins=("archive.unavailable",),
        ends=("archive.available",),
        alerts=("ReelkeepArchiveUnavailable",),
        errors=("StorageUnavailable",),
    ),
    Wait(
        what="The daemon, for the archive of its catalog to be mounted.",
        begins=("archive.absent",),
        ends=("archive.found",),
        alerts=("ReelkeepArchiveAbsent",),
        errors=("ArchiveAbsent",),
    ),
    Wait(
        what="One file, for room that is large enough for it.",
        begins=("file.too_large",),
        ends=("file.fits",),
        alerts=("ReelkeepFilesTooLarge",),
        errors=("TooLarge",),
    ),
    Wait(
        what="A recording's folder, for the disk to take it.",
        begins=("recording.publish_failed",),
        ends=("recording.published",),
        alerts=("ReelkeepPublishFailing",),
    ),
    Wait(
        what="A provider's polls, because it is out of order, out of reach or not to be believed.",
        begins=("poll.failed",),
        ends=("poll.recovered",),
        alerts=("ReelkeepProviderSilent",),
        errors=("Unavailable", "BadAnswer", "RateLimited", "ProviderError"),
    ),
    Wait(
        what="One user's or one window's listing, for the provider to give it; others are read.",
        begins=("listing.failed", "poll.failed"),
        ends=("listing.recovered", "poll.recovered"),
        alerts=("ReelkeepProviderSilent",),
        errors=("PartlyRead", "PartlyDescribed"),
    ),
    Wait(
        what="All of a provider, for credentials or a configuration that it accepts.",
        begins=("provider.auth_failed", "poll.failed"),
        ends=("provider.auth_recovered", "poll.recovered"),
        alerts=("ReelkeepAuthFailed", "ReelkeepProviderSilent"),
        errors=("AuthFailed", "Misconfigured"),
    ),
    Wait(
        what="Requests to one host, as long as it asked for.",
        begins=("provider.throttled",),
        ends=("provider.throttled",),
        alerts=("ReelkeepStalled", "ReelkeepBacklogGrowing"),
        errors=("Parked",),
    ),
    Wait(
        what="A file that its provider has not finished, gives no address for, or serves with a "
        "certificate that is not valid at this time.",
        begins=("file.overdue",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepRecordingsAtRisk"),
        errors=("NotYet", "Untimely"),
    ),
    Wait(
        what="A file after an attempt that failed, for the next one.",
        begins=("file.retry",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepStalled"),
    ),
    Wait(
        what="Telling a provider that a recording is archived, because it refuses.",
        begins=("recording.acknowledge_refused",),
        ends=("recording.acknowledged", "recording.acknowledge_abandoned"),
        alerts=(),
    ),
    Wait(
        what="Moving a recording to its provider's trash, because something speaks against it.",
        begins=("recording.trash_refused",),
        ends=("recording.trashed",),
        alerts=(),
    ),
    Wait(
        what="A window that an operator wants to be read again, because it cannot be.",
        begins=("backfill.failed",),
        ends=("backfill.advanced", "backfill.completed"),
        alerts=("ReelkeepProviderSilent",),
    ),
    Wait(
        what="Reading the archive again, because it cannot be read.",
        begins=("scrub.failed",),
        ends=("scrub.recovered",),
        alerts=("ReelkeepScrubFailing",),
    ),
    Wait(
        what="Figures, and everything that is to be recorded, for a catalog that answers.",
        begins=("heartbeat.failed",),
        ends=("heartbeat.recovered",),
        alerts=("ReelkeepCatalogSilent",),
    ),
    Wait(
        what="A reload, for a configuration that is valid.",
        begins=("config.rejected",),
        ends=("config.reloaded",),
        alerts=("ReelkeepConfigRejected",),
    ),
    Wait(
        what="An operator's repair, for the running daemon to fetch what it made due.",
        begins=("repair.queued",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepArchiveDamaged",),
    ),
)
"""Every wait. A test holds this table, the errors, the events and the alerts together."""
