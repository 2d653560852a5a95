"""What to do about what the log says: the one source of command and manual.

Text is Markdown, a paragraph a line. Events that are missing here ask for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "daemon.failed": (
            "Under systemd or Docker it is started again, and goes on where it was: parts resume.\n"
            "If `reason` names the catalog or a disk, look there first: `df`, `dmesg`, "
            "`journalctl -k`. If it comes back after every start, or names an error of Python, "
            "report it as a bug with the log from `daemon.started` on."
        ),
        "config.rejected": (
            "Nothing changed: the old configuration is in force, and no transfer was disturbed.\n"
            "`reelkeep check` shows every mistake with file and line. Mend them, then reload again."
        ),
        "config.reloaded": "Check that `providers` lists the accounts that you expect.",
        "archive.folder_refused": (
            "`reason` says why: the manifest cannot be read, or the folder's name is not UTF-8. "
            "Nothing of it was changed, all other folders were taken over, and what the provider "
            "still has of that recording is fetched again.\n"
            "Mend the folder, or rename it, and run `reelkeep rebuild`."
        ),
        "clock.stepped": (
            "Nothing, if somebody set the clock on purpose, or the machine was suspended. Else see "
            "that NTP is at work: `timedatectl`, `chronyc tracking`. `reelkeep doctor` compares "
            "the clock with the providers'."
        ),
        "clock.wrong": (
            "Set the clock; until then certificates and tokens may be refused, and what is newer "
            "than a clock that is behind is in no listing: `sync` is not done. Machines without a "
            "battery begin in 1970 until NTP has set it: let the service start after "
            "`time-sync.target`."
        ),
        "catalog.instants_reset": (
            "The clock was ahead when those times were noted, or is behind now. They were set "
            "back, so that nothing waits for them. See that NTP is at work; `reelkeep doctor` "
            "compares the clock with the providers'."
        ),
        "catalog.recovered": (
            "The last process did not end in order: it was killed, or the power went. Nothing is "
            "lost; `files` transfers resume.\n"
            "If it happens again and again, find out who kills it: `journalctl -u reelkeep` for a "
            "watchdog, `journalctl -k` for the out-of-memory killer."
        ),
        "archive.adopted": (
            "Expected once, after the catalog was lost or moved. `refused` counts what did not "
            "match its own checksums: `reelkeep verify` names it."
        ),
        "page.refused": (
            "If it was you, read the token again: `server.page.token` names its source.\n"
            "Else see who `address` is. Let the page listen on loopback only, behind a proxy or "
            "SSH. If the token may be known to others, make a new one with `reelkeep page-token` "
            "and restart the daemon: that ends every session."
        ),
        "volume.absent": (
            "`reason` names the volume. Mount it where it was; `volume.found` says when every "
            "volume is there again. Transfers to other places go on."
        ),
        "server.unavailable": (
            "Nothing, if it passes: an address that is not up yet, or a port that another process "
            "has just released. Recordings are archived meanwhile.\n"
            "If it stays: `reason` says why. `ss -ltnp` shows which process has the port; choose "
            "another one by `server.listen`, or null to do without, and restart. Until then "
            "`reelkeep health`, probes and scrapes fail."
        ),
        "config.invalid": (
            "`reelkeep check` lists the same problems. Correct each at `config`, line `line`, and "
            "start the daemon again. With exit code 78 systemd does not do that by itself."
        ),
        "catalog.missing": (
            "Nothing before the first `reelkeep sync` or `reelkeep run`, which make the catalog. "
            "Later: see that `catalog.url` is that of the service, and that its disk is mounted."
        ),
        "catalog.read_only": (
            "Nothing, if this is meant: what the command shows is complete. What `verify` finds is "
            "not noted in the catalog then; run it as the user of the service for that."
        ),
        "archive.other_owner": (
            "Run reelkeep as the user who owns the archive: `runuser -u reelkeep -- reelkeep "
            "sync`.\n"
            "Give back what root made already: `chown -R --reference=ARCHIVE ARCHIVE`, and the "
            "same for the folder of the catalog. `reelkeep doctor` names folders with another "
            "owner."
        ),
        "archive.orphaned": (
            "They take up `bytes` of disk and are never used. While no reelkeep runs, "
            "`.reelkeep/parts` in the archive may be emptied; the cost is that unfinished files "
            "begin anew."
        ),
        "poll.failed": (
            "Nothing is lost: the next complete poll closes the gap. It is asked again by itself, "
            "next at `retry_at`, and `poll.recovered` says when it is back. Act if that takes "
            "longer than the provider keeps recordings, or if `code` asks for it:\n"
            "`auth`: see `provider.auth_failed`. `misconfigured`: compare its section of the "
            "configuration with what `reelkeep check --online` says. `unavailable`: the network, a "
            "proxy or DNS between here and there, or the provider's status page. `partly_read`: "
            "single listings failed, and all others were read; see `listing.failed`. `throttled`: "
            "`reason` says which limit is reached and until when; a limit of the day is shared by "
            "all apps of the account: set `plan` to its plan, a longer `interval`, or "
            "`users: account`. `bad_answer`: report it, with the `reason`.\n"
            "`reelkeep status` shows every provider with the age of its last success."
        ),
        "poll.incomplete": (
            "What was listed is archived. `code` says why there may be more, `reason` more of it.\n"
            "`capped` (GoToAssist): the provider lists no more than so many at once, and more are "
            "there. Those that are hidden appear when the listed ones are marked as archived: let "
            "`mark_archived` do that, and see that the backlog shrinks. Recordings that stay "
            "hidden for longer than the provider keeps them are lost there.\n"
            "`no_user`: a user who is listed is not on the account any more. Nothing is to be done "
            "if the user was deleted; `users: account` lists what such users left."
        ),
        "listing.failed": (
            "Everything else was read, and that user's window is read again in each poll, alone, "
            "until it can be; `listing.recovered` says when. Until then the poll counts as failed: "
            "`poll.failed`, exit code 1 of `sync`.\n"
            "“announced are not listed”: fewer entries are listed than announced, twice the same. "
            "Compare that user's recordings with the provider's own pages; if the provider counts "
            "wrongly, tell its support.\n"
            "“without an id”: nothing can be asked about such a recording. Look for it in the "
            "provider's pages, and fetch it by hand.\n"
            "“misspelt”: a user is not on this account; correct `users` in the configuration.\n"
            "If `reason` says `refused`, look at the user in Zoom: whether he is on this "
            "account, and whether the app's scopes and the role of its owner reach him. Else it is "
            "trouble at the provider; if it stays for a day, give `reason` with its tracking id to "
            "the provider's support."
        ),
        "user.skipped": (
            "`reason` has the provider's words. If the plan of this user has no cloud recording, "
            "nothing is to be done. If a right is missing, the user's recordings are: give the "
            "app that right. `reelkeep audit` lists all users who are passed over, and ends with "
            "1; whom you want to be passed over, name under `exclude: {users: […]}`."
        ),
        "backfill.failed": (
            "The rest of the window waits, nothing else does; it is tried again by itself. `code` "
            "and `reason` are as in `poll.failed`, and ask for the same."
        ),
        "provider.refused": (
            "The provider answers all else, but refuses this or fails at it. With `recording`: "
            "look at it in the provider's own pages; often it belongs to a user whom the "
            "credentials do not reach, or the plan has lapsed. Without: `reason` says what; a "
            "scope is the usual cause, and `reelkeep check --online` names it.\n"
            "After a change there, `reelkeep retry ID` makes the recording's files due again."
        ),
        "recording.publish_failed": (
            "Its files are safe in `.reelkeep`, but the folder could not be made. It is tried "
            "again every 30 seconds, which is not said again.\n"
            "Look at permissions and room: `code` is `disk_full` or `io_error` as a rule. Somebody "
            "may also have put another file under a name that the recording needs."
        ),
        "recording.acknowledge_refused": (
            "The recording is archived here; only the mark at the provider is missing. It is asked "
            "again every hour, and `recording.acknowledged` says when it was accepted. If that "
            "does not help, check that the account may change recordings, or set "
            "`mark_archived: false` (GoToAssist) or `after_archive: keep` (Zoom)."
        ),
        "recording.trash_refused": (
            "Nothing is lost: the recording stays at its provider, too. `reason` says what speaks "
            "against it: something there that is not here, an answer of the provider, or a scope "
            "for deleting that is missing; `reelkeep check --online` names that."
        ),
        "recording.acknowledge_abandoned": (
            "Nothing is lost: every file of it is in the archive. It was probably deleted at the "
            "provider. If it is still there, mark it there by hand; `reelkeep retry ID` makes the "
            "program tell the provider again."
        ),
        "recording.incomplete": (
            "What could be had is archived, and `reason` names the rest. `reelkeep show ID` tells "
            "each file with its attempts and errors.\n"
            "`reelkeep retry ID` tries again. `reelkeep waive ID FILE` accepts that a file will "
            "never come; then the recording is closed, and acknowledged."
        ),
        "file.changed": (
            "Nothing is lost: the stored file stays as it is, and the later version joins it under "
            "the next number. Somebody may have trimmed the video or edited the transcript at the "
            "provider. Delete neither by hand; `reelkeep show ID` lists both."
        ),
        "file.discarded": (
            "No wrong file was stored: what was held of this one is thrown away, and it is fetched "
            "anew from its first byte, by itself. `reason` says which comparison failed: what the "
            "kernel received against what was read, what was read against what was written or "
            "hashed, or what was held against what the host has at the same place.\n"
            "It must not happen. Look for errors of memory and disk in the kernel's log "
            "(`journalctl -k`), and report it with the lines of the log around it. If it began "
            "with an update, go back, and run `reelkeep verify`."
        ),
        "file.unavailable": (
            "The provider has the file, but gives no usable address for it. `code` says what is in "
            "the way; the page of reason codes has what helps: recover it in Zoom's trash, copy "
            "it from the account's own storage, set `participant_audio: true`.\n"
            "It is fetched by itself once there is a way. `reelkeep retry ID` asks the provider "
            "again for the recording; `reelkeep waive ID FILE` does without the file."
        ),
        "recording.vanished": (
            "Somebody deleted it at the provider, or it expired there, before it was fetched. What "
            "was fetched before stays.\n"
            "Zoom keeps deleted recordings in its trash for 30 days: recover it there, or set "
            "`trash: rescue`, and `reelkeep retry ID` fetches it. If it expired, ask why it waited "
            "so long: an outage, a backlog, or a retention shorter than the interval between polls."
        ),
        "recording.at_risk": (
            "It is queued as any other; act only if it is still pending shortly before `deadline`: "
            "`reelkeep show ID`. What is unavailable does not come by itself: `show` says what "
            "helps, such as to recover it in Zoom's trash.\n"
            "If many are at risk, the backlog is longer than the provider's retention: raise "
            "`downloads.workers` or `downloads.bandwidth`, or lengthen the retention there."
        ),
        "file.retry": (
            "Nothing, as long as it is stored in the end: the next attempt resumes. Many in a row "
            "with one `code` point at the cause; see the page of reason codes."
        ),
        "file.overdue": (
            "The provider lists the file and gives no address for it, or what it answers about it "
            "cannot be believed. It waits, at most an hour from one question to the next. After "
            "three days it is failed as `not_found`.\n"
            "See whether the recording can be played at the provider. `reelkeep retry ID` asks for "
            "it at once; `reelkeep waive ID FILE` does without it."
        ),
        "file.failed": (
            "All attempts were used up without a new byte, or the answer was final. `code` is the "
            "reason; the page of reason codes says what each asks for.\n"
            "`reelkeep show ID` lists the attempts. When the cause is gone, `reelkeep retry ID`, "
            "or `reelkeep retry --failed` for all. If it will never come, "
            "`reelkeep waive ID FILE`.\n"
            "With `not_media`, `size_mismatch`, `digest_mismatch` or `encoded` the bytes came, and "
            "a check refused them. If the provider truly has the file so, "
            "`reelkeep accept ID FILE` takes it."
        ),
        "file.quarantined": (
            "The bytes that came are not those that were promised, or others lay under the file's "
            "name. They are kept under `.reelkeep/quarantine` for you to look at, and the file is "
            "fetched anew. If it fails in the end and these bytes are the file, "
            "`reelkeep accept ID FILE` takes them.\n"
            "A single one happens. Several from one host mean a broken proxy or cache on the way; "
            "several from all hosts mean bad memory or a bad disk here: run a memory test, and "
            "read `dmesg`."
        ),
        "file.accepted": (
            "As a rule nothing: the file is stored as its provider has it, and `recording.json` "
            "keeps the note.\n"
            "With `code`, a check did not believe it, and the same bytes came twice, a promised "
            "digest was right, or you accepted it: open the file once. If it does not play, "
            "report it to the provider while that still has the recording. Many from one host "
            "mean a proxy that alters what passes through it."
        ),
        "file.altered": (
            "The bytes on the disk are no longer those that were verified when it was stored: the "
            "disk, its cable or controller, memory, or somebody changed them. Look at `dmesg` and "
            "`smartctl -a` before you trust that disk with anything else.\n"
            "`reelkeep verify --repair` moves the bad bytes to quarantine and fetches the file "
            "anew, if its provider still has it; else a copy of the archive has to help. "
            "`file.intact` says when it is in order again."
        ),
        "file.differs": (
            "Two fetches in a row gave the same bytes, unless `reason` says otherwise, and the "
            "archive has others. Either the archived ones were damaged on their way or on the "
            "disk, or the provider has made the file anew, which it does with transcripts.\n"
            "Do not delete the recording at its provider. `reelkeep verify ID` tells whether the "
            "archived bytes are still those that were stored. `reelkeep audit --content --repair` "
            "replaces them; the old ones stay in `.reelkeep/quarantine`, so that nothing is lost "
            "whichever is right."
        ),
        "file.unsteady": (
            "The provider gives other bytes each time, as it may for texts that it makes when "
            "they are asked for. Nobody can tell which are right, so the archived ones stay. Of a "
            "video, that should not be: a proxy that alters what passes through it, or memory that "
            "is broken, may be the cause."
        ),
        "file.not_compared": (
            "Nothing, if `code` is `not_found`, `refused` or `not_configured`: what the provider "
            "does not give cannot be compared. `not_readable`: run `reelkeep verify`. Anything "
            "else is trouble with the provider or the network: run the same command again."
        ),
        "file.replaced": (
            "Nothing: two equal fetches of the provider were verified, and have the name now. The "
            "old bytes are kept in `.reelkeep/quarantine` with a note; remove them once you have "
            "looked at both."
        ),
        "file.missing": (
            "Somebody or something removed it from the archive, or part of the disk is not "
            "mounted: look there first, before a repair fetches all of it again.\n"
            "`reelkeep verify --repair` fetches it anew, if its provider still has it."
        ),
        "file.unreadable": (
            "`reason` is what the system says. Permissions: give them back to reelkeep's user. An "
            "input/output error: the disk fails; copy the archive elsewhere while it can be read."
        ),
        "manifest.damaged": (
            "The recording's files are checked against the catalog, too: only `recording.json` or "
            "`SHA256SUMS` differs. `reelkeep verify --repair` writes them anew from the catalog."
        ),
        "repair.failed": (
            "`reason` is what the system said, mostly that the folder belongs to another user. "
            "Give it back to reelkeep's user (`chown -R`), then `reelkeep verify --repair` again."
        ),
        "scrub.failed": (
            "Nothing else is disturbed, but damage would not be noticed. `reason` says what could "
            "not be read; `scrub.recovered` says when it can be again."
        ),
        "archive.absent": (
            "Nothing is written, and nothing is lost: recordings wait at the provider for as long "
            "as it keeps them. `findmnt --target PATH` says what is mounted at `archive.path`. "
            "Mount the archive's disk there; the daemon goes on within seconds by itself.\n"
            "If another archive is there, see that `archive.path` and `catalog.url` belong "
            "together, edit the configuration and reload.\n"
            "If the disk is lost for good, or the archive was copied without its `.reelkeep` "
            "folder, say so with `reelkeep archive init`, as the service's user: then what is "
            "there now is the archive. `reelkeep verify --repair` fetches again what is missing "
            "from it and the providers still have."
        ),
        "archive.content_missing": (
            "`archive.path` holds the right identity without the recordings: an old snapshot was "
            "mounted, or a restored copy is not whole. Mount or copy the rest: the daemon "
            "notices within a minute. `reelkeep verify` names what is missing, and "
            "`reelkeep verify --repair` fetches it again, while the providers have it."
        ),
        "archive.limited": (
            "`reason` says what the file system cannot do, and what follows. The manual's page on "
            "file systems says which one can. Nothing that is promised elsewhere depends on it "
            "silently: if you can live with the sentence, nothing is to be done."
        ),
        "disk.low": (
            "Transfers pause, nothing else happens, and they go on by themselves when there is "
            "room again; recordings wait at the provider for as long as it keeps them.\n"
            "Make room, add a disk, or raise the quota: `df -h` and `df -i` on the archive. `free` "
            "is all that is free on the disk, of which `min_free` (`archive.min_free`) is left to "
            "others; `reason` says whether that is reached, or what the kernel refused. Never "
            "delete below `.reelkeep` while reelkeep runs."
        ),
        "archive.unavailable": (
            "Transfers pause, and no attempt is counted. A small file is tried every five seconds; "
            "as soon as it can be written, transfers go on by themselves (`archive.available`).\n"
            "`reason` is what the system said; [the table](../reference/disk-errors.md) says what "
            "to do about each error. `condition: place`: is the disk mounted, writable, and "
            "reelkeep's user its owner? `findmnt`, `dmesg`, `reelkeep doctor`. `condition: "
            "process`: raise `LimitNOFILE` or the memory of the unit."
        ),
        "catalog.unavailable": (
            "Each transaction is tried again every five seconds, and everything goes on by itself "
            "(`catalog.available`). Files that have come are kept: they are stored in the catalog "
            "later, and no provider is told of one before.\n"
            "`reason` is what SQLite said. `database or disk is full`: make room on the catalog's "
            "disk (`df -h`, `df -i`). `readonly`: `findmnt`, `dmesg`, and the owner of the file. "
            "`disk I/O error`, `unable to open`: `dmesg`; if the disk was mounted anew, restart "
            "reelkeep. `locked`: another program holds the file."
        ),
        "file.too_large": (
            "The recording stays due, and everything that fits goes on. Make room for at least "
            "`missing` bytes, or `reelkeep waive ID FILE`; it is tried again by itself.\n"
            "For a recording that its provider deletes within a week, room is kept: files that "
            "are in no such danger wait until it is fetched, or gone."
        ),
        "provider.throttled": (
            "Nothing: reelkeep waits as long as it is told to. With `until` it begins, without it "
            "is over.\n"
            "If it never ends, something else uses the same account's limit; or set `plan`, "
            "`requests_per_second` or a longer `interval` to what the account really has."
        ),
        "provider.auth_failed": (
            "The provider no longer accepts the credentials: they were revoked, have expired or "
            "lack a scope. Nothing is fetched from it until this is mended; recordings may expire "
            "there meanwhile.\n"
            "Make new credentials at the provider, put them where the configuration reads them "
            "(`{env: …}`, `{file: …}` or `{credential: …}`), and reload; from `env` and "
            "`credential` they are read at a restart only. `reelkeep check --online` tells whether "
            "they work. GoToAssist: a refresh token that was used elsewhere is void, and has to be "
            "imported anew."
        ),
        "heartbeat": (
            "Nothing. If it is missing for minutes, the process hangs or is gone: "
            "`systemctl status reelkeep`, `/healthz`."
        ),
        "heartbeat.failed": (
            "The catalog's file cannot be read: another process holds it locked for long, or its "
            "disk fails. Transfers under way go on until they have to be recorded.\n"
            "`reelkeep status`, `dmesg`, and room on the catalog's disk. `heartbeat.recovered` "
            "says when it is over."
        ),
        "library.message": (
            "As a rule nothing. If it repeats, report it with the line: it warns of what a later "
            "version of a library will refuse."
        ),
    }
)
"""What to do about each event that may ask for something."""

NOTHING = "Nothing to do."


def advice(event: str) -> str:
    """Return what to do about `event`."""
    return ADVICE.get(event, NOTHING)
