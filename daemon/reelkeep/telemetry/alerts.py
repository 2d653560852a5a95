"""What the alerts of `config/monitoring` mean: the source of `reelkeep logs` and the runbook.

Texts are Markdown, one paragraph per line.
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
            "The metrics of the daemon cannot be scraped: it has stopped, hangs, or cannot be "
            "reached.",
            ("daemon.stopped", "daemon.failed", "config.rejected"),
            "`systemctl status reelkeep` and `journalctl -u reelkeep` show whether it runs. "
            "Exit code 78 means that the configuration is invalid: `reelkeep check` shows why. "
            "75 means that another process holds the archive.\n"
            "If it runs, ask it: `curl http://127.0.0.1:9477/healthz`. Then check "
            "`server.listen`, and whether Prometheus can reach it.",
        ),
        "ReelkeepHeartbeatMissing": Alert(
            "No heartbeat was logged for minutes: the daemon has stopped, hangs, or its catalog "
            "does not answer.",
            ("heartbeat", "heartbeat.failed", "daemon.stopped", "daemon.failed", "config.invalid"),
            "`systemctl status reelkeep` and `journalctl -u reelkeep` show whether it runs. If "
            "it does, see `heartbeat.failed`. With mtail, also check that it reads the log that "
            "the daemon writes: a rotated or moved log looks like a stopped daemon, and so does "
            "a `log.level` above `info` or a `log.format` other than `json`.",
        ),
        "ReelkeepServerUnavailable": Alert(
            "The daemon cannot listen on `server.listen`. Recordings are still archived.",
            ("server.unavailable", "server.listening"),
            "There is no health check, no status of transfers and no `/metrics` until it can. "
            "Only rules on the log show it; with `/metrics`, `ReelkeepDown` fires.",
        ),
        "ReelkeepRestarting": Alert(
            "The process was started several times within an hour.",
            ("daemon.started", "daemon.failed", "catalog.recovered"),
            "Something stops it repeatedly. `journalctl -u reelkeep | grep -i -e watchdog -e "
            "killed -e status=` shows the cause: a watchdog that found the event loop stuck, "
            "the out-of-memory killer, or an error, which `daemon.failed` explains. Nothing is "
            "lost; transfers resume, although a large file may need several starts.",
        ),
        "ReelkeepClockWrong": Alert(
            "The clock of the machine is wrong, compared with the clocks of all providers that "
            "answer.",
            ("clock.wrong", "clock.right", "clock.stepped"),
            "Set it, and make sure that NTP is running: `timedatectl`, `chronyc tracking`. A "
            "clock that is behind hides newer recordings from the listings, and tokens and "
            "certificates are refused.\n"
            "Nothing needs to be restarted: once the clock is right, everything is listed "
            "again.",
        ),
        "ReelkeepProviderSilent": Alert(
            "No poll of this provider was complete for hours: new recordings there are not "
            "known here.",
            ("poll.failed", "poll.recovered", "listing.failed"),
            "`reelkeep status` shows the reason, `reelkeep check --online` asks the provider "
            "now. If that succeeds and the daemon runs, check whether a poll takes too long: "
            "`seconds` of `poll.completed`.",
        ),
        "ReelkeepAuthFailed": Alert(
            "The provider refuses our credentials; an operator must act.",
            ("provider.auth_failed", "provider.auth_recovered"),
            "Nothing of this provider is downloaded until this is fixed, and recordings may "
            "expire there.",
        ),
        "ReelkeepBacklogGrowing": Alert(
            "For hours, more files were discovered than downloaded.",
            ("heartbeat", "provider.throttled", "file.retry"),
            "After a first start, a wider filter or an outage this is normal: check that the "
            "rate (`bytes_per_second` of the heartbeat) is what the connection allows. "
            "Otherwise find the limit: `downloads.workers`, `downloads.bandwidth`, a throttling "
            "provider, a slow disk (`iostat -x`), or one host that stalls (`code` of "
            "`file.retry`).",
        ),
        "ReelkeepStalled": Alert(
            "Files are pending, and no byte was received for half an hour.",
            ("disk.low", "provider.throttled", "file.retry"),
            "`reelkeep status` shows running transfers. Every retry may wait for the same "
            "thing: the network, the download host, a full disk, or a provider that is paused.",
        ),
        "ReelkeepFilesFailed": Alert(
            "Files failed for good, or vanished before they were downloaded. An operator must "
            "decide.",
            ("file.failed", "recording.vanished", "recording.incomplete"),
            "`reelkeep list --state failed` and `reelkeep list --state gone` list the "
            "recordings. The alert ends when each such file is stored or waived.",
        ),
        "ReelkeepFilesUnavailable": Alert(
            "Files are wanted and announced, but their provider offers no download now.",
            ("file.unavailable", "recording.incomplete"),
            "`reelkeep list --state unavailable` lists the recordings, `reelkeep show ID` shows "
            "for each file the reason and what to do, such as recovering it in Zoom's trash. "
            "The alert ends when each such file is stored or waived.",
        ),
        "ReelkeepRecordingsLost": Alert(
            "Something was deleted at the provider before it could be downloaded.",
            ("recording.vanished",),
            "This is the only alert about a loss that may be permanent: act while it is still "
            "in a trash.",
        ),
        "ReelkeepRecordingsAtRisk": Alert(
            "Recordings that are not archived yet will be deleted by their provider within a week.",
            ("recording.at_risk",),
            "Make sure that they are downloaded in time: `reelkeep audit` and `reelkeep show "
            "ID`. The alert ends when they are archived or gone.",
        ),
        "ReelkeepAcknowledgeRefused": Alert(
            "A provider has refused for a day to mark archived recordings.",
            ("recording.acknowledge_refused", "recording.acknowledge_abandoned"),
            "Nothing is lost. The alert ends when each is marked, or 30 days after it was "
            "archived, when reelkeep stops trying.",
        ),
        "ReelkeepListingsUnread": Alert(
            "Listings of a provider, such as those of single users, have failed for a day. All "
            "others are read; new recordings in these are not known here.",
            ("listing.failed", "listing.recovered", "poll.failed"),
            "`reelkeep status` lists them with the message of the provider. Usually a user must "
            "be checked in the web pages of the provider. The alert ends when everything is "
            "read. If nothing of a user is wanted, add the user to `exclude: {users: […]}`.",
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
            "repair: it may be damaging other files. The alert ends when each is found in order "
            "again.",
        ),
        "ReelkeepArchiveAbsent": Alert(
            "The daemon waits: the archive of its catalog is not at `archive.path`.",
            ("archive.absent", "archive.found"),
            "Nothing is downloaded, and nothing is written there. Is the archive's disk "
            "mounted? The alert ends when the daemon finds the archive.",
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
            "Its files wait, and cannot be read. Is it mounted? The alert ends when every "
            "volume is mounted.",
        ),
        "ReelkeepScrubFailing": Alert(
            "The daemon cannot read its archive again, so that damage would not be noticed.",
            ("scrub.failed", "scrub.recovered"),
            "Is the archive's disk mounted, and readable for the user of reelkeep?",
        ),
        "ReelkeepDiskLow": Alert(
            "Transfers wait for space on the archive's disk.",
            ("disk.low", "disk.recovered"),
            "Nothing is downloaded until there is space.",
        ),
        "ReelkeepArchiveUnavailable": Alert(
            "The archive cannot be written, and all transfers wait for it.",
            ("archive.unavailable", "archive.available"),
            "Nothing is downloaded until it can be written.",
        ),
        "ReelkeepCatalogUnavailable": Alert(
            "The catalog cannot be written, and all work waits for it.",
            ("catalog.unavailable", "catalog.available"),
            "Nothing can be recorded or acknowledged until it can be written.",
        ),
        "ReelkeepFilesTooLarge": Alert(
            "Files do not fit into the free space of the archive's disk; the others continue.",
            ("file.too_large", "file.fits"),
            "The alert ends when there is space for each of them, or when they are waived.",
        ),
        "ReelkeepDiskFilling": Alert(
            "At the current rate, the archive's disk will be full within a day.",
            ("disk.low",),
            "Plan for more space now; nothing has stopped yet. A first pass over a long history "
            "fills the disk quickly and then stops growing: `reelkeep plan` shows how much is "
            "left to download.",
        ),
        "ReelkeepPublishFailing": Alert(
            "Downloaded files cannot be moved into the folder of their recording.",
            ("recording.publish_failed",),
            "Such a recording is not acknowledged, so that it is not deleted at the provider.",
        ),
        "ReelkeepCatalogSilent": Alert(
            "The daemon gets no answer from its catalog, and its metrics are outdated.",
            ("heartbeat.failed", "heartbeat.recovered"),
            "Results of downloads cannot be recorded.",
        ),
        "ReelkeepConfigRejected": Alert(
            "A reload was rejected: the daemon runs with an older configuration than the file.",
            ("config.rejected",),
            "The next start would fail.",
        ),
        "ReelkeepBytesLost": Alert(
            "Bytes were lost, added or swapped between a host and the disk, on this machine.",
            ("file.discarded",),
            "The download was discarded and repeated, so that no wrong file is stored. But it "
            "indicates an error of the program, the memory or the disk, and must be "
            "investigated.",
        ),
        "ReelkeepBadBytes": Alert(
            "Several downloads within an hour were moved to quarantine, because they were not "
            "the expected file.",
            ("file.quarantined",),
            "One may be chance. Several indicate a fault between the provider and this disk.",
        ),
    }
)
"""What each alert means. A test compares this table with the rules."""
