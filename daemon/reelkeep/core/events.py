"""Every event of the log: its level, its keys, and its meaning.

The names are an interface (contract, section 6): they change only with a major version. The
manual's page is made from this table, and a test holds table and code together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """The levels of the log, with the numbers that `logging` gives them."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `keys` may each be absent; no other ever appears."""

    severity: Severity
    keys: tuple[str, ...]
    meaning: str


_D, _I, _W, _E = Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR

_FILE_SYSTEM = (
    "folder", "links", "flushes_directories", "locks", "modes", "longest_name", "case",
    "unicode", "renames", "free_bytes", "free_files",
)  # fmt: skip
_STATE = (
    "providers", "pending", "in_flight", "bytes_per_second", "free", "failed", "unavailable",
    "damaged", "too_large", "at_risk", "unpublished", "acknowledge_refused", "unread_listings",
    "oldest_success", "conditions",
)  # fmt: skip
_RECORDING = ("provider", "recording")
_FILE = (*_RECORDING, "file")

EVENTS: dict[str, Event] = {
    # life
    "daemon.started": Event(_I, ("version", "pid", "config", "providers"), "The process started."),
    "daemon.ready": Event(_I, ("seconds",), "The catalog is open and polling has started."),
    "daemon.stopping": Event(_I, ("signal", "in_flight"), "A stop was requested."),
    "daemon.stopped": Event(
        _I, ("seconds",), "The process stopped in order; partial files will resume."
    ),
    "daemon.failed": Event(_E, ("reason",), "A bug or a broken catalog ended the daemon."),
    "server.listening": Event(
        _I, ("host", "port", "path"), "Health, status and metrics are served."
    ),
    "server.unavailable": Event(
        _E,
        ("host", "port", "path", "reason"),
        "The daemon cannot listen on `server.listen`. Recordings are archived without health, "
        "status and metrics; it is tried again, and `server.listening` is logged when it works.",
    ),
    "page.refused": Event(
        _W,
        ("address", "attempts"),
        "Somebody sent a wrong token to the page. `attempts` counts those of the address since its "
        "last right one; said for the first, second, fourth, eighth and so on.",
    ),
    "page.decided": Event(
        _I,
        ("action", *_RECORDING, "files", "by", "address"),
        "Somebody who used the page had files fetched again (`retry`) or did without them "
        "(`waive`).",
    ),
    "config.invalid": Event(
        _E,
        ("config", "line", "reason"),
        "The daemon does not start: one event for each problem of the configuration.",
    ),
    "config.reloaded": Event(
        _I,
        ("config", "providers", "applied", "needs_restart"),
        "A new configuration is in effect; no transfer was interrupted. `applied` lists what "
        "changed, `needs_restart` the settings that keep their old value until a restart.",
    ),
    "config.rejected": Event(
        _E, ("config", "reason"), "The new configuration is invalid; the old one stays in effect."
    ),
    "catalog.missing": Event(
        _W, ("path",), "A command that only reads found no catalog yet: there is nothing to show."
    ),
    "catalog.read_only": Event(
        _W,
        ("path", "user"),
        "This user may not write to the catalog, or the file system is read-only: it is only read.",
    ),
    "clock.stepped": Event(
        _W,
        ("seconds", "time"),
        "The clock was set by `seconds`, or the machine was suspended; everything that waits "
        "for a time is checked again.",
    ),
    "clock.wrong": Event(
        _E,
        ("reason", "seconds", "time"),
        "The clock is wrong: it is `seconds` (four minutes or more; negative if it is behind) "
        "ahead of the clocks of all providers that answer, or shows a time before this program "
        "was written. Logged once.",
    ),
    "clock.right": Event(
        _I, ("seconds",), "The clock agrees with that of a provider again, or was set."
    ),
    "catalog.instants_reset": Event(
        _W,
        ("instants", "columns", "latest"),
        "Times that a wrong clock had recorded were reset: what they postponed is due now. "
        "`latest` is the time of the latest event in the catalog if it is later than the clock: "
        "the clock was ahead then, or is behind now.",
    ),
    "catalog.recovered": Event(_I, ("files",), "Files of an earlier process are due again."),
    "catalog.migrated": Event(
        _I,
        ("before", "now", "copy"),
        "The catalog of an older version was migrated; `copy` is a copy from before.",
    ),
    "archive.folder_refused": Event(
        _W, ("folder", "reason"), "A folder could not be taken over by a new catalog."
    ),
    "archive.adopted": Event(
        _I,
        ("recordings", "files", "refused"),
        "A new catalog took over, by digest, the files of the archive.",
    ),
    "archive.other_owner": Event(
        _W,
        ("path", "owner", "user"),
        "This process runs as root in an archive of another user, who cannot write to the "
        "folders that it creates.",
    ),
    "archive.orphaned": Event(
        _W,
        ("parts", "bytes"),
        "Partial files under `.reelkeep` that belong to no recording; `.reelkeep/parts` may be "
        "emptied.",
    ),
    "archive.absent": Event(
        _E,
        ("reason",),
        "`archive.path` is not the archive of this catalog, or cannot be used: nothing is "
        "written there, and the daemon waits. Logged once; `archive.found` is logged when it is "
        "over.",
    ),
    "volume.absent": Event(
        _E,
        ("reason",),
        "A volume below the archive is not mounted, or is another one: its files wait. Logged "
        "once.",
    ),
    "volume.found": Event(_I, ("seconds",), "Every volume below the archive is mounted again."),
    "archive.found": Event(
        _I, ("seconds",), "The archive is available: the daemon starts to work."
    ),
    "archive.content_missing": Event(
        _E,
        ("path", "files"),
        "At a start most of the newest stored files are missing, though it is the archive of this "
        "catalog: an old snapshot, or a copy that was cut? Until they are there no provider is "
        "told of anything, and nothing is moved to a trash.",
    ),
    "archive.content_found": Event(
        _I,
        ("path",),
        "Most of the files of which `archive.content_missing` was said are there: providers are "
        "told again.",
    ),
    "archive.probed": Event(
        _I,
        _FILE_SYSTEM,
        "What the file system of the archive, or of a volume below it, can do; logged at the "
        "first start, and when it has changed.",
    ),
    "archive.limited": Event(
        _W, ("folder", "reason"), "This file system cannot do something; logged at each start."
    ),
    # polls
    "poll.completed": Event(
        _I, ("provider", "listed", "new", "changed", "seconds", "deep"), "A poll listed everything."
    ),
    "poll.failed": Event(
        _E, ("provider", "code", "reason", "retry_at"), "Polling a provider fails; logged once."
    ),
    "poll.recovered": Event(_I, ("provider", "seconds"), "Polling a provider works again."),
    "poll.incomplete": Event(
        _W,
        ("provider", "user", "code", "reason"),
        "A listing was read, but is incomplete; `code` says why.",
    ),
    "listing.failed": Event(
        _W,
        ("provider", "user", "code", "reason"),
        "The listing of one user or window failed while others were read; logged once for each "
        "user.",
    ),
    "listing.recovered": Event(_I, ("provider", "user"), "The listing of a user works again."),
    "user.skipped": Event(
        _I,
        ("provider", "user", "code", "reason"),
        "A user is skipped for a day, because the provider says that there is nothing to read.",
    ),
    "user.pending": Event(
        _D,
        ("provider", "user", "reason"),
        "An invited user has not signed in yet and has no recordings.",
    ),
    "backfill.advanced": Event(
        _I,
        ("provider", "since", "until", "listed", "new", "changed", "seconds"),
        "A part of a requested backfill was read.",
    ),
    "backfill.completed": Event(_I, ("provider", "until"), "A requested backfill is complete."),
    "backfill.failed": Event(
        _E,
        ("provider", "code", "reason"),
        "A part of a backfill could not be read; it is tried again. Logged once.",
    ),
    "provider.refused": Event(
        _W,
        (*_RECORDING, "code", "reason"),
        "One request was refused, or failed while others succeed.",
    ),
    # recordings
    "recording.discovered": Event(
        _I, (*_RECORDING, "started", "files"), "A recording was seen first."
    ),
    "recording.transcode_requested": Event(
        _I, _RECORDING, "The provider was asked to transcode it."
    ),
    "recording.published": Event(
        _I,
        (*_RECORDING, "folder", "files"),
        "Its folder was created in the archive, or got more files.",
    ),
    "recording.publish_failed": Event(
        _E, (*_RECORDING, "code", "reason"), "Its folder could not be created; it is tried again."
    ),
    "recording.archived": Event(
        _I, (*_RECORDING, "folder", "bytes"), "All its files are verified and stored durably."
    ),
    "recording.acknowledged": Event(_I, _RECORDING, "The provider was told that it is archived."),
    "recording.acknowledge_refused": Event(
        _W,
        _RECORDING,
        "The provider refused to mark it; it is asked again at growing intervals. Logged once.",
    ),
    "recording.acknowledge_abandoned": Event(
        _W,
        _RECORDING,
        "The provider has refused to mark it for 30 days or more; it is not asked again.",
    ),
    "recording.incomplete": Event(
        _W, (*_RECORDING, "reason"), "A file of it failed, is gone or is unavailable."
    ),
    "recording.vanished": Event(
        _W, _FILE, "It was deleted at the provider before it could be downloaded."
    ),
    "recording.at_risk": Event(
        _W,
        (*_RECORDING, "deadline"),
        "Its provider deletes it within a week, and it is not archived yet; logged once.",
    ),
    "recording.trash_planned": Event(
        _I,
        _RECORDING,
        "It is archived completely: without `trash_dry_run` it would be moved to the provider's "
        "trash now.",
    ),
    "recording.trashed": Event(
        _I, _RECORDING, "It is archived completely and was moved to the provider's trash."
    ),
    "recording.trash_refused": Event(
        _W,
        (*_RECORDING, "reason"),
        "It is archived, but was not moved to the trash; it is tried again at growing intervals.",
    ),
    # files
    "file.started": Event(_D, (*_FILE, "host", "bytes", "attempt"), "A transfer began."),
    "file.resumed": Event(_I, (*_FILE, "host", "offset", "bytes"), "A transfer continues."),
    "file.stored": Event(
        _I,
        (*_FILE, "bytes", "seconds", "sha256", "verified"),
        "A file is verified and stored durably.",
    ),
    "file.retry": Event(
        _W, (*_FILE, "code", "reason", "attempt", "delay"), "An attempt failed; another follows."
    ),
    "file.overdue": Event(
        _W,
        (*_FILE, "code", "reason", "since"),
        "The provider has not finished it for hours; it is requested at growing intervals. "
        "Logged once.",
    ),
    "file.failed": Event(
        _E,
        (*_FILE, "code", "reason", "attempt"),
        "A download failed for good; `retry` tries again, `waive` accepts the loss, `accept` "
        "accepts a file that a check rejected.",
    ),
    "file.changed": Event(
        _W,
        (*_FILE, "before", "bytes"),
        "The provider now has another version of the stored file `before`: it is downloaded as "
        "`file`, beside the old one.",
    ),
    "file.unavailable": Event(
        _W,
        (*_FILE, "code", "reason"),
        "The provider has a file, but offers no download now; `code` says why.",
    ),
    "file.too_large": Event(
        _E,
        (*_FILE, "bytes", "missing"),
        "The file does not fit on the disk, by `missing` bytes; it waits, and others continue. "
        "Logged once.",
    ),
    "file.fits": Event(
        _I,
        (*_FILE, "bytes"),
        "There is space for a file that was too large, or it is no longer needed.",
    ),
    "file.discarded": Event(
        _E,
        (*_FILE, "bytes", "code", "reason"),
        "Bytes were lost, added or swapped between a host and the disk, on this machine. The "
        "partial file is discarded, and the file is downloaded again from the first byte.",
    ),
    "file.quarantined": Event(_W, (*_FILE, "reason"), "Wrong bytes were moved to quarantine."),
    "file.accepted": Event(
        _W,
        (*_FILE, "code", "reason", "verified", "sha256"),
        "A file was stored although it is unusual: `reason` describes it, and `code` names the "
        "check that was overruled, if any.",
    ),
    "file.acceptance_requested": Event(
        _I,
        (*_FILE, "code", "sha256"),
        "`accept` declared that bytes which a check rejects are the file: those with `sha256`, "
        "or else the next download.",
    ),
    "file.altered": Event(
        _E,
        (*_FILE, "folder", "reason"),
        "A stored file no longer has its original bytes; `verify --repair` downloads it again.",
    ),
    "file.missing": Event(
        _E,
        (*_FILE, "folder"),
        "A stored file is missing from its folder; `verify --repair` downloads it again.",
    ),
    "file.unreadable": Event(
        _E,
        (*_FILE, "folder", "reason"),
        "A stored file cannot be read: check the disk and the permissions.",
    ),
    "file.intact": Event(
        _I, (*_FILE, "folder"), "A file that was damaged has its original bytes again."
    ),
    # what is fetched again by `audit --content`
    "file.matches": Event(
        _D,
        (*_FILE, "sha256"),
        "`audit --content` downloaded an archived file again: the bytes are equal.",
    ),
    "file.differs": Event(
        _E,
        (*_FILE, "folder", "archived", "fetched", "reason"),
        "`audit --content` downloaded an archived file again: the provider has other bytes, "
        "with the SHA-256 `fetched`, than the archive. With `--repair`, `reason` says why they "
        "were not replaced.",
    ),
    "file.unsteady": Event(
        _W,
        (*_FILE, "reason"),
        "`audit --content` downloaded an archived file twice: both downloads differ from it and "
        "from each other. Nothing was changed.",
    ),
    "file.not_compared": Event(
        _I,
        (*_FILE, "code", "reason"),
        "`audit --content` could not download an archived file again, or not read it in the "
        "archive.",
    ),
    "file.replaced": Event(
        _W,
        (*_FILE, "before", "sha256", "bytes", "verified"),
        "`audit --content --repair` replaced an archived file, because two equal downloads "
        "differ from it; the old bytes, with the SHA-256 `before`, are in quarantine.",
    ),
    # what is read again
    "recording.checked": Event(
        _D,
        (*_RECORDING, "folder", "bytes", "seconds"),
        "Its folder was read again; other events report findings.",
    ),
    "manifest.damaged": Event(
        _E,
        (*_RECORDING, "folder", "file", "reason"),
        "A manifest or its checksums were changed; `verify --repair` rewrites them.",
    ),
    "repair.queued": Event(
        _I,
        ("files",),
        "`verify --repair` or `audit --content --repair` made files due again; the running "
        "daemon downloads them.",
    ),
    "repair.failed": Event(
        _E,
        (*_RECORDING, "folder", "file", "reason"),
        "A damaged file could not be moved to quarantine; it was left as it is, and the repair "
        "continued.",
    ),
    "scrub.failed": Event(
        _E,
        ("code", "reason"),
        "The archive could not be read again; it is tried again. Logged once.",
    ),
    "scrub.recovered": Event(_I, (), "The archive can be read again."),
    # conditions
    "disk.low": Event(
        _E,
        ("free", "min_free", "reason"),
        "The archive's disk is full: all transfers pause. `free` is its free space.",
    ),
    "disk.recovered": Event(_I, ("free", "min_free"), "There is space again: transfers continue."),
    "archive.unavailable": Event(
        _E,
        ("condition", "reason"),
        "The archive cannot be written: all transfers pause, and no attempt is counted. "
        "`condition` is `place`, or `process` if this process or machine has run out of a "
        "resource.",
    ),
    "archive.available": Event(
        _I, ("seconds",), "The archive can be written again: transfers continue."
    ),
    "catalog.unavailable": Event(
        _E,
        ("reason",),
        "The catalog's disk is full, read-only or failing, or another process keeps it locked: "
        "results wait to be recorded, and nothing new starts.",
    ),
    "catalog.available": Event(
        _I,
        ("seconds",),
        "The catalog can be written again, and everything that waited is recorded.",
    ),
    "provider.throttled": Event(
        _W,
        ("provider", "host", "until"),
        "The host asked to slow down; logged when it begins and ends.",
    ),
    "provider.auth_failed": Event(
        _E, ("provider", "reason"), "The credentials are refused; an operator must act."
    ),
    "provider.auth_recovered": Event(
        _I,
        ("provider",),
        "The credentials are accepted again. Also logged at the first success after a start, if "
        "the provider was broken before.",
    ),
    "heartbeat.failed": Event(
        _E,
        ("reason",),
        "The catalog does not answer; logged when it begins, and `heartbeat.recovered` when it "
        "ends.",
    ),
    "heartbeat.recovered": Event(_I, ("seconds",), "The catalog answers again."),
    "heartbeat": Event(
        _I,
        _STATE,
        "The daemon is alive; logged once a minute with the current state. `providers` has the "
        "age of the last success of each provider in seconds, `oldest_success` the highest of "
        "them. The counts are those of `reelkeep status`, over all providers in use. "
        "`conditions` names, by the event that began it, each condition that still holds.",
    ),
    # what libraries say through `logging` and `warnings`
    "library.message": Event(_W, ("logger", "message"), "A library logged a warning."),
}

KEYS = frozenset(key for event in EVENTS.values() for key in event.keys)
"""All keys that any event may have."""
