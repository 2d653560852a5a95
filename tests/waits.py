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
    restart: str  #: What a restart makes of it: when a new process ends it, or says it again.
    errors: tuple[str, ...] = ()  #: Errors with `Remedy.WAIT` or `PAUSE` that lead to it.


WAITS: tuple[Wait, ...] = (
    Wait(
        what="All transfers, for room on the archive's disk: bytes, inodes or quota.",
        begins=("disk.low",),
        ends=("disk.recovered",),
        alerts=("ReelkeepDiskLow",),
        restart="at the first look at the disk, at the start",
        errors=("DiskFull",),
    ),
    Wait(
        what="All transfers, for an archive that can be written, or a process that has files and "
        "memory to do it.",
        begins=("archive.unavailable",),
        ends=("archive.available",),
        alerts=("ReelkeepArchiveUnavailable",),
        restart="at the first look at the archive, at the start",
        errors=("StorageUnavailable",),
    ),
    Wait(
        what="The daemon, for the archive of its catalog to be mounted.",
        begins=("archive.absent",),
        ends=("archive.found",),
        alerts=("ReelkeepArchiveAbsent",),
        restart="before anything else",
        errors=("ArchiveAbsent",),
    ),
    Wait(
        what="What belongs on a volume below the archive, for that to be mounted.",
        begins=("volume.absent",),
        ends=("volume.found",),
        alerts=("ReelkeepVolumeAbsent",),
        restart="at the start",
    ),
    Wait(
        what="Telling providers, and using their trash, for the newest stored files to be here.",
        begins=("archive.content_missing",),
        ends=("archive.content_found",),
        alerts=("ReelkeepContentMissing", "ReelkeepArchiveDamaged"),
        restart="at the start",
    ),
    Wait(
        what="Health checks, status and metrics, for an address that can be listened on.",
        begins=("server.unavailable",),
        ends=("server.listening",),
        alerts=("ReelkeepServerUnavailable", "ReelkeepDown"),
        restart="at the start",
    ),
    Wait(
        what="One file, for room that is large enough for it.",
        begins=("file.too_large",),
        ends=("file.fits",),
        alerts=("ReelkeepFilesTooLarge",),
        restart="when the file's turn comes, at the start",
        errors=("TooLarge",),
    ),
    Wait(
        what="A recording's folder, for the disk to take it.",
        begins=("recording.publish_failed",),
        ends=("recording.published",),
        alerts=("ReelkeepPublishFailing",),
        restart="at the start; the catalog keeps which recordings",
    ),
    Wait(
        what="A provider's polls, because it is out of order, out of reach or not to be believed.",
        begins=("poll.failed",),
        ends=("poll.recovered", "poll.completed"),
        alerts=("ReelkeepProviderSilent",),
        restart="at the first poll; the catalog keeps since when, and "
        "`poll.recovered` is said by the new process",
        errors=("Unavailable", "BadAnswer", "RateLimited", "ProviderError"),
    ),
    Wait(
        what="One user's or one window's listing, for the provider to give it; others are read.",
        begins=("listing.failed", "poll.failed"),
        ends=("listing.recovered", "poll.recovered", "poll.completed"),
        alerts=("ReelkeepListingsUnread",),
        restart="at the first poll; `poll.completed` ends it, too",
        errors=("PartlyRead", "PartlyDescribed"),
    ),
    Wait(
        what="All of a provider, for credentials or a configuration that it accepts.",
        begins=("provider.auth_failed", "poll.failed"),
        ends=("provider.auth_recovered", "poll.recovered", "poll.completed"),
        alerts=("ReelkeepAuthFailed", "ReelkeepProviderSilent"),
        restart="at the first success, which says `provider.auth_recovered` if the "
        "provider was broken before",
        errors=("AuthFailed", "Misconfigured"),
    ),
    Wait(
        what="Requests to one host, as long as it asked for.",
        begins=("provider.throttled",),
        ends=("provider.throttled",),
        alerts=("ReelkeepStalled", "ReelkeepBacklogGrowing"),
        restart="at once; it is said again if the host complains again. The event that ends it "
        "is the one without `until`",
        errors=("Parked",),
    ),
    Wait(
        what="A file that its provider has not finished, gives no address for, or serves with a "
        "certificate that is not valid at this time.",
        begins=("file.overdue",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepRecordingsAtRisk"),
        restart="not: the catalog keeps since when",
        errors=("NotYet", "Untimely"),
    ),
    Wait(
        what="A recording that its provider has not transcoded or described within "
        "`transcode_timeout`.",
        begins=("recording.incomplete",),
        ends=("recording.archived",),
        alerts=("ReelkeepFilesFailed", "ReelkeepRecordingsAtRisk"),
        restart="not: the catalog keeps since when",
    ),
    Wait(
        what="A file after an attempt that failed, for the next one.",
        begins=("file.retry",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepStalled"),
        restart="not: the catalog keeps when it is due",
    ),
    Wait(
        what="Telling a provider that a recording is archived, because it refuses.",
        begins=("recording.acknowledge_refused",),
        ends=("recording.acknowledged", "recording.acknowledge_abandoned"),
        alerts=("ReelkeepAcknowledgeRefused",),
        restart="not: the catalog keeps when to ask again",
    ),
    Wait(
        what="Moving a recording to its provider's trash, because something speaks against it.",
        begins=("recording.trash_refused",),
        ends=("recording.trashed",),
        alerts=(),
        restart="not: the catalog keeps when to look again",
    ),
    Wait(
        what="A window that an operator wants to be read again, because it cannot be.",
        begins=("backfill.failed",),
        ends=("backfill.advanced", "backfill.completed"),
        alerts=("ReelkeepProviderSilent",),
        restart="at the next part of the window, which the catalog keeps",
    ),
    Wait(
        what="Reading the archive again, because it cannot be read.",
        begins=("scrub.failed",),
        ends=("scrub.recovered",),
        alerts=("ReelkeepScrubFailing",),
        restart="when the archive is read again",
    ),
    Wait(
        what="Recordings that a wrong clock keeps out of every listing, and whatever hosts refuse "
        "for it, for the clock to be set.",
        begins=("clock.wrong",),
        ends=("clock.right",),
        alerts=("ReelkeepClockWrong",),
        restart="at the first reply of a provider",
    ),
    Wait(
        what="Figures, and everything that is to be recorded, for a catalog that answers.",
        begins=("heartbeat.failed",),
        ends=("heartbeat.recovered",),
        alerts=("ReelkeepCatalogSilent",),
        restart="at the first look at the catalog, at the start",
    ),
    Wait(
        what="Whatever must be recorded, for a catalog that can be written: its disk is full, "
        "read-only or failing, or another process keeps it locked.",
        begins=("catalog.unavailable",),
        ends=("catalog.available",),
        alerts=("ReelkeepCatalogUnavailable",),
        restart="at the first transaction that is refused",
    ),
    Wait(
        what="A reload, for a configuration that is valid.",
        begins=("config.rejected",),
        ends=("config.reloaded",),
        alerts=("ReelkeepConfigRejected",),
        restart="at once: an invalid configuration does not start, and says `config.invalid`",
    ),
    Wait(
        what="An operator's repair, for the running daemon to fetch what it made due.",
        begins=("repair.queued",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepArchiveDamaged",),
        restart="not: the catalog keeps which files",
    ),
)
"""Every wait. A test holds this table, the errors, the events and the alerts together."""
