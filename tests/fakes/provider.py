"""A provider in memory, whose every answer can be made to fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import anyio

import virtual
from reelkeep.core.model import (
    File,
    FileId,
    Locator,
    ProviderName,
    Readiness,
    Recording,
    RecordingId,
    Window,
)
from reelkeep.errors import Gone
from reelkeep.ports import Finding, Traits

BATCH = 500
NAME = ProviderName("meetings")
PLAIN = Traits(type="fake", interval=timedelta(minutes=5))


@dataclass
class FakeProvider:
    """Holds `recordings`; `faults` and `broken` decide which calls fail.

    `faults["discover"]` are raised one a call, `broken["discover"]` at every call. The calls are
    discover, discovered (at the end of a listing), describe, locate, transcode, acknowledge, and
    acknowledged (the provider knows it then, but we do not hear it).
    """

    name: ProviderName = NAME
    traits: Traits = PLAIN
    recordings: dict[RecordingId, Recording] = field(default_factory=dict)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[str, Exception] = field(default_factory=dict)
    undescribed: set[RecordingId] = field(default_factory=set)
    refused: set[RecordingId] = field(default_factory=set)
    transcoding_takes: float = 10.0  #: Seconds; infinite for one that never ends.
    polls: list[tuple[float, Window]] = field(default_factory=list)  #: When, and which span.
    calls: list[tuple[float, str]] = field(default_factory=list)
    transcoded: list[Sequence[RecordingId]] = field(default_factory=list)
    told: list[Sequence[RecordingId]] = field(default_factory=list)
    _ready_at: dict[RecordingId, float] = field(default_factory=dict)

    def hold(self, *recordings: Recording) -> None:
        """Have `recordings` from now on."""
        self.recordings |= {recording.id: recording for recording in recordings}

    @property
    def times(self) -> list[float]:
        """When it was polled, in seconds."""
        return [at for at, _ in self.polls]

    async def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        self.polls.append((anyio.current_time(), span))
        self._fail("discover")
        found = [self._listed(each) for each in self.recordings.values() if _within(each, span)]
        for start in range(0, len(found), BATCH):
            yield found[start : start + BATCH]
        self._fail("discovered")

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        self._fail("describe")
        known = (self._now(self.recordings[each.id]) for each in recordings)
        return [each for each in known if each.id not in self.undescribed]

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        self._fail("locate")
        if recording not in self.recordings:
            raise Gone("there is no such recording")
        return Locator(f"https://files.example/{self.name}/{recording}/{file}?{fresh=}")

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        self._fail("transcode")
        self.transcoded.append(recordings)
        for id_ in recordings:
            self._ready_at[id_] = anyio.current_time() + self.transcoding_takes

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        self._fail("acknowledge")
        self.told.append(recordings)
        self._fail("acknowledged")
        return [id_ for id_ in recordings if id_ not in self.refused]

    async def check(self) -> Sequence[Finding]:
        self._fail("check")
        return [Finding("answers", ok=True, message="it does")]

    def _fail(self, call: str) -> None:
        self.calls.append((anyio.current_time(), call))
        if self.faults[call]:
            raise self.faults[call].pop(0)
        if call in self.broken:
            raise self.broken[call].with_traceback(None)  # else it would grow with every raise

    def _listed(self, recording: Recording) -> Recording:
        """Return `recording` as a listing shows it: no files where they are described later."""
        now = self._now(recording)
        bare = self.traits.describes or now.readiness is not Readiness.READY
        return replace(now, files=()) if bare else now

    def _now(self, recording: Recording) -> Recording:
        """Return `recording` as it is by now."""
        ready_at = self._ready_at.get(recording.id)
        if ready_at is None:
            return recording
        done = anyio.current_time() >= ready_at
        return replace(recording, readiness=Readiness.READY if done else Readiness.PROCESSING)


def traits(**changes: Any) -> Traits:
    """Return the traits of a provider polled every five minutes, with `changes`."""
    return replace(PLAIN, **changes)


def recording(
    id_: str = "a", *, files: Iterable[str] = ("1",), size: int | None = 10, **details: Any
) -> Recording:
    """Return a recording whose files are of `size` bytes each."""
    known: dict[str, Any] = {"started": virtual.START - timedelta(hours=1), "title": f"Title {id_}"}
    return Recording(
        id=RecordingId(id_),
        files=tuple(
            File(id=FileId(each), stem=f"file-{each}", extension="dat", size=size) for each in files
        ),
        **(known | details),
    )


def many(count: int, *, began: datetime | None = None) -> list[Recording]:
    """Return recordings of one file each, a second apart."""
    first = began or virtual.START - timedelta(days=2)
    return [
        recording(f"r{number:05}", started=first + timedelta(seconds=number))
        for number in range(count)
    ]


def _within(recording: Recording, span: Window) -> bool:
    return recording.started is None or span.since <= recording.started < span.until
