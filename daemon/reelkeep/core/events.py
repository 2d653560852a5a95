"""Every event of the log: its level, its keys, and what it means to the person who reads it.

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

EVENTS: dict[str, Event] = {
    # life
    "daemon.started": Event(_I, ("version", "pid", "config", "providers"), "The process began."),
    "daemon.ready": Event(_I, ("seconds",), "The catalog is open and polling has begun."),
    "daemon.stopping": Event(_I, ("signal", "in_flight"), "A stop was asked for."),
    "daemon.stopped": Event(_I, ("seconds",), "All is at rest; parts will resume."),
    "daemon.failed": Event(_E, ("reason",), "A bug or a broken catalog ended the daemon."),
    "server.listening": Event(
        _I, ("host", "port", "path"), "Health, status and metrics can be asked."
    ),
    "server.unavailable": Event(
        _E,
        ("host", "port", "path", "reason"),
        "`server.listen` cannot be listened on. Recordings are archived without health, status and "
        "metrics; it is tried again, and `server.listening` says when it works.",
    ),
    "page.refused": Event(
        _W,
        ("address", "attempts"),
        "Somebody sent a wrong token to the page. `attempts` counts those of the address since its "
        "last right one; said for the first, second, fourth, eighth and so on.",
    ),
    "page.decided": Event(
        _I,
        ("action", "provider", "recording", "files", "by", "address"),
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
        "A new configuration is in force, and no transfer was dropped for it. `applied` lists what "
        "changed, `needs_restart` what keeps its old value until the daemon is restarted.",
    ),
    "config.rejected": Event(
        _E,
        ("config", "reason"),
        "The new configuration is invalid; the old one stays in force.",
    ),
    "catalog.missing": Event(
        _W, ("path",), "A command only reads, and there is no catalog yet: nothing is known."
    ),
    "catalog.read_only": Event(
        _W,
        ("path", "user"),
        "This user may not write to the catalog, or it is on read-only media: it is only read.",
    ),
    "clock.stepped": Event(
        _W,
        ("seconds", "time"),
        "The clock was set by so many seconds, or the machine slept; what waits is looked at.",
    ),
    "clock.wrong": Event(
        _E,
        ("reason", "seconds", "time"),
        "The clock is wrong: it is `seconds` (four minutes and more) ahead of those of all "
        "providers that answer, less than nought if it is behind, or shows a time before this "
        "program was made. Said once.",
    ),
    "clock.right": Event(
        _I, ("seconds",), "The clock agrees with a provider's again, or was set since it was wrong."
    ),
    "catalog.instants_reset": Event(
        _W,
        ("instants", "columns", "latest"),
        "Times that a wrong clock had noted were reset: what was put off by them is due now. If "
        "there is a `latest`, something happened then by the catalog, and the clock shows less: it "
        "was ahead then, or is behind now.",
    ),
    "catalog.recovered": Event(_I, ("files",), "Files of an earlier process are due again."),
    "catalog.migrated": Event(
        _I,
        ("before", "now", "copy"),
        "The catalog of an older version was migrated; `copy` is what it was before.",
    ),
    "archive.folder_refused": Event(
        _W, ("folder", "reason"), "A folder could not be taken over by a new catalog."
    ),
    "archive.adopted": Event(
        _I,
        ("recordings", "files", "refused"),
        "A new catalog took over, by digest, what the archive already held.",
    ),
    "archive.other_owner": Event(
        _W,
        ("path", "owner", "user"),
        "This process runs as root in an archive of another user, who cannot add to the folders "
        "that it makes.",
    ),
    "archive.orphaned": Event(
        _W,
        ("parts", "bytes"),
        "Parts under `.reelkeep` that no recording waits for; `.reelkeep/parts` may be cleared.",
    ),
    "archive.absent": Event(
        _E,
        ("reason",),
        "What is at `archive.path` is not the archive of this catalog, or cannot be used: nothing "
        "is written there, and the daemon waits. Said once; `found` says when it is over.",
    ),
    "volume.absent": Event(
        _E,
        ("reason",),
        "A volume below the archive is not mounted, or is another one: what belongs there waits. "
        "Said once.",
    ),
    "volume.found": Event(_I, ("seconds",), "Every volume below the archive is there again."),
    "archive.found": Event(_I, ("seconds",), "The archive is there: the daemon begins its work."),
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
        (
            "folder",
            "links",
            "flushes_directories",
            "locks",
            "modes",
            "longest_name",
            "case",
            "unicode",
            "renames",
            "free_bytes",
            "free_files",
        ),
        "What the file system of the archive, or of a volume below it, can do; said at the first "
        "start, and when it has changed since the last one.",
    ),
    "archive.limited": Event(
        _W, ("folder", "reason"), "Something is given up on this file system; said at each start."
    ),
    # polls
    "poll.completed": Event(
        _I, ("provider", "listed", "new", "changed", "seconds", "deep"), "A poll listed all."
    ),
    "poll.failed": Event(
        _E, ("provider", "code", "reason", "retry_at"), "A provider broke; said once."
    ),
    "poll.recovered": Event(_I, ("provider", "seconds"), "A broken provider is back."),
    "poll.incomplete": Event(
        _W,
        ("provider", "user", "code", "reason"),
        "A listing was read, but does not show all; `code` says in which way.",
    ),
    "listing.failed": Event(
        _W,
        ("provider", "user", "code", "reason"),
        "The listing of one user or window failed while others were read; said once a user.",
    ),
    "listing.recovered": Event(
        _I, ("provider", "user"), "The listing of a user that had failed was read again."
    ),
    "user.skipped": Event(
        _I,
        ("provider", "user", "code", "reason"),
        "A user is passed over for a day, as the provider says that nothing is to be read.",
    ),
    "user.pending": Event(
        _D, ("provider", "user", "reason"), "A user was invited, has not come yet, has nothing."
    ),
    "backfill.advanced": Event(
        _I,
        ("provider", "since", "until", "listed", "new", "changed", "seconds"),
        "A part of a window that an operator wants was read again.",
    ),
    "backfill.completed": Event(_I, ("provider", "until"), "All of such a window was read."),
    "backfill.failed": Event(
        _E, ("provider", "code", "reason"), "A part could not be read; tried again, said once."
    ),
    "provider.refused": Event(
        _W,
        ("provider", "recording", "code", "reason"),
        "One request was refused, or fails while others succeed.",
    ),
    # recordings
    "recording.discovered": Event(
        _I, ("provider", "recording", "started", "files"), "A recording was seen first."
    ),
    "recording.transcode_requested": Event(
        _I, ("provider", "recording"), "The provider was asked to transcode it."
    ),
    "recording.published": Event(
        _I, ("provider", "recording", "folder", "files"), "Its folder is in the archive, or grew."
    ),
    "recording.publish_failed": Event(
        _E, ("provider", "recording", "code", "reason"), "The disk refused its folder; tried again."
    ),
    "recording.archived": Event(
        _I, ("provider", "recording", "folder", "bytes"), "All its files are verified and durable."
    ),
    "recording.acknowledged": Event(
        _I, ("provider", "recording"), "The provider knows that it is archived."
    ),
    "recording.acknowledge_refused": Event(
        _W,
        ("provider", "recording"),
        "The provider would not mark it; asked ever more rarely, said once.",
    ),
    "recording.acknowledge_abandoned": Event(
        _W,
        ("provider", "recording"),
        "The provider refuses to mark it since 30 days and more; it is told no more.",
    ),
    "recording.incomplete": Event(
        _W,
        ("provider", "recording", "reason"),
        "Something of it failed, is gone or is unavailable.",
    ),
    "recording.vanished": Event(
        _W, ("provider", "recording", "file"), "It went at the provider before it could be had."
    ),
    "recording.at_risk": Event(
        _W,
        ("provider", "recording", "deadline"),
        "Its provider deletes it within a week, and it is not here; said once.",
    ),
    "recording.trash_planned": Event(
        _I,
        ("provider", "recording"),
        "All of it is here: without `trash_dry_run` it would be in its provider's trash now.",
    ),
    "recording.trashed": Event(
        _I, ("provider", "recording"), "All of it is here: it was moved to its provider's trash."
    ),
    "recording.trash_refused": Event(
        _W,
        ("provider", "recording", "reason"),
        "It is archived, but was not moved to the trash; looked at again, ever more rarely.",
    ),
    # files
    "file.started": Event(
        _D, ("provider", "recording", "file", "host", "bytes", "attempt"), "A transfer began."
    ),
    "file.resumed": Event(
        _I, ("provider", "recording", "file", "host", "offset", "bytes"), "A transfer goes on."
    ),
    "file.stored": Event(
        _I,
        ("provider", "recording", "file", "bytes", "seconds", "sha256", "verified"),
        "A file is verified and durable.",
    ),
    "file.retry": Event(
        _W,
        ("provider", "recording", "file", "code", "reason", "attempt", "delay"),
        "An attempt failed; another follows.",
    ),
    "file.overdue": Event(
        _W,
        ("provider", "recording", "file", "code", "reason", "since"),
        "The provider has not finished it for hours; it is asked for ever more rarely. Said once.",
    ),
    "file.failed": Event(
        _E,
        ("provider", "recording", "file", "code", "reason", "attempt"),
        "A file was given up; `retry` makes it due again, `waive` does without it, `accept` takes "
        "what a check refused.",
    ),
    "file.changed": Event(
        _W,
        ("provider", "recording", "file", "before", "bytes"),
        "The provider has something else now for the stored file `before`: that is fetched beside "
        "it, as `file`.",
    ),
    "file.unavailable": Event(
        _W,
        ("provider", "recording", "file", "code", "reason"),
        "The provider has a file, but there is no way to it now; `code` says what is in the way.",
    ),
    "file.too_large": Event(
        _E,
        ("provider", "recording", "file", "bytes", "missing"),
        "The file does not fit in what is left of the disk, by `missing` bytes; it waits, and "
        "others go on. Said once.",
    ),
    "file.fits": Event(
        _I,
        ("provider", "recording", "file", "bytes"),
        "There is room for a file that was too large, or it is no longer waited for.",
    ),
    "file.discarded": Event(
        _E,
        ("provider", "recording", "file", "bytes", "code", "reason"),
        "Bytes were lost, added or swapped between a host and the disk, on this machine. All that "
        "was held of the file is thrown away, and it is fetched anew from its first byte.",
    ),
    "file.quarantined": Event(
        _W, ("provider", "recording", "file", "reason"), "Bad bytes were put aside."
    ),
    "file.accepted": Event(
        _W,
        ("provider", "recording", "file", "code", "reason", "verified", "sha256"),
        "A file was stored although it is unusual: `reason` says what was seen, and `code` names "
        "the check that was overruled, if one was.",
    ),
    "file.acceptance_requested": Event(
        _I,
        ("provider", "recording", "file", "code", "sha256"),
        "`accept` told that bytes which a check refuses are the file: those with `sha256`, or else "
        "what is fetched next.",
    ),
    "file.altered": Event(
        _E,
        ("provider", "recording", "file", "folder", "reason"),
        "A stored file has other bytes than it was stored with; `verify --repair` fetches it anew.",
    ),
    "file.missing": Event(
        _E,
        ("provider", "recording", "file", "folder"),
        "A stored file is not in its folder; `verify --repair` fetches it anew.",
    ),
    "file.unreadable": Event(
        _E,
        ("provider", "recording", "file", "folder", "reason"),
        "A stored file cannot be read: look at the disk, and at permissions.",
    ),
    "file.intact": Event(
        _I,
        ("provider", "recording", "file", "folder"),
        "A file that was found damaged is as it was stored again.",
    ),
    # what is fetched again by `audit --content`
    "file.matches": Event(
        _D,
        ("provider", "recording", "file", "sha256"),
        "`audit --content` fetched an archived file again: it is the same, byte by byte.",
    ),
    "file.differs": Event(
        _E,
        ("provider", "recording", "file", "folder", "archived", "fetched", "reason"),
        "`audit --content` fetched an archived file again: its provider gives other bytes, with "
        "the SHA-256 `fetched`, than the archive has. With `--repair`, `reason` says why they were "
        "not replaced.",
    ),
    "file.unsteady": Event(
        _W,
        ("provider", "recording", "file", "reason"),
        "`audit --content` fetched an archived file twice: both differ from it and from each "
        "other. Nothing was changed.",
    ),
    "file.not_compared": Event(
        _I,
        ("provider", "recording", "file", "code", "reason"),
        "`audit --content` could not fetch an archived file again, or not read it here.",
    ),
    "file.replaced": Event(
        _W,
        ("provider", "recording", "file", "before", "sha256", "bytes", "verified"),
        "`audit --content --repair` replaced an archived file, as two equal fetches differ from "
        "it; the old bytes, with the SHA-256 `before`, are in quarantine.",
    ),
    # what is read again
    "recording.checked": Event(
        _D,
        ("provider", "recording", "folder", "bytes", "seconds"),
        "Its folder was read again; what was wrong is said by other events.",
    ),
    "manifest.damaged": Event(
        _E,
        ("provider", "recording", "folder", "file", "reason"),
        "A manifest or its sums are not as they were written; `verify --repair` writes them anew.",
    ),
    "repair.queued": Event(
        _I,
        ("files",),
        "`verify --repair` or `audit --content --repair` made files due again; the running daemon "
        "fetches them.",
    ),
    "repair.failed": Event(
        _E,
        ("provider", "recording", "folder", "file", "reason"),
        "A damaged file could not be put aside; it was left as it is, and the repair went on.",
    ),
    "scrub.failed": Event(
        _E, ("code", "reason"), "The archive could not be read again; said once, tried on."
    ),
    "scrub.recovered": Event(_I, (), "The archive can be read again."),
    # conditions
    "disk.low": Event(
        _E,
        ("free", "min_free", "reason"),
        "The archive's disk has no room: all transfers pause. `free` is all that is free there.",
    ),
    "disk.recovered": Event(
        _I, ("free", "min_free"), "There is room again: transfers go on by themselves."
    ),
    "archive.unavailable": Event(
        _E,
        ("condition", "reason"),
        "The archive cannot be written: all transfers pause, and no attempt is counted. "
        "`condition` is `place`, or `process` if this process or machine has run out of something.",
    ),
    "archive.available": Event(
        _I, ("seconds",), "The archive can be written again: transfers go on by themselves."
    ),
    "catalog.unavailable": Event(
        _E,
        ("reason",),
        "The catalog's disk is full, read-only or failing, or another process keeps it locked: "
        "what must be recorded waits, and nothing new is begun.",
    ),
    "catalog.available": Event(
        _I, ("seconds",), "The catalog can be written again, and all that waited is recorded."
    ),
    "provider.throttled": Event(
        _W, ("provider", "host", "until"), "Asked to slow down; said when it begins and ends."
    ),
    "provider.auth_failed": Event(
        _E, ("provider", "reason"), "The credentials are refused; an operator must act."
    ),
    "provider.auth_recovered": Event(
        _I,
        ("provider",),
        "The credentials are accepted again. Also said at the first success after a start, if the "
        "provider was broken before.",
    ),
    "heartbeat.failed": Event(
        _E,
        ("reason",),
        "The catalog does not answer; said when it begins, `recovered` when it ends.",
    ),
    "heartbeat.recovered": Event(_I, ("seconds",), "The catalog answers again."),
    "heartbeat": Event(
        _I,
        (
            "providers",
            "pending",
            "in_flight",
            "bytes_per_second",
            "free",
            "failed",
            "unavailable",
            "damaged",
            "too_large",
            "at_risk",
            "unpublished",
            "acknowledge_refused",
            "unread_listings",
            "oldest_success",
            "conditions",
        ),
        "The daemon is alive, and this is how everything stands, once a minute. `providers` gives "
        "the age of each one's last success in seconds, `oldest_success` the greatest of them. The "
        "counts are those of `reelkeep status`, over all providers in use. `conditions` names, by "
        "the event that began it, each condition that still holds.",
    ),
    # what libraries say through `logging` and `warnings`
    "library.message": Event(_W, ("logger", "message"), "A library warns of something."),
}

KEYS = frozenset(key for event in EVENTS.values() for key in event.keys)
"""All keys that any event may have."""
