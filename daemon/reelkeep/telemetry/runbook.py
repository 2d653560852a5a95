"""What to do about each event of the log: the source of `reelkeep logs` and of the runbook.

Texts are Markdown, one paragraph per line. Events that are not listed here need no action.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "daemon.failed": (
            "systemd or Docker restarts it, and it continues where it was: partial files "
            "resume.\n"
            "If `reason` names the catalog or a disk, check that first: `df`, `dmesg`, "
            "`journalctl -k`. If it happens after every start, or names an error of Python, "
            "report it as a bug with the log from `daemon.started` on."
        ),
        "config.rejected": (
            "Nothing changed: the old configuration is still in effect, and no transfer was "
            "interrupted.\n"
            "`reelkeep check` shows every mistake with file and line. Correct them, then reload "
            "again."
        ),
        "config.reloaded": "Check that `providers` lists the accounts that you expect.",
        "archive.folder_refused": (
            "`reason` says why: the manifest cannot be read, or the folder's name is not UTF-8. "
            "The folder was not changed, and all other folders were taken over. Files of this "
            "recording that the provider still has are downloaded again.\n"
            "Repair or rename the folder, and run `reelkeep rebuild`."
        ),
        "clock.stepped": (
            "Nothing, if the clock was set on purpose or the machine was suspended. Otherwise "
            "make sure that NTP is running: `timedatectl`, `chronyc tracking`. `reelkeep "
            "doctor` compares the clock with the providers'."
        ),
        "clock.wrong": (
            "Set the clock; until then certificates and tokens may be refused, and a clock that "
            "is behind hides newer recordings from the listings: `sync` reports that it is not "
            "done. Machines without a battery start in 1970 until NTP sets the clock: start the "
            "service after `time-sync.target`."
        ),
        "catalog.instants_reset": (
            "The clock was ahead when those times were recorded, or is behind now. They were "
            "corrected, so that nothing waits for them. Make sure that NTP is running; "
            "`reelkeep doctor` compares the clock with the providers'."
        ),
        "catalog.recovered": (
            "The last process did not stop in order: it was killed, or the power failed. "
            "Nothing is lost; `files` transfers resume.\n"
            "If it happens again and again, find out what kills it: `journalctl -u reelkeep` "
            "for a watchdog, `journalctl -k` for the out-of-memory killer."
        ),
        "archive.adopted": (
            "Expected once, after the catalog was lost or moved. `refused` counts files that "
            "did not match their checksums: `reelkeep verify` lists them."
        ),
        "page.refused": (
            "If it was you, read the token again: `server.page.token` names its source.\n"
            "Else see who `address` is. Let the page listen on loopback only, behind a proxy or "
            "SSH. If the token may be known to others, make a new one with `reelkeep "
            "page-token` and restart the daemon: that ends every session."
        ),
        "volume.absent": (
            "`reason` names the volume. Mount it where it was; `volume.found` is logged when "
            "every volume is back. Transfers to other folders continue."
        ),
        "server.unavailable": (
            "Nothing, if it is temporary: an address that is not up yet, or a port that another "
            "process has just released. Recordings are still archived.\n"
            "If it persists, `reason` says why. `ss -ltnp` shows which process uses the port; "
            "set another one in `server.listen`, or null for no pages, and restart. Until then "
            "`reelkeep health`, probes and scrapes fail."
        ),
        "config.invalid": (
            "`reelkeep check` lists the same problems. Correct each one in the file `config`, "
            "line `line`, and start the daemon again. After exit code 78 systemd does not "
            "restart it."
        ),
        "catalog.missing": (
            "Nothing before the first `reelkeep sync` or `reelkeep run`, which create the "
            "catalog. Later, check that `catalog.url` is that of the service, and that its disk "
            "is mounted."
        ),
        "catalog.read_only": (
            "Nothing, if this is intended: the output of the command is complete. Findings of "
            "`verify` are not saved in the catalog then; run it as the user of the service to "
            "save them."
        ),
        "archive.other_owner": (
            "Run reelkeep as the user who owns the archive: `runuser -u reelkeep -- reelkeep "
            "sync`.\n"
            "Give back what root created: `chown -R --reference=ARCHIVE ARCHIVE`, and do the "
            "same for the folder of the catalog. `reelkeep doctor` lists folders with another "
            "owner."
        ),
        "archive.orphaned": (
            "They use `bytes` of disk space and are never read. While reelkeep is not running, "
            "you may empty `.reelkeep/parts` in the archive; unfinished files then start over."
        ),
        "poll.failed": (
            "Nothing is lost: the next complete poll closes the gap. The provider is asked "
            "again automatically, next at `retry_at`, and `poll.recovered` is logged when it "
            "works again. Act if that takes longer than the provider keeps recordings, or "
            "depending on `code`:\n"
            "`auth`: see `provider.auth_failed`. `misconfigured`: compare its section of the "
            "configuration with the output of `reelkeep check --online`. `unavailable`: check "
            "the network, proxy and DNS, and the status page of the provider. `partly_read`: "
            "some listings failed, and all others were read; see `listing.failed`. `throttled`: "
            "`reason` says which limit is reached and until when. All apps of the account share "
            "a daily limit: set `plan` to the plan of the account, a longer `interval`, or "
            "`users: account`. `bad_answer`: report it, with the `reason`.\n"
            "`reelkeep status` shows every provider with the age of its last success."
        ),
        "poll.incomplete": (
            "Everything that was listed is archived. `code` and `reason` say why there may be "
            "more.\n"
            "`capped` (GoToAssist): the provider lists only a limited number, and has more. The "
            "hidden ones appear when the listed ones are marked as archived: set "
            "`mark_archived: true`, and check that the backlog shrinks. Recordings that stay "
            "hidden for longer than the provider keeps them are lost.\n"
            "`no_user`: a configured user is no longer on the account. Nothing needs to be done "
            "if the user was deleted; `users: account` also lists recordings of deleted users."
        ),
        "listing.failed": (
            "Everything else was read. The listing of this user is repeated in each poll until "
            "it succeeds; then `listing.recovered` is logged. Until then the poll counts as "
            "failed: `poll.failed`, exit code 1 of `sync`.\n"
            "“announced are not listed”: fewer entries are listed than announced, twice in a "
            "row. Compare the user's recordings with the web pages of the provider; if the "
            "provider counts wrongly, contact its support.\n"
            "“without an id”: such a recording cannot be requested. Look for it in the web "
            "pages of the provider, and download it by hand.\n"
            "“misspelt”: a user is not on this account; correct `users` in the configuration.\n"
            "If `reason` says `refused`, check the user in Zoom: is the user on this account, "
            "and do the app's scopes and the role of its owner cover the user? Otherwise it is "
            "a problem at the provider; if it lasts for a day, send `reason` with its tracking "
            "id to the support of the provider."
        ),
        "user.skipped": (
            "`reason` contains the message of the provider. If the plan of this user has no "
            "cloud recording, nothing needs to be done. If a permission is missing, the "
            "recordings of the user are missing, too: give the app that permission. `reelkeep "
            "audit` lists all skipped users and exits with 1; to skip a user on purpose, add "
            "the user to `exclude: {users: […]}`."
        ),
        "backfill.failed": (
            "Only the rest of this window waits; it is tried again automatically. For `code` "
            "and `reason`, see `poll.failed`."
        ),
        "provider.refused": (
            "The provider answers other requests, but refuses this one or fails. If `recording` "
            "is given, check it in the web pages of the provider; often it belongs to a user "
            "whom the credentials do not cover, or the plan has expired. Otherwise `reason` "
            "says what was refused; the usual cause is a missing scope, and `reelkeep check "
            "--online` names it.\n"
            "After a change there, `reelkeep retry ID` tries the files of the recording again."
        ),
        "recording.publish_failed": (
            "Its files are safe in `.reelkeep`, but the folder could not be created. It is "
            "tried again every 30 seconds, without further log lines.\n"
            "Check permissions and free space: `code` is usually `disk_full` or `io_error`. "
            "Another file may also have a name that the recording needs."
        ),
        "recording.acknowledge_refused": (
            "The recording is archived here; only the mark at the provider is missing. The "
            "request is repeated every hour, and `recording.acknowledged` is logged when it "
            "succeeds. If it keeps failing, check that the account may change recordings, or "
            "set `mark_archived: false` (GoToAssist) or `after_archive: keep` (Zoom)."
        ),
        "recording.trash_refused": (
            "Nothing is lost: the recording also stays at its provider. `reason` says why it "
            "was not moved: the provider has something that is not archived, the provider "
            "refused, or a scope for deleting is missing; `reelkeep check --online` names the "
            "scope."
        ),
        "recording.acknowledge_abandoned": (
            "Nothing is lost: every file of it is in the archive. It was probably deleted at "
            "the provider. If it still exists, mark it there by hand; `reelkeep retry ID` "
            "repeats the request."
        ),
        "recording.incomplete": (
            "Everything available is archived, and `reason` names the rest. `reelkeep show ID` "
            "shows each file with its attempts and errors.\n"
            "`reelkeep retry ID` tries again. `reelkeep waive ID FILE` accepts that a file is "
            "lost; then the recording is closed and acknowledged."
        ),
        "file.changed": (
            "Nothing is lost: the stored file stays as it is, and the later version is added "
            "under the next number. The video may have been trimmed, or the transcript edited, "
            "at the provider. Do not delete either by hand; `reelkeep show ID` lists both."
        ),
        "file.discarded": (
            "No wrong file was stored: the partial download was discarded, and the file is "
            "downloaded again from the first byte, automatically. `reason` says which "
            "comparison failed: bytes received by the kernel against bytes read, bytes read "
            "against bytes written or hashed, or stored bytes against those of the host at the "
            "same offset.\n"
            "This should never happen. Look for memory and disk errors in the kernel log "
            "(`journalctl -k`), and report it with the surrounding lines of the log. If it "
            "began with an update, go back to the old version, and run `reelkeep verify`."
        ),
        "file.unavailable": (
            "The provider has the file, but gives no usable address for it. `code` says why; "
            "the page of reason codes says what to do, for example: recover it in Zoom's trash, "
            "copy it from the account's own storage, set `participant_audio: true`.\n"
            "It is downloaded automatically when it becomes available. `reelkeep retry ID` "
            "requests the recording again; `reelkeep waive ID FILE` accepts the loss."
        ),
        "recording.vanished": (
            "It was deleted at the provider, or expired there, before it was downloaded. Files "
            "that were downloaded before stay.\n"
            "Zoom keeps deleted recordings in its trash for 30 days: recover it there, or set "
            "`trash: rescue`, and run `reelkeep retry ID`. If it expired, find out why it "
            "waited so long: an outage, a backlog, or a retention shorter than the interval "
            "between polls."
        ),
        "recording.at_risk": (
            "It is queued like any other recording; act only if it is still pending shortly "
            "before `deadline`: `reelkeep show ID`. Unavailable files do not arrive by "
            "themselves: `show` says what helps, such as recovering them in Zoom's trash.\n"
            "If many are at risk, the backlog is longer than the provider's retention: raise "
            "`downloads.workers` or `downloads.bandwidth`, or lengthen the retention there."
        ),
        "file.retry": (
            "Nothing, if the file is stored in the end: the next attempt resumes. If many "
            "follow with the same `code`, see the page of reason codes."
        ),
        "file.overdue": (
            "The provider lists the file but gives no address for it, or its answers contradict "
            "each other. The file is requested again at least every hour. After three days it "
            "fails as `not_found`.\n"
            "Check whether the recording can be played at the provider. `reelkeep retry ID` "
            "requests it at once; `reelkeep waive ID FILE` accepts the loss."
        ),
        "file.failed": (
            "All attempts failed without a new byte, or the answer was final. `code` is the "
            "reason; the page of reason codes says what to do.\n"
            "`reelkeep show ID` lists the attempts. When the cause is fixed, run `reelkeep "
            "retry ID`, or `reelkeep retry --failed` for all files. If the file is lost, run "
            "`reelkeep waive ID FILE`.\n"
            "With `not_media`, `size_mismatch`, `digest_mismatch` or `encoded` the bytes "
            "arrived, but a check rejected them. If the file really is like this at the "
            "provider, run `reelkeep accept ID FILE`."
        ),
        "file.quarantined": (
            "The received bytes are not those that were promised, or another file had this "
            "name. They are kept in `.reelkeep/quarantine` for inspection, and the file is "
            "downloaded again. If it fails in the end and these bytes are the file, run "
            "`reelkeep accept ID FILE`.\n"
            "A single case is normal. Several from one host indicate a broken proxy or cache; "
            "several from all hosts indicate bad memory or a bad disk in this machine: run a "
            "memory test, and read `dmesg`."
        ),
        "file.accepted": (
            "Usually nothing: the file is stored as its provider has it, and `recording.json` "
            "has a note.\n"
            "With `code`, a check rejected it, but the same bytes arrived twice, a promised "
            "digest matched, or you accepted it: open the file once. If it does not play, "
            "report it to the provider while the recording still exists there. Many from one "
            "host indicate a proxy that alters data."
        ),
        "file.altered": (
            "The bytes on the disk are no longer those that were verified when the file was "
            "stored. The cause may be the disk, its cable or controller, memory, or an edit. "
            "Check `dmesg` and `smartctl -a` before you use that disk for anything else.\n"
            "`reelkeep verify --repair` moves the wrong bytes to quarantine and downloads the "
            "file again, if its provider still has it; otherwise restore it from a copy of the "
            "archive. `file.intact` is logged when the file is in order again."
        ),
        "file.differs": (
            "Two downloads gave the same bytes, unless `reason` says otherwise, and the archive "
            "has others. Either the archived bytes were damaged in the transfer or on the disk, "
            "or the provider created the file again, as it does with transcripts.\n"
            "Do not delete the recording at its provider. `reelkeep verify ID` checks whether "
            "the archived bytes are still those that were stored. `reelkeep audit --content "
            "--repair` replaces them; the old ones stay in `.reelkeep/quarantine`, so that "
            "nothing is lost in either case."
        ),
        "file.unsteady": (
            "The provider sends different bytes each time, as it may for texts that it "
            "generates on request. Which ones are right is unknown, so the archived ones stay. "
            "For a video this should not happen: the cause may be a proxy that alters data, or "
            "broken memory."
        ),
        "file.not_compared": (
            "Nothing, if `code` is `not_found`, `refused` or `not_configured`: a file that the "
            "provider does not offer cannot be compared. `not_readable`: run `reelkeep verify`. "
            "Anything else is a problem with the provider or the network: run the same command "
            "again."
        ),
        "file.replaced": (
            "Nothing: two equal downloads were verified, and replaced the file. The old bytes "
            "are kept in `.reelkeep/quarantine` with a note; remove them after you have "
            "compared both."
        ),
        "file.missing": (
            "The file was removed from the archive, or part of the disk is not mounted: check "
            "that first, before a repair downloads everything again.\n"
            "`reelkeep verify --repair` downloads it again, if its provider still has it."
        ),
        "file.unreadable": (
            "`reason` is the message of the system. Permissions: give the file back to the user "
            "of reelkeep. An input/output error: the disk is failing; copy the archive "
            "elsewhere while it can be read."
        ),
        "manifest.damaged": (
            "The recording's files are checked against the catalog, too: only `recording.json` "
            "or `SHA256SUMS` differs. `reelkeep verify --repair` rewrites them from the "
            "catalog."
        ),
        "repair.failed": (
            "`reason` is the message of the system, usually that the folder belongs to another "
            "user. Give it back to the user of reelkeep (`chown -R`), then run `reelkeep verify "
            "--repair` again."
        ),
        "scrub.failed": (
            "Nothing else is affected, but damage would not be noticed. `reason` says what "
            "could not be read; `scrub.recovered` is logged when it can be read again."
        ),
        "archive.absent": (
            "Nothing is written, and nothing is lost: recordings wait at the provider for as "
            "long as it keeps them. `findmnt --target PATH` shows what is mounted at "
            "`archive.path`. Mount the archive's disk there; the daemon continues within "
            "seconds.\n"
            "If another archive is there, make sure that `archive.path` and `catalog.url` "
            "belong together, edit the configuration and reload.\n"
            "If the disk is lost for good, or the archive was copied without its `.reelkeep` "
            "folder, run `reelkeep archive init` as the user of the service: the folder then "
            "becomes the archive. `reelkeep verify --repair` downloads missing files that the "
            "providers still have."
        ),
        "archive.content_missing": (
            "`archive.path` holds the right identity without the recordings: an old snapshot "
            "was mounted, or a restored copy is not whole. Mount or copy the rest: the daemon "
            "notices within a minute. `reelkeep verify` names what is missing, and `reelkeep "
            "verify --repair` fetches it again, while the providers have it."
        ),
        "archive.limited": (
            "`reason` says what the file system cannot do, and the consequence. The page on "
            "file systems in the manual says which ones can. If the consequence is acceptable, "
            "nothing needs to be done."
        ),
        "disk.low": (
            "Transfers pause, and continue when there is space again; recordings wait at the "
            "provider for as long as it keeps them.\n"
            "Free some space, add a disk, or raise the quota: `df -h` and `df -i` on the "
            "archive. `free` is the free space of the disk, of which `min_free` "
            "(`archive.min_free`) is kept free; `reason` says whether that limit is reached, or "
            "what the kernel refused. Never delete below `.reelkeep` while reelkeep runs."
        ),
        "archive.unavailable": (
            "Transfers pause, and no attempt is counted. Every five seconds, reelkeep tries to "
            "write a small file; as soon as that works, transfers continue "
            "(`archive.available`).\n"
            "`reason` is the message of the system; [the table](../reference/disk-errors.md) "
            "says what to do about each error. `condition: place`: is the disk mounted and "
            "writable, and does it belong to the user of reelkeep? `findmnt`, `dmesg`, "
            "`reelkeep doctor`. `condition: process`: raise `LimitNOFILE` or the memory of the "
            "unit."
        ),
        "catalog.unavailable": (
            "Each transaction is repeated every five seconds, and everything continues when one "
            "succeeds (`catalog.available`). Downloaded files are kept: they are recorded in "
            "the catalog later, and not acknowledged before.\n"
            "`reason` is the message of SQLite. `database or disk is full`: free some space on "
            "the catalog's disk (`df -h`, `df -i`). `readonly`: `findmnt`, `dmesg`, and the "
            "owner of the file. `disk I/O error`, `unable to open`: `dmesg`; if the disk was "
            "mounted again, restart reelkeep. `locked`: another program locks the file."
        ),
        "file.too_large": (
            "The recording stays due, and everything that fits continues. Free at least "
            "`missing` bytes, or run `reelkeep waive ID FILE`; the file is tried again "
            "automatically.\n"
            "Space is reserved for a recording that its provider deletes within a week: other "
            "files wait until it is downloaded or gone."
        ),
        "provider.throttled": (
            "Nothing: reelkeep waits as long as the provider asks. An event with `until` begins "
            "the wait, one without ends it.\n"
            "If it never ends, another program uses the limit of the same account, or `plan`, "
            "`requests_per_second` or `interval` do not match the account."
        ),
        "provider.auth_failed": (
            "The provider no longer accepts the credentials: they were revoked, have expired or "
            "lack a scope. Nothing is downloaded from it until this is fixed; recordings may "
            "expire there in the meantime.\n"
            "Create new credentials at the provider, store them where the configuration reads "
            "them (`{env: …}`, `{file: …}` or `{credential: …}`), and reload; those from `env` "
            "and `credential` are only read at a restart. `reelkeep check --online` shows "
            "whether they work. GoToAssist: a refresh token that was used elsewhere is invalid, "
            "and must be replaced."
        ),
        "heartbeat": (
            "Nothing. If it is missing for minutes, the process hangs or has ended: `systemctl "
            "status reelkeep`, `/healthz`."
        ),
        "heartbeat.failed": (
            "The file of the catalog cannot be read: another process has locked it for a long "
            "time, or its disk is failing. Running transfers continue until their results must "
            "be recorded.\n"
            "Check `reelkeep status`, `dmesg`, and the space on the catalog's disk. "
            "`heartbeat.recovered` is logged when it is over."
        ),
        "library.message": (
            "Usually nothing. If it repeats, report it with the log line: it warns that a later "
            "version of a library will not support something."
        ),
    }
)
"""What to do about each event that may need action."""

NOTHING = "Nothing to do."


def advice(event: str) -> str:
    """Return what to do about `event`."""
    return ADVICE.get(event, NOTHING)
