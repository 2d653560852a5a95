"""What the stages need of the catalog, each its own part."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reelkeep.core.file_system import PLENTY, Room
from reelkeep.core.integrity import FileHealth
from reelkeep.core.model import (
    Claim,
    FileId,
    HeldFile,
    Holding,
    Outcome,
    ProviderName,
    Recording,
    RecordingId,
    Window,
)
from reelkeep.core.poll_window import Unread
from reelkeep.ports.provider import Traits


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
    partly: bool = False  #: Single listings failed; all others were served.


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A recording of which files are unavailable."""

    recording: RecordingId
    files: frozenset[FileId]
    asked: bool  #: The provider was asked for it already, and no operator wants it to be asked.


class Intake(Protocol):
    """What a poll writes to the catalog."""

    async def scan(self, provider: ProviderName) -> Scan: ...

    async def scanned(self, provider: ProviderName, scan: Scan) -> None: ...

    async def unread(self, provider: ProviderName) -> Sequence[Unread]:
        """Return what could not be read of single parts of the account, in order."""
        ...

    async def left_unread(self, provider: ProviderName, unread: Sequence[Unread]) -> None:
        """Replace what could not be read of single parts of the account."""
        ...

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

    async def undescribed(
        self, provider: ProviderName, reasons: Mapping[RecordingId, str | None]
    ) -> None:
        """Note why admitted recordings could not be described; they go on waiting."""
        ...

    async def refilter(self, provider: ProviderName, traits: Traits) -> int:
        """Decide anew which known files are wanted; return how many changed."""
        ...

    async def watch(self, provider: ProviderName, within: timedelta) -> bool:
        """Point out, once, what the provider deletes within that time and is not here.

        Once that time is over, what had failed of it is due once more, so that it is known whether
        it is gone. Return whether anything became due.
        """
        ...

    async def missed(self, provider: ProviderName) -> Sequence[Missed]:
        """Return recordings with unavailable files, those longest not asked for first."""
        ...

    async def reviewed(
        self,
        provider: ProviderName,
        traits: Traits,
        found: Sequence[Recording],
        absent: Sequence[RecordingId],
        *,
        gone: bool,
    ) -> bool:
        """Write what the provider said of recordings with unavailable files.

        With `gone`, what was unavailable of the `absent` ones is. Return whether anything is due.
        """
        ...

    async def transcodable(self, provider: ProviderName, limit: int) -> Sequence[RecordingId]: ...

    async def transcoding(
        self, provider: ProviderName, ids: Sequence[RecordingId], patience: timedelta
    ) -> None: ...

    async def acknowledgeable(
        self, provider: ProviderName, limit: int
    ) -> Sequence[RecordingId]: ...

    async def acknowledged(
        self,
        provider: ProviderName,
        accepted: Sequence[RecordingId],
        refused: Sequence[RecordingId],
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is still to be read of a window that an operator wants to be read again."""

    row: int
    window: Window


class Backfills(Protocol):
    """Windows that an operator wants to be read again."""

    async def next(self, provider: ProviderName) -> Wanted | None:
        """Return the oldest request, None if there is none."""
        ...

    async def advance(self, wanted: Wanted, until: datetime) -> None:
        """Note that `wanted` was read wholly up to `until`; at its end, it is forgotten."""
        ...


class Disposals(Protocol):
    """Archived recordings that may be moved to their provider's trash."""

    async def disposable(self, provider: ProviderName, limit: int) -> Sequence[Holding]:
        """Return archived recordings of which every file is stored; not what is spared now."""
        ...

    async def disposed(self, holding: Holding) -> None:
        """Note that `holding` was moved to the trash."""
        ...

    async def spared(self, holding: Holding, until: datetime) -> None:
        """Leave `holding` alone until then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A due file that does not fit on the disk now."""

    row: int
    provider: ProviderName
    recording: RecordingId
    name: str
    size: int  #: Promised bytes.
    missing: int  #: Bytes of room that it lacks.


class Queue(Protocol):
    """What the dispatcher takes from the catalog."""

    async def recover(self) -> int:
        """Make what an earlier process held due again; return how many files."""
        ...

    async def claim(
        self, provider: ProviderName, limit: int, room: Room = PLENTY
    ) -> Sequence[Claim]:
        """Take up to `limit` recordings with due files that fit in `room`.

        The most endangered come first.
        """
        ...

    async def release(self, claims: Sequence[Claim], until: datetime | None = None) -> None:
        """Make what was claimed, and not begun on, due again, or at `until`."""
        ...

    async def next_due(self, provider: ProviderName, room: Room = PLENTY) -> datetime | None:
        """Return when the next file that waits, and fits in `room`, becomes due."""
        ...

    async def endangered(self, names: Sequence[ProviderName], most: int) -> int:
        """Return the promised bytes of due files for which room is kept."""
        ...

    async def too_large(
        self, names: Sequence[ProviderName], room: Room, limit: int
    ) -> Sequence[PassedOver]:
        """Return due files that do not fit in `room`, the most endangered first."""
        ...


class Ledger(Protocol):
    """Where results are recorded."""

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        """Commit many outcomes in one transaction, and report each once it is durable."""
        ...

    async def publishable(self, limit: int) -> Sequence[Holding]:
        """Return recordings whose folder or manifest is behind what is stored."""
        ...

    async def reclaimed(self, holding: Holding, files: Sequence[HeldFile]) -> None:
        """Commit that `files` of `holding`, wanted until now, are stored, in its folder."""
        ...

    async def published(self, done: Sequence[tuple[Holding, str]]) -> None:
        """Commit the folders that are durable now, each for the holding it was made from."""
        ...

    async def sweep(self) -> None:
        """Move on what time alone moves on: settle times, and waits that took too long."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What the published folders hold."""

    recordings: int
    files: int
    bytes: int
    oldest: datetime | None  #: When the file that was longest not read was read; None: no file.


class Checks(Protocol):
    """Where it is noted how stored files were found when they were read again."""

    async def in_folders(self, folders: Sequence[str]) -> Sequence[Holding]: ...

    async def oldest(self, limit: int, *, beside: Collection[str] = ()) -> Sequence[Holding]:
        """Return up to `limit` published recordings, those with the file longest unread first.

        Those in the folders `beside`, however deep, are left out.
        """
        ...

    async def stock(self) -> Stock: ...

    async def noted(self, found: Sequence[FileHealth]) -> None:
        """Commit how files were found, now; report what became broken, or whole again."""
        ...

    async def moment(self, name: str) -> datetime | None: ...

    async def keep_moment(self, name: str, at: datetime | None) -> None:
        """Note a time under `name`, or forget it."""
        ...
