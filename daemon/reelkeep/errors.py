"""Everything this package raises on purpose.

The tree is cut by what the caller should do next, not by where the error was born: code that
handles failures reads `remedy` and `code`, and never tests for classes.

* `Error`
    * `ConfigError`: the operator must edit the configuration
    * `CannotListen`: `server.listen` cannot be listened on now
    * `Busy`: another process holds this archive or catalog
    * `CatalogError`: durable state is unusable; stop, and be restarted
        * `TooNew`: a newer reelkeep wrote it; a restart will not help
        * `CatalogUnavailable`: its disk fails, or it is locked; that may pass
    * `ProviderError`: an API answered in a way that stops the conversation
        * `AuthFailed`: the credentials are not accepted; an operator must act
        * `RateLimited`: come back later
        * `Misconfigured`: what we send cannot be meant for this API (a wrong address or id syntax)
        * `Unavailable`: the API is out of order; it will recover
        * `BadAnswer`: the API said something that must not be believed
    * `TransferError`: one attempt at one file failed; `remedy` says what is next
        * `Parked`: the download host asked us to slow down, and we do
        * `NotYet`: the provider has not finished the file; no failure
        * `Gone`: the file no longer exists at the provider
        * `OutOfReach`: the provider has the file, but gives no address for it now
        * `Refused`: an address, a status or a rule forbids this download for good
        * `RefusedForNow`: the download host refused, in a way that may pass within hours
        * `Unauthorized`: the download host does not accept our credentials
        * `NotFound`: the download host does not know the file
        * `Expired`: the locator went stale
        * `Unreachable`: no connection, or the stream broke half-way
        * `Untimely`: the host's certificate is not valid now, by our clock
        * `Stalled`: connected, but no bytes to speak of
        * `Throttled`: asked to slow down, perhaps for a given time
        * `BadReply`: the server broke the protocol
            * `Garbled`: what came is no reply, or none to such a request
        * `Encoded`: the body is compressed although we asked for identity
        * `NotMedia`: a page of text instead of the file
        * `SizeMismatch`, `DigestMismatch`, `Damaged`: all bytes came, but not the promised ones
        * `DiskFull`, `IoFailed`, `Rotten`: our own disk failed us
            * `TooLarge`: the file does not fit in what is left, though others may
            * `StorageUnavailable`: nothing can be written now, whatever the file
                * `ArchiveAbsent`: what is at `archive.path` is not the archive of this catalog
            * `CannotStore`: this file can never be written here
        * `WrongBytes`: what we hold is not what was sent
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import ClassVar


class Remedy(Enum):
    """What to do about a failed attempt."""

    RETRY = "retry"  #: Try again later and keep the bytes we have.
    RESTART = "restart"  #: Try again later from the first byte.
    DISCARD = "discard"  #: As RESTART, and an error that people must hear of: it is our own.
    QUARANTINE = "quarantine"  #: Put the bytes aside; try again later from the first byte.
    REFRESH = "refresh"  #: Ask for a fresh locator at once, then retry; keep the bytes.
    WAIT = "wait"  #: Nobody's fault: try again later without counting the attempt.
    GIVE_UP = "give-up"  #: Never try again.
    PAUSE = "pause"  #: Stop asking this provider until it accepts us again.


class Error(Exception):
    """Base of every error raised on purpose by this package."""

    code: ClassVar[str] = "error"
    """Stable name for logs, metrics, the catalog and the manual."""


class ConfigError(Error):
    """The configuration cannot be used as written."""

    code = "config"


class CannotListen(Error):
    """The address of the daemon's pages cannot be listened on now; that may pass."""

    code = "listen"


class Busy(Error):
    """Another process holds this archive or catalog; the message says which."""

    code = "busy"


class CatalogError(Error):
    """The catalog could not be read or written."""

    code = "catalog"


class CatalogUnavailable(CatalogError):
    """The disk of the catalog is full, read-only or failing, or another process keeps it locked.

    Nothing was changed. It may pass by itself, or once an operator has seen to the disk.
    """


class TooNew(CatalogError):
    """The catalog was written by a newer reelkeep; an operator must install that again."""


class ProviderError(Error):
    """An API answered in a way that stops the conversation."""

    code = "provider"
    remedy: ClassVar[Remedy] = Remedy.WAIT


class AuthFailed(ProviderError):
    """The credentials are not accepted; only an operator can change that."""

    code = "auth"
    remedy = Remedy.PAUSE


class RateLimited(ProviderError):
    """The API asked us to come back later; `until` says when, if it did."""

    code = "throttled"

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class Misconfigured(ProviderError):
    """What we send cannot be meant for this API: a wrong address, key or id syntax."""

    code = "misconfigured"
    remedy = Remedy.PAUSE


class Unavailable(ProviderError):
    """The API is out of order or out of reach; it will recover by itself."""

    code = "unavailable"


class BadAnswer(ProviderError):
    """The API said something that must not be believed, such as a clamped range."""

    code = "bad_answer"


