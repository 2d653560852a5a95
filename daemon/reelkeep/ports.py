"""What the pipeline needs from the outside world.

Each protocol is as small as the pipeline's need and has a contract suite in `tests/contract`; an
adapter is done when it passes that suite. Whatever an adapter raises is one of `reelkeep.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from reelkeep.core.filters import Filter
from reelkeep.core.model import (
    Claim,
    Download,
    FileId,
    Holding,
    Locator,
    Outcome,
    ProviderName,
    Recording,
    RecordingId,
    Window,
)

Clock = Callable[[], datetime]
"""The time of day, aware and in UTC. Durations are waited for with anyio, so that a test's
event loop can make hours pass in no time."""

Dice = Callable[[], float]
"""A random number in [0, 1)."""


class Report(Protocol):
    """Where events go. Names and keys are those of `core.events`; a locator is never a value."""

    def __call__(self, event: str, /, **keys: object) -> None: ...


# --- Transport -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `credentials` go to the origin of `url` and to no other."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    kin: str | None = None  #: See `Locator.kin`.
    body: bytes | None = field(default=None, repr=False)
    follow: bool = True  #: Follow redirects (GET only), at most ten, never from https to http.


class Reply(Protocol):
    """The head of an HTTP reply, and its body as a stream that is read at most once."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; looking one up ignores case, the first of several wins."""
        ...

    @property
    def origin(self) -> str:
        """Scheme, host and port that answered at last; safe to log."""
        ...

    @property
    def hops(self) -> int:
        """How many redirects were followed."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, never decoded, in pieces of any size.

        Raises:
            Unreachable: The stream broke, or ended before its announced length.
            Stalled: No, or hardly any, bytes came for too long (`downloads.stall_timeout`).
            BadReply: The framing is broken or contradicts itself.
        """
        ...


class Transport(Protocol):
    """An HTTP client that speaks this package's errors and knows nothing of files."""

    def open(self, request: Request) -> AbstractAsyncContextManager[Reply]:
        """Send `request`; whatever status comes is a reply. Never decompresses, never retries.

        Leaving the context with the body unread closes the connection.

        Raises:
            Refused: The address, a redirect or its scheme is against the policy.
            Unreachable: There is no connection to be had, or it broke before the head came.
            Stalled: The head did not come in time.
            BadReply: The head is not HTTP, or contradicts itself.
        """
        ...


