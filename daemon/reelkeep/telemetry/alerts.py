"""What the alerts of `config/monitoring` mean and ask for: the one source of command and manual.

Text is Markdown, a paragraph a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Alert:
    """What an alert of `config/monitoring` means; `events` of the log tell more."""

    meaning: str
    events: tuple[str, ...]
    advice: str


ALERTS: Mapping[str, Alert] = MappingProxyType(
    {
        "ReelkeepDown": Alert(
            "The daemon's figures cannot be had: it is gone, hangs, or is not reached.",
            ("daemon.stopped", "daemon.failed", "config.rejected"),
            "`systemctl status reelkeep` and `journalctl -u reelkeep` say whether it runs. "
            "An exit code of 78 is a mistake in the configuration: `reelkeep check` shows it. 75 "
            "is another process that holds the archive.\n"
            "If it runs, ask it: `curl http://127.0.0.1:9477/healthz`. Then see `server.listen`, "
            "and that Prometheus reaches it.",
        ),
        "ReelkeepHeartbeatMissing": Alert(
            "No heartbeat was said for minutes: the daemon is gone, hangs, or its catalog does not "
            "answer.",
            ("heartbeat", "heartbeat.failed", "daemon.stopped", "daemon.failed", "config.invalid"),
            "`systemctl status reelkeep` and `journalctl -u reelkeep` say whether it runs. If it "
            "does, see `heartbeat.failed`. With mtail, see also that it reads the log that the "
            "daemon writes: a log that was rotated or moved looks like a daemon that is gone, and "
            "so does a `log.level` above `info` or a `log.format` other than `json`.",
        ),
        "ReelkeepServerUnavailable": Alert(
            "The daemon cannot listen on `server.listen`. Recordings are archived meanwhile.",
            ("server.unavailable", "server.listening"),
            "There is no health check, no status of transfers and no `/metrics` until it can. Only "
            "figures from the log show it; from `/metrics` it is `ReelkeepDown`.",
        ),
        "ReelkeepRestarting": Alert(
            "The process was started several times within an hour.",
            ("daemon.started", "daemon.failed", "catalog.recovered"),
            "Something ends it again and again. `journalctl -u reelkeep | grep -i "
            "-e watchdog -e killed -e status=` names who: a watchdog that found the loop stuck, "
            "the out-of-memory killer, or an error, which `daemon.failed` explains. Nothing is "
            "lost meanwhile; transfers resume, though a large file may need several starts.",
        ),
        "ReelkeepClockWrong": Alert(
            "The clock of the machine is wrong, by the clocks of all providers that answer.",
            ("clock.wrong", "clock.right", "clock.stepped"),
            "Set it, and see that NTP is at work: `timedatectl`, `chronyc tracking`. What is newer "
            "than a clock that is behind is in no listing, and hosts refuse tokens and "
            "certificates.\n"
            "Nothing has to be restarted: once the clock is right, everything is listed again.",
        ),
        "ReelkeepProviderSilent": Alert(
            "No poll of this provider was complete for hours: what is new there is not known here.",
            ("poll.failed", "poll.recovered", "listing.failed"),
            "`reelkeep status` gives the reason, `reelkeep check --online` asks the provider now. "
            "If it is in order there and the daemon runs, look whether one poll takes too long: "
            "`seconds` of `poll.completed`.",
        ),
        "ReelkeepAuthFailed": Alert(
            "The provider refuses our credentials; only a person can change that.",
            ("provider.auth_failed", "provider.auth_recovered"),
            "Nothing of this provider is fetched until it is mended, and recordings may expire "
            "there.",
        ),
        "ReelkeepBacklogGrowing": Alert(
            "For hours more files came up than were fetched.",
            ("heartbeat", "provider.throttled", "file.retry"),
            "After a first start, a widened filter or an outage this is right: see that the rate "
            "(`bytes_per_second` of the heartbeat) is what the line gives. Else find what bounds "
            "it: `downloads.workers`, `downloads.bandwidth`, a throttling provider, a slow disk "
            "(`iostat -x`), or one host that stalls (`code` of `file.retry`).",
        ),
        "ReelkeepStalled": Alert(
            "Files are pending, and not one byte came for half an hour.",
            ("disk.low", "provider.throttled", "file.retry"),
            "`reelkeep status` shows what is under way. Every retry may wait for the same thing: "
            "the network, the download host, a full disk, or a provider that is paused.",
        ),
        "ReelkeepFilesFailed": Alert(
            "Files were given up, or vanished before they were fetched. Somebody must decide.",
            ("file.failed", "recording.vanished", "recording.incomplete"),
            "`reelkeep list --state failed` and `reelkeep list --state gone` name the recordings. "
            "The alert ends when each such file is stored or waived.",
        ),
        "ReelkeepFilesUnavailable": Alert(
            "Files are wanted and announced, but their provider gives no way to them now.",
            ("file.unavailable", "recording.incomplete"),
            "`reelkeep list --state unavailable` names the recordings, `reelkeep show ID` says of "
            "each file what is in the way and what helps, such as to recover it in Zoom's trash. "
            "The alert ends when each such file is stored or waived.",
        ),
        "ReelkeepRecordingsLost": Alert(
            "Something went at the provider before it could be fetched.",
            ("recording.vanished",),
            "It is the only alert about something that may be beyond repair: act while a trash "
            "still has it.",
        ),
        "ReelkeepRecordingsAtRisk": Alert(
            "Recordings that are not here will be deleted by their provider within a week.",
            ("recording.at_risk",),
            "See that they are fetched in time: `reelkeep audit` and `reelkeep show ID`. The alert "
            "ends when they are here, or gone.",
        ),
        "ReelkeepAcknowledgeRefused": Alert(
            "Archived recordings cannot be marked at their provider since a day; it refuses.",
            ("recording.acknowledge_refused", "recording.acknowledge_abandoned"),
            "Nothing is lost. The alert ends when each is marked, or 30 days after it was "
            "archived, when the provider is told no more.",
        ),
        "ReelkeepListingsUnread": Alert(
            "Listings of a provider, such as those of single users, fail since a day. All others "
            "are read; what is new in these is not known here.",
            ("listing.failed", "listing.recovered", "poll.failed"),
            "`reelkeep status` names them with the provider's words. Mostly a user needs to be "
            "looked at in the provider's own pages. The alert ends when all is read. If nothing of "
            "a user is wanted, name the user under `exclude: {users: […]}`.",
        ),
        "ReelkeepArchiveDamaged": Alert(
            "Stored files were not in order when they were last read.",
            (
                "file.altered",
                "file.missing",
                "file.unreadable",
                "manifest.damaged",
            ),
            "`reelkeep status` counts them, and the log names them. Find the cause before you "
            "repair: what damaged these files may be damaging others. The alert ends when each is "
            "found in order again.",
        ),
        "ReelkeepArchiveAbsent": Alert(
            "The daemon waits: the archive of its catalog is not at `archive.path`.",
            ("archive.absent", "archive.found"),
            "Nothing is fetched, and nothing is written there. Is the archive's disk mounted? The "
            "alert ends when the daemon has found the archive.",
        ),
        "ReelkeepContentMissing": Alert(
            "Most of the newest stored files are missing from the archive since a start.",
            ("archive.content_missing", "archive.content_found"),
            "Is an old snapshot mounted, or was a copy cut? No provider is told of anything, and "
            "nothing is moved to a trash, until they are there: mount or copy the rest, or "
            "`reelkeep verify --repair`. The alert ends when most of them are there.",
        ),
        "ReelkeepVolumeAbsent": Alert(
            "A volume below the archive is not mounted, or is another one.",
            ("volume.absent", "volume.found"),
            "What belongs there waits, and cannot be read. Is it mounted? The alert ends when "
            "every volume is there.",
        ),
        "ReelkeepScrubFailing": Alert(
            "The daemon cannot read its archive again, so that damage would not be noticed.",
            ("scrub.failed", "scrub.recovered"),
            "Is the archive's disk there, and readable for reelkeep's user?",
        ),
        "ReelkeepDiskLow": Alert(
            "Transfers wait for room on the archive's disk.",
            ("disk.low", "disk.recovered"),
            "Nothing is fetched until there is room.",
        ),
        "ReelkeepArchiveUnavailable": Alert(
            "The archive cannot be written, and all transfers wait for it.",
            ("archive.unavailable", "archive.available"),
            "Nothing is fetched until it can be written.",
        ),
        "ReelkeepCatalogUnavailable": Alert(
            "The catalog cannot be written, and all work waits for it.",
            ("catalog.unavailable", "catalog.available"),
            "Nothing can be recorded or told to a provider until it can be written.",
        ),
        "ReelkeepFilesTooLarge": Alert(
            "Files do not fit in what is left of the archive's disk; the others go on.",
            ("file.too_large", "file.fits"),
            "The alert ends when there is room for each of them, or when they are waived.",
        ),
        "ReelkeepDiskFilling": Alert(
            "As it goes, the archive's disk is full within a day.",
            ("disk.low",),
            "Plan the next disk now; nothing has stopped yet. A first pass over a long history "
            "fills quickly and then ceases: `reelkeep plan` says how much is still to come.",
        ),
        "ReelkeepPublishFailing": Alert(
            "Fetched files cannot be moved into their recording's folder.",
            ("recording.publish_failed",),
            "The provider is not told of such a recording, so that it is not deleted there.",
        ),
        "ReelkeepCatalogSilent": Alert(
            "The daemon gets no answer from its catalog, and its figures are old.",
            ("heartbeat.failed", "heartbeat.recovered"),
            "What is fetched cannot be recorded.",
        ),
        "ReelkeepConfigRejected": Alert(
            "A reload was refused: the daemon runs on an older configuration than the file's.",
            ("config.rejected",),
            "At the next start it would not come up.",
        ),
        "ReelkeepBytesLost": Alert(
            "Bytes were lost, added or swapped between a host and the disk, on this machine.",
            ("file.discarded",),
            "What came is thrown away and fetched anew, so that no wrong file is stored. But it "
            "shows a fault of the program, of memory or of the disk: one time is too many.",
        ),
        "ReelkeepBadBytes": Alert(
            "Several downloads within an hour were put aside, because they were not the file.",
            ("file.quarantined",),
            "One is chance. Several are a broken thing between the provider and this disk.",
        ),
    }
)
"""What each alert means. A test holds this and the rules together."""
