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
        what="All transfers, for space on the archive's disk: bytes, inodes or quota.",
        begins=("disk.low",),
        ends=("disk.recovered",),
        alerts=("ReelkeepDiskLow",),
        restart="at the first check of the disk, at the start",
        errors=("DiskFull",),
    ),
    Wait(
        what="All transfers, for an archive that can be written, or until the process has "
        "enough file descriptors and memory.",
        begins=("archive.unavailable",),
        ends=("archive.available",),
        alerts=("ReelkeepArchiveUnavailable",),
        restart="at the first check of the archive, at the start",
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
        what="Files on a volume below the archive, for the volume to be mounted.",
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
        what="Health checks, status and metrics, for the address of `server.listen`.",
        begins=("server.unavailable",),
        ends=("server.listening",),
        alerts=("ReelkeepServerUnavailable", "ReelkeepDown"),
        restart="at the start",
    ),
    Wait(
        what="One file, for enough space on the disk.",
        begins=("file.too_large",),
        ends=("file.fits",),
        alerts=("ReelkeepFilesTooLarge",),
        restart="when it is the turn of the file, after the start",
        errors=("TooLarge",),
    ),
    Wait(
        what="The folder of a recording, because the disk refuses it.",
        begins=("recording.publish_failed",),
        ends=("recording.published",),
        alerts=("ReelkeepPublishFailing",),
        restart="at the start; the catalog knows which recordings",
    ),
    Wait(
        what="The polls of a provider, because it fails, cannot be reached or gives invalid "
        "answers.",
        begins=("poll.failed",),
        ends=("poll.recovered", "poll.completed"),
        alerts=("ReelkeepProviderSilent",),
        restart="at the first poll; the catalog knows since when, and the new process logs "
        "`poll.recovered`",
        errors=("Unavailable", "BadAnswer", "RateLimited", "ProviderError"),
    ),
    Wait(
        what="The listing of one user or window, because it fails; others are read.",
        begins=("listing.failed", "poll.failed"),
        ends=("listing.recovered", "poll.recovered", "poll.completed"),
        alerts=("ReelkeepListingsUnread",),
        restart="at the first poll; `poll.completed` ends it, too",
        errors=("PartlyRead", "PartlyDescribed"),
    ),
    Wait(
        what="A whole provider, for credentials or a configuration that it accepts.",
        begins=("provider.auth_failed", "poll.failed"),
        ends=("provider.auth_recovered", "poll.recovered", "poll.completed"),
        alerts=("ReelkeepAuthFailed", "ReelkeepProviderSilent"),
        restart="at the first success; `provider.auth_recovered` is logged if the provider was "
        "broken before",
        errors=("AuthFailed", "Misconfigured"),
    ),
    Wait(
        what="Requests to one host, for as long as it asked.",
        begins=("provider.throttled",),
        ends=("provider.throttled",),
        alerts=("ReelkeepStalled", "ReelkeepBacklogGrowing"),
        restart="at once; it is logged again if the host asks again. The event that ends it is "
        "the one without `until`",
        errors=("Parked",),
    ),
    Wait(
        what="A file that its provider has not finished, gives no address for, or serves with a "
        "certificate that is not valid at this time.",
        begins=("file.overdue",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepRecordingsAtRisk"),
        restart="no effect: the catalog knows since when",
        errors=("NotYet", "Untimely"),
    ),
    Wait(
        what="A recording that its provider has not transcoded or described within "
        "`transcode_timeout`.",
        begins=("recording.incomplete",),
        ends=("recording.archived",),
        alerts=("ReelkeepFilesFailed", "ReelkeepRecordingsAtRisk"),
        restart="no effect: the catalog knows since when",
    ),
    Wait(
        what="A file after a failed attempt, for the next one.",
        begins=("file.retry",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepFilesFailed", "ReelkeepStalled"),
        restart="no effect: the catalog knows when it is due",
    ),
    Wait(
        what="The acknowledgement of a recording, because the provider refuses it.",
        begins=("recording.acknowledge_refused",),
        ends=("recording.acknowledged", "recording.acknowledge_abandoned"),
        alerts=("ReelkeepAcknowledgeRefused",),
        restart="no effect: the catalog knows when to ask again",
    ),
    Wait(
        what="Moving a recording to its provider's trash, because a check prevents it.",
        begins=("recording.trash_refused",),
        ends=("recording.trashed",),
        alerts=(),
        restart="no effect: the catalog knows when to check again",
    ),
    Wait(
        what="A requested backfill, because listing fails.",
        begins=("backfill.failed",),
        ends=("backfill.advanced", "backfill.completed"),
        alerts=("ReelkeepProviderSilent",),
        restart="at the next part of the window, which the catalog knows",
    ),
    Wait(
        what="Reading the archive again, because it cannot be read.",
        begins=("scrub.failed",),
        ends=("scrub.recovered",),
        alerts=("ReelkeepScrubFailing",),
        restart="when the archive is read again",
    ),
    Wait(
        what="Recordings that a wrong clock hides from the listings, and requests that are "
        "refused because of it, for the clock to be set.",
        begins=("clock.wrong",),
        ends=("clock.right",),
        alerts=("ReelkeepClockWrong",),
        restart="at the first reply of a provider",
    ),
    Wait(
        what="Metrics, and everything that must be recorded, for a catalog that answers.",
        begins=("heartbeat.failed",),
        ends=("heartbeat.recovered",),
        alerts=("ReelkeepCatalogSilent",),
        restart="at the first use of the catalog, at the start",
    ),
    Wait(
        what="Everything that must be recorded, for a catalog that can be written: its disk is "
        "full, read-only or failing, or another process keeps it locked.",
        begins=("catalog.unavailable",),
        ends=("catalog.available",),
        alerts=("ReelkeepCatalogUnavailable",),
        restart="at the first transaction that fails",
    ),
    Wait(
        what="A reload, for a configuration that is valid.",
        begins=("config.rejected",),
        ends=("config.reloaded",),
        alerts=("ReelkeepConfigRejected",),
        restart="at once: with an invalid configuration the daemon does not start, and logs "
        "`config.invalid`",
    ),
    Wait(
        what="A repair by an operator, for the running daemon to download the files.",
        begins=("repair.queued",),
        ends=("file.stored", "file.failed"),
        alerts=("ReelkeepArchiveDamaged",),
        restart="no effect: the catalog knows which files",
    ),
)
"""Every wait. A test holds this table, the errors, the events and the alerts together."""
