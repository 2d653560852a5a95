"""Judge the findings of `reelkeep doctor`: ok, a warning, or a failure."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from reelkeep.core.disk_errors import row_of
from reelkeep.core.identity import Evidence, refusal, rule
from reelkeep.core.instants import PLAUSIBLE_SINCE, believed

ODD_SKEW: Final = timedelta(seconds=30)
BAD_SKEW: Final = timedelta(seconds=240)
"""Our clock dates the tokens of the Video SDK, and counts the lifetime of all tokens."""


CATALOG_LEAST: Final = 64 * 1024**2
"""Free bytes below which the catalog may soon fail to be written: its log grows to about that."""


class Grade(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"  #: Possibly intended; check it.
    FAIL = "fail"  #: reelkeep cannot work like this.


class Symptom(StrEnum):
    """What is wrong where a check is not ok; the manual says of each what to do."""

    ARCHIVE_ABSENT = "archive.absent"
    ARCHIVE_UNREADABLE = "archive.unreadable"
    CATALOG_DAMAGED = "catalog.damaged"
    CATALOG_NEWER = "catalog.newer"
    CATALOG_NONE = "catalog.none"
    CATALOG_OLDER = "catalog.older"
    CATALOG_ROOM = "catalog.room"
    CATALOG_UNREADABLE = "catalog.unreadable"
    CERTIFICATES_MISSING = "certificates.missing"
    CHECK_FAILED = "check.failed"
    CLOCK_DIFFERS = "clock.differs"
    CLOCK_UNCOMPARED = "clock.uncompared"
    CLOCK_WRONG = "clock.wrong"
    CONFIGURATION_INVALID = "configuration.invalid"
    CONFIGURATION_IDLE = "configuration.idle"
    CONTENT_MISSING = "archive.content_missing"
    DAEMON_OTHER = "daemon.other"
    DAEMON_SILENT = "daemon.silent"
    DISK_INODES = "disk.inodes"
    DISK_READ_ONLY = "disk.read_only"
    DISK_REFUSES = "disk.refuses"
    DISK_ROOM = "disk.room"
    FILES_FAILED = "files.failed"
    FILES_OVERDUE = "files.overdue"
    FILES_TOO_LARGE = "files.too_large"
    FILES_UNAVAILABLE = "files.unavailable"
    FILE_SYSTEM_LIMITED = "file_system.limited"
    FOLDER_CLOSED = "folder.closed"
    FOLDER_NONE = "folder.none"
    LINK_BROKEN = "link.broken"
    MODE_OPEN = "mode.open"
    NETWORK_UNUSABLE = "network.unusable"
    OWNER_OTHER = "owner.other"
    PROVIDER_BROKEN = "provider.broken"
    PROVIDER_UNREACHABLE = "provider.unreachable"
    PROXY_UNUSED = "proxy.unused"
    USER_OTHER = "user.other"
    VOLUME_ABSENT = "volume.absent"
    VOLUME_UNKNOWN = "volume.unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One check, its result, and a message for people."""

    subject: str
    grade: Grade
    message: str
    symptom: Symptom | None  #: None if it is ok.


def ok(subject: str, message: str) -> Check:
    """Return that `subject` is in order."""
    return Check(subject, Grade.OK, message, None)


def unused_proxy(environ: Mapping[str, str]) -> str | None:
    """Return a message if the environment names a proxy and `network.proxy` is not set."""
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
    for name in names:
        if environ.get(name):
            return (
                f"{name} is set; reelkeep does not use it. If the providers can only be reached "
                "through a proxy, set network.proxy"
            )
    return None


def judge_clock(subject: str, skew: timedelta) -> Check:
    """Judge how far our clock is ahead of a provider's; negative: behind it."""
    seconds = round(abs(skew.total_seconds()))
    side = "ahead of" if skew > timedelta(0) else "behind"
    if abs(skew) < ODD_SKEW:
        return ok(subject, "our clock agrees with the provider's")
    grade = Grade.FAIL if abs(skew) >= BAD_SKEW else Grade.WARN
    told = f"our clock is {seconds} s {side} the provider's; is NTP running?"
    return Check(subject, grade, told, Symptom.CLOCK_DIFFERS)


def judge_past(latest: datetime | None, now: datetime) -> Check:
    """Judge our clock by the latest event in the catalog."""
    if now < PLAUSIBLE_SINCE:
        told = f"says {now:%Y-%m-%d %H:%M} UTC, before this program was written; set it, by NTP"
        return Check("clock", Grade.FAIL, told, Symptom.CLOCK_WRONG)
    if latest is not None and not believed(latest, now, timedelta()):
        told = (
            f"says {now:%Y-%m-%d %H:%M} UTC, the catalog has {latest:%Y-%m-%d %H:%M}: it "
            "was ahead then, or is behind now; make sure that NTP is running. Files that a wrong "
            "clock postponed are due at the next start"
        )
        return Check("clock", Grade.FAIL, told, Symptom.CLOCK_WRONG)
    return ok("clock", f"says {now:%Y-%m-%d %H:%M} UTC, consistent with the catalog")