# --- Providers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What one configured account can do, and what its operator asked of it. Never changes."""

    type: str
    interval: timedelta
    filter: Filter = field(default_factory=Filter)
    transcodes: bool = False  #: `transcode` does something.
    transcode_timeout: timedelta = timedelta(hours=24)
    describes: bool = False  #: New recordings must be shown to `describe` before they are fetched.
    acknowledges: bool = False  #: `acknowledge` does something, and is wanted.
    lookback: timedelta | None = None  #: None: every poll reads the whole span.
    deep_scan: timedelta | None = None
    epoch: datetime | None = None  #: Nothing before this is of interest (`since`).
    scope: str = ""  #: A digest of what a listing covers; when it changes, all is read again.
    batch: int = 500  #: Most ids in one `transcode` or `acknowledge`.


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check --online`: is `subject` in order, and if not, what to do."""

    subject: str
    ok: bool
    message: str


class Provider(Protocol):
    """A service that keeps recordings; one instance for each configured account.

    Construction has no effects. Requests are paced, authorized and bounded by the adapter itself.
    Every method may raise `ProviderError`s.
    """

    @property
    def name(self) -> ProviderName: ...

    @property
    def traits(self) -> Traits: ...

    def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        """Yield what there is in `span`, in batches of at most 500; seeing one twice is harmless.

        A batch is yielded only once the listing it came from has been drained: the consumer may
        take its time. If part of the span could not be read, what could be is yielded first and
        the error raised at the end, so that the caller knows the span is incomplete.
        """
        ...

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        """Return `recordings` with all that is known of them; leave out what is not ready yet."""
        ...

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        """Return a way to fetch a file; with `fresh`, one that was made after this call.

        Raises:
            Gone: The provider no longer has it.
            NotYet: The provider has it, but not ready.
            AuthFailed: The credentials are no longer accepted.
        """
        ...

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        """Ask for at most `traits.batch` recordings to be transcoded; asking twice is harmless."""
        ...

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        """Tell that at most `traits.batch` recordings are archived; return those accepted."""
        ...

    async def check(self) -> Sequence[Finding]:
        """Ask one cheap authenticated question, and say what is missing."""
        ...


class Vault(Protocol):
    """Where rotated tokens are kept: beside the catalog, readable by their owner only."""

    async def load(self, name: str) -> str | None: ...

    async def save(self, name: str, secret: str) -> None:
        """Keep `secret`; it is durable when this returns, and never half-written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an adapter of a provider is built with, beside its own options."""

    transport: Transport
    vault: Vault
    clock: Clock
    dice: Dice
    report: Report


# --- Archive -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What earlier attempts left of a file."""

    size: int = 0  #: Bytes that can be built on.
    validator: str | None = None  #: The strong ETag or date they belong to.
    total: int | None = None  #: Bytes of the whole, as its server announced it.
    promises: Mapping[str, str] = field(default_factory=dict)  #: Digests of the whole, announced.


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is held: bytes, hex SHA-256, and further digests by hashlib name."""

    size: int
    sha256: str
    digests: Mapping[str, str] = field(default_factory=dict)


class Part(Protocol):
    """An unfinished file, held by one writer. Leaving its context keeps the bytes."""

    @property
    def held(self) -> Held: ...

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        """Forget all bytes; what is written from now on belongs to `validator`.

        The validator is on disk before the first byte is (rule 2 of the transfer notes).
        """
        ...

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append, in one thread hop, and hash what was written. A short write is completed.

        Raises:
            DiskFull: No room; what fitted stays.
            IoFailed: The disk failed; the part is not trusted any more.
        """
        ...

    async def checkpoint(self) -> None:
        """Flush what was written and journal the offset, so that it survives a power cut."""
        ...

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return size, SHA-256 and the other `digests` (hashlib names) of what is held."""
        ...

    async def check(self, file_type: str) -> str | None:
        """Return what is wrong with the container of the held bytes, None if nothing is known."""
        ...

    async def keep(self) -> None:
        """Flush the bytes and give them their name among the recording's finished files.

        The file is durable when this returns. An equal file that is there already is fine.
        """
        ...

    async def quarantine(self, reason: str) -> None:
        """Put the bytes aside for people to look at, and forget them."""
        ...


class Archive(Protocol):
    """Where finished recordings live."""

    def part(self, download: Download) -> AbstractAsyncContextManager[Part]:
        """Open the unfinished file for `download`, resuming an earlier one."""
        ...

    async def finished(self, download: Download) -> Inspection | None:
        """Return what is known of a finished file of that name, read again from disk, if any.

        A crash may fall between the file getting its name and the catalog hearing of it.
        """
        ...

    async def publish(self, holding: Holding) -> str:
        """Make the recording's finished files visible, with manifest and sums; return the folder.

        Atomic and durable: the folder appears whole, or a late file is added and the manifest
        replaced. Doing it again changes nothing.
        """
        ...

    async def free(self) -> int:
        """Return the bytes that may still be written to this disk by us."""
        ...


# --- Catalog, by who needs what --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What admitting one batch changed."""

    new: tuple[RecordingId, ...] = ()
    changed: tuple[RecordingId, ...] = ()
    undescribed: tuple[RecordingId, ...] = ()  #: Ready, and to be shown to `Provider.describe`.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was read of one provider so far."""

    polled_at: datetime | None = None  #: The last complete poll.
    deep_at: datetime | None = None  #: The last complete reading of the whole span.
    covered_until: datetime | None = None  #: Everything before this has been listed once.
    scope: str = ""
    filter: str = ""
    broken_since: datetime | None = None
    reason: str | None = None


class Intake(Protocol):
    """What a poll writes to the catalog."""

    async def scan(self, provider: ProviderName) -> Scan: ...

    async def scanned(self, provider: ProviderName, scan: Scan) -> None: ...

    async def admit(
        self, provider: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Make `recordings` known; idempotent. Already known ones cost one query together."""
        ...

    async def describe(
        self, provider: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Complete admitted recordings by what `Provider.describe` said; they become open."""
        ...

    async def refilter(self, provider: ProviderName, traits: Traits) -> int:
        """Decide anew which known files are wanted; return how many changed."""
        ...

    async def transcodable(self, provider: ProviderName, limit: int) -> Sequence[RecordingId]: ...

    async def transcoding(self, provider: ProviderName, ids: Sequence[RecordingId]) -> None: ...

    async def acknowledgeable(
        self, provider: ProviderName, limit: int
    ) -> Sequence[RecordingId]: ...

    async def acknowledged(
        self,
        provider: ProviderName,
        accepted: Sequence[RecordingId],
        refused: Sequence[RecordingId],
    ) -> None: ...


class Queue(Protocol):
    """What the dispatcher takes from the catalog."""

    async def recover(self) -> int:
        """Make what an earlier process held due again; return how many files."""
        ...

    async def claim(self, provider: ProviderName, limit: int) -> Sequence[Claim]:
        """Take up to `limit` recordings with due files, the most endangered first."""
        ...

    async def release(self, rows: Sequence[int]) -> None:
        """Give back files that were claimed and not attempted."""
        ...

    async def next_due(self, provider: ProviderName) -> datetime | None:
        """Return when the next file that waits becomes due."""
        ...


class Ledger(Protocol):
    """Where results are recorded."""

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        """Commit many outcomes in one transaction, and report each once it is durable."""
        ...

    async def publishable(self, limit: int) -> Sequence[Holding]:
        """Return recordings whose folder or manifest is behind what is stored."""
        ...

    async def published(self, folders: Mapping[int, str]) -> None:
        """Commit, by recording row, the folders that are durable now."""
        ...
