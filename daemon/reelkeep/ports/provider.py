"""What the pipeline needs of a service that keeps recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from reelkeep.core.filters import Filter
from reelkeep.core.lifecycle import Disposal
from reelkeep.core.model import FileId, Locator, ProviderName, Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.ports.transport import Transport

Clock = Callable[[], datetime]
"""The time of day, aware and in UTC. Durations are waited for with anyio, so that a test's
event loop can make hours pass in no time."""

Rng = Callable[[], float]
"""A random number in [0, 1)."""


Learn = Callable[[str], None]
"""Takes a secret that was obtained at run time, so that the log keeps it out of every line."""


Clean = Callable[[str], str]
"""Takes every secret that is known out of a text."""


class Report(Protocol):
    """Where events go. Names and keys are those of `core.events`; a locator is never a value."""

    def __call__(self, event: str, /, **keys: object) -> None: ...


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
    disposal: Disposal | None = None  #: Archived recordings are to be trashed; see `Remover`.
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
        the error raised at the end, so that the caller knows the span is incomplete. It is a
        `PartlyRead` if it is known what is missing, so that the rest need not be read again.
        """
        ...

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        """Return `recordings` with all that is known of them.

        What is not ready yet, or fails while others succeed, is left out or returned as
        `undescribed`. An error is raised only if it concerns all of them.

        Raises:
            PartlyDescribed: Some could not be asked for, and have to be listed again; it holds
                all of them, and says what to list.
        """
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


@runtime_checkable
class Resuming(Protocol):
    """What a `Provider` can do besides, if its account has parts that are listed by themselves."""

    def discover_with(
        self, span: Window, unread: Sequence[Unread]
    ) -> AsyncIterator[Sequence[Recording]]:
        """Yield what there is in `span`, as `discover`, and in `unread`, in the same way.

        Raises:
            PartlyRead: Listings of single parts failed; it says what is still unread, of `span`
                and of `unread`.
            ProviderError: Nothing is served; `unread` is as unread as before.
        """
        ...


@runtime_checkable
class Remover(Protocol):
    """What a `Provider` can do besides, if it has a trash."""

    @property
    def name(self) -> ProviderName: ...

    async def current(self, recording: RecordingId) -> Recording:
        """Return a recording with every file that the provider has of it at this moment.

        Raises:
            BadAnswer: It is not there, or what was said is not surely all of it.
            ProviderError: It is not about this recording alone.
        """
        ...

    async def trash(self, recording: RecordingId) -> None:
        """Move a recording to the trash; never delete it for good.

        Raises:
            BadAnswer: The provider would not, or it is not known whether it did.
            ProviderError: It is not about this recording alone.
        """
        ...


@runtime_checkable
class Reviewer(Protocol):
    """What a `Provider` can do besides, if one recording can be asked for."""

    async def look_up(self, recording: RecordingId) -> Recording | None:
        """Return all that there is of a recording now; None if there is none.

        Raises:
            BadAnswer: The question was refused, or the answer cannot be believed.
            ProviderError: It is not about this recording alone.
        """
        ...


class TokenStore(Protocol):
    """Where rotated tokens are kept: beside the catalog, readable by their owner only."""

    async def load(self, name: str) -> str | None: ...

    async def rehearse(self, name: str) -> None:
        """See that a secret could be kept now: better none is asked for than one is lost."""
        ...

    async def save(self, name: str, secret: str) -> None:
        """Keep `secret`; it is durable when this returns, and never half-written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an adapter of a provider is built with, beside its own options."""

    transport: Transport
    vault: TokenStore
    clock: Clock
    rng: Rng
    report: Report
    learn: Learn = field(default=lambda _secret: None)