def judge_archive(path: str, catalog: str | None, there: str | None, *, stored: int) -> Check:
    """Judge the archive at `path` by its identity and the one in the catalog."""
    found = Evidence(catalog=catalog, archive=there, holds=stored > 0, recognised=True)
    told = refusal(rule(found), path)
    if told is not None:
        return Check("archive", Grade.FAIL, told, Symptom.ARCHIVE_ABSENT)
    if catalog is None:
        return ok("archive", f"{path} gets its identity at the next start")
    return ok("archive", f"{path} is the archive of this catalog")


def judge_room(subject: str, free: int, wanted: int) -> Check:
    """Judge the free bytes of a disk, `wanted` of which must stay free."""
    room, least = f"{_size(free)} are free", f"archive.min_free is {_size(wanted)}"
    if free <= wanted:
        return Check(subject, Grade.FAIL, f"{room}, {least}: transfers pause", Symptom.DISK_ROOM)
    if free < 5 * wanted:
        told = f"{room}; {least}, and below it transfers pause"
        return Check(subject, Grade.WARN, told, Symptom.DISK_ROOM)
    return ok(subject, room)


def judge_catalog_room(free: int, size: int) -> Check:
    """Judge the free bytes beside a catalog of `size` bytes; a migration copies it."""
    subject, room = "room for the catalog folder", f"{_size(free)} are free"
    if free < CATALOG_LEAST:
        told = (
            f"{room}: the disk of the catalog is nearly full, and without space for it nothing "
            "can be archived; free some space, or move the catalog (`catalog.url`)"
        )
        return Check(subject, Grade.FAIL, told, Symptom.CATALOG_ROOM)
    if free < CATALOG_LEAST + 2 * size:
        told = (
            f"{room}, the catalog has {_size(size)}: too little for the copy before a migration; "
            "free some space before an upgrade"
        )
        return Check(subject, Grade.WARN, told, Symptom.CATALOG_ROOM)
    return ok(subject, room)


def judge_refusal(subject: str, path: str, number: int | None) -> Check:
    """Judge by its errno why a small file could not be written in `path`."""
    row = row_of(number)
    name = errno.errorcode.get(number or 0, "unknown error")
    told = f"{path} takes no file ({name}). {row.meaning} {row.advice}"
    return Check(f"writing to the {subject}", Grade.FAIL, told, Symptom.DISK_REFUSES)


def judge_unreadable(path: str, reason: str, user: int, *, asker: str | None = None) -> Check:
    """Report that `user` cannot read `path` in the archive.

    `asker` is a message about this user, if it is not the archive's owner.
    """
    remedy = (
        asker
        or "return it to the user of the service (`chown`, `chmod`); nothing needs to be downloaded"
    )
    told = f"user {user} cannot read {path} ({reason}): it is neither missing nor verified; "
    told += remedy
    return Check("reading the archive", Grade.FAIL, told, Symptom.ARCHIVE_UNREADABLE)


def judge_too_large(line: Mapping[str, Any], *, free: int, whole: int) -> Check:
    """Judge a due file that does not fit in the `free` bytes of a disk with `whole` ones."""
    size = int(line["promised"])
    where = f"the whole disk has {_size(whole)}" if size > whole else f"{_size(free)} may be used"
    told = (
        f"{line['file']} of {line['recording']} ({line['provider']}) has {_size(size)}, {where}: "
        "it waits, others continue; free some space, use a larger disk, or `reelkeep waive` it"
    )
    return Check("large files", Grade.WARN, told, Symptom.FILES_TOO_LARGE)


def _size(count: int) -> str:
    """Return `count` bytes in a readable unit, up to TB."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} B"


def judge_version(found: str, spoken: str) -> Check:
    """Judge the version of a catalog against the one that this program uses."""
    if found == spoken:
        return ok("catalog version", f"{found}, the current one")
    if found > spoken:
        told = (
            f"{found}, but this reelkeep knows up to {spoken}: a newer one wrote it; install that "
            "version again, or restore the backup from before (docs/how-to/upgrade.md#go-back)"
        )
        return Check("catalog version", Grade.FAIL, told, Symptom.CATALOG_NEWER)
    told = f"{found}; the next start of the daemon migrates it to {spoken}"
    return Check("catalog version", Grade.WARN, told, Symptom.CATALOG_OLDER)


def judge_mode(subject: str, mode: int) -> Check:
    """Judge the permissions of a private file."""
    if mode & 0o077:
        told = f"has mode {mode:04o}: other users can read it; run chmod 0600"
        return Check(subject, Grade.FAIL, told, Symptom.MODE_OPEN)
    return ok(subject, "is readable by its owner only")