class TransferError(Error):
    """One attempt at one file failed. `code` is one of the manual's closed list of reasons."""

    code = "protocol"
    remedy: ClassVar[Remedy] = Remedy.RETRY
    sha256: str | None = None
    """Of what came whole and is not believed: the same bytes again may be."""


class NotYet(TransferError):
    """The provider has not finished the file; nothing is wrong."""

    code = "not_found"
    remedy = Remedy.WAIT


class Gone(TransferError):
    """The file no longer exists at the provider."""

    code = "not_found"
    remedy = Remedy.GIVE_UP


class OutOfReach(TransferError):
    """The provider has the file, but gives no address for it; `obstacle` is the code of why."""

    code = "refused"
    remedy = Remedy.GIVE_UP

    def __init__(self, message: str, *, obstacle: str) -> None:
        super().__init__(message)
        self.obstacle = obstacle


class Refused(TransferError):
    """An address, a status or a rule forbids this download for good."""

    code = "refused"
    remedy = Remedy.GIVE_UP


class RefusedForNow(TransferError):
    """The download host refused, in a way that may pass: a lock, a conflict, an unknown 4xx.

    `after` is in seconds, if it said when to come back.
    """

    code = "refused"

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unauthorized(TransferError):
    """The download host does not accept our credentials."""

    code = "auth"
    remedy = Remedy.REFRESH


class NotFound(TransferError):
    """The download host does not know the file, or not any more."""

    code = "not_found"
    remedy = Remedy.REFRESH


class Expired(TransferError):
    """The locator went stale; a fresh one may be accepted."""

    code = "expired"
    remedy = Remedy.REFRESH


class Unreachable(TransferError):
    """No connection could be made, or the stream broke half-way."""

    code = "unreachable"


class Untimely(TransferError):
    """The host's certificate is not valid yet, or not any more, by our clock; either may change."""

    code = "unreachable"
    remedy = Remedy.WAIT


class Stalled(TransferError):
    """The connection stands, but no or hardly any bytes come."""

    code = "stalled"


class Throttled(TransferError):
    """The download host asked us to slow down; `after` is in seconds, if it said."""

    code = "throttled"

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Parked(Throttled):
    """The host asked us to slow down a moment ago; nothing was sent, nothing is counted."""

    remedy = Remedy.WAIT


class BadReply(TransferError):
    """The server broke the protocol; what we hold cannot be trusted."""

    code = "protocol"
    remedy = Remedy.RESTART


class Garbled(BadReply):
    """What came is no reply, or none to such a request; it says nothing about what we hold."""

    remedy = Remedy.RETRY


class Encoded(TransferError):
    """The body is compressed although identity was asked for."""

    code = "encoded"
    remedy = Remedy.RESTART


class NotMedia(TransferError):
    """A page of text instead of the file: mostly a login page, so credentials are refreshed."""

    code = "not_media"
    remedy = Remedy.REFRESH


class SizeMismatch(TransferError):
    """The file is complete, but not of the promised size."""

    code = "size_mismatch"
    remedy = Remedy.QUARANTINE


class DigestMismatch(TransferError):
    """The file is complete, but its digest is not the promised one."""

    code = "digest_mismatch"
    remedy = Remedy.QUARANTINE


class Damaged(TransferError):
    """The file is complete, but its container (MP4, JPEG, JSON, WebVTT) is not whole."""

    code = "not_media"
    remedy = Remedy.QUARANTINE


class DiskFull(TransferError):
    """There is no room for the file; it waits for space, and the attempt is not counted."""

    code = "disk_full"
    remedy = Remedy.WAIT


class TooLarge(DiskFull):
    """The file does not fit in what is left of the disk; smaller files may.

    `size` is that of the file in bytes, if it is known.
    """

    def __init__(self, message: str, *, size: int | None = None) -> None:
        super().__init__(message)
        self.size = size


class IoFailed(TransferError):
    """Our own disk could not be read or written; the bytes of the part are not trusted."""

    code = "io_error"
    remedy = Remedy.RESTART


class StorageUnavailable(IoFailed):
    """The archive, or this process, seems unable to write anything; a small write decides that.

    `condition` is `place` or `process`, as `core.disk_errors.Scope` has them.
    """

    remedy = Remedy.WAIT

    def __init__(self, message: str, *, condition: str = "place") -> None:
        super().__init__(message)
        self.condition = condition


class ArchiveAbsent(StorageUnavailable):
    """What is at `archive.path` is not the archive of this catalog; nothing was written there.

    It may pass by itself, once the disk is mounted.
    """


class CannotStore(IoFailed):
    """This file can never be stored here: too large for the file system, or its name is."""

    remedy = Remedy.GIVE_UP


class Rotten(TransferError):
    """Bytes of a part changed on our own disk; those before them are good, and kept."""

    code = "io_error"


class WrongBytes(TransferError):
    """What we hold of a file is not what its host sent: bytes were lost, added or swapped here.

    Nothing of the part is worth keeping, whatever it looks like.
    """

    code = "io_error"
    remedy = Remedy.DISCARD
