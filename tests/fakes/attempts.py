"""All that an attempt at a file is made with, around one file of one provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fakes.archive import MemoryArchive
from fakes.holdings import PROVIDER
from fakes.log import RecordedLog
from fakes.transport import FakeTransport, Script
from reelkeep.core.coverage import Scale
from reelkeep.core.model import (
    Download,
    Failed,
    FileId,
    Locator,
    Outcome,
    ProviderName,
    Recording,
    RecordingId,
    Stored,
    Window,
)
from reelkeep.ports import Archive, Clock, Finding, Traits, Transport
from reelkeep.stages.download import Downloader
from reelkeep.stages.stream import PartStream
from reelkeep.stages.worker_pool import ActiveTransfers, SlotPool

URL = "https://dl.example/rec/secret-path?token=secret-query"
TOKEN = "secret-token"


@dataclass
class Locating:
    """A provider that only locates: by `locators` in turn, an error among them raised."""

    locators: Sequence[Locator | Exception] = (
        Locator(URL, {"Authorization": f"Bearer {TOKEN}"}),
    )  # the last one is for ever
    asked: list[bool] = field(default_factory=list)  #: `fresh` of each call.
    name: ProviderName = PROVIDER
    traits: Traits = field(default_factory=lambda: Traits(type="x", interval=timedelta(minutes=5)))

    async def locate(self, _recording: RecordingId, _file: FileId, *, fresh: bool) -> Locator:
        self.asked.append(fresh)
        found = self.locators[min(len(self.asked), len(self.locators)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    async def discover(self, _span: Window) -> AsyncIterator[Sequence[Recording]]:
        nothing: Sequence[Recording] = ()
        yield nothing

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        return recordings

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        raise NotImplementedError

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        raise NotImplementedError

    async def check(self) -> Sequence[Finding]:
        return ()


def some_time() -> datetime:
    return datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Desk:
    """A fetcher with everything around it in sight."""

    def __init__(
        self,
        transport: Transport,
        archive: Archive,
        *,
        provider: Locating | None = None,
        clock: Clock = some_time,
        lanes: int = 1,
        scale: Scale | None = None,
    ) -> None:
        self.provider = provider or Locating()
        self.log = RecordedLog()
        self.transfers = ActiveTransfers()
        self.slots = SlotPool(self.transfers, slots=8, lanes=lanes)
        self.stream = PartStream(
            transport,
            clock=clock,
            report=self.log,
            transfers=self.transfers,
            slots=self.slots,
            scale=scale,
        )
        self.fetch = Downloader(
            {PROVIDER: self.provider},
            archive,
            self.stream,
            transfers=self.transfers,
            report=self.log,
        )


@dataclass
class Bench:
    """A desk on a script and on memory."""

    transport: FakeTransport
    archive: MemoryArchive
    operator: Desk
    seen: dict[int, str] = field(default_factory=dict)  #: What the catalog would remember.

    async def attempt(self, due: Download) -> Outcome:
        outcome = await self.operator.fetch(replace(due, seen=self.seen.get(due.row)))
        if isinstance(outcome, Failed) and outcome.sha256:
            self.seen[due.row] = outcome.sha256
        return outcome

    async def stored(self, due: Download) -> Stored:
        return stored(await self.attempt(due))

    async def failed(self, due: Download) -> Failed:
        return failed(await self.attempt(due))

    def left(self, due: Download) -> bytes:
        """Return the bytes of the part."""
        unfinished = self.archive.unfinished.get((due.key, due.file))
        return b"" if unfinished is None else bytes(unfinished.content)

    def kept(self, due: Download) -> bytes | None:
        """Return the finished file."""
        return self.archive.waiting.get((due.key, due.file))

    @property
    def ranges(self) -> list[str | None]:
        """The Range of every request so far."""
        return [request.headers.get("Range") for request in self.transport.requests]


def bench(script: Script, *, provider: Locating | None = None) -> Bench:
    """Return a bench on which `script` answers."""
    transport, archive = FakeTransport(script), MemoryArchive()
    return Bench(transport, archive, Desk(transport, archive, provider=provider))


def stored(outcome: Outcome) -> Stored:
    assert isinstance(outcome, Stored), outcome
    return outcome


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome
