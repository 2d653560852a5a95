"""The real fetcher, client and archive before a host on a real socket."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio

from fakes.attempts import Desk, Locating, stored
from fakes.disk import FaultyDisk, archive_on
from fakes.shelf import Shelf
from hosts import Act, Mischief, good
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import SMALL
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, FileId, Locator, Outcome, RecordingId, Stored
from reelkeep.core.retry import Policy, judge, reason_code
from reelkeep.disk import Disk
from reelkeep.ports import Clock
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Script, Seen, Site, Wire, serving

BEARER = "Bearer secret-token"
POLICY = Policy(attempts=4, base=timedelta(0), longest=timedelta(0))
OPTIONS = TransportOptions(
    connect_timeout=timedelta(minutes=1),
    stall_timeout=timedelta(minutes=10),
    stall_rate=20_000,
    allow=AddressPolicy.parse(["127.0.0.1", "localhost"]),
)
"""No verdict depends on how fast the machine is."""

BRIEF = replace(OPTIONS, stall_timeout=timedelta(seconds=1))
"""For hosts that stall."""

_GRAIN = 16 << 10


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Host:
    """Plays its acts one a request, then `then` for ever."""

    shelf: Shelf
    acts: list[Mischief] = field(default_factory=list)
    then: Mischief = good
    served: int = 0  #: Bytes that the kernel took from it.

    async def __call__(self, seen: Seen, wire: Wire) -> None:
        act = (self.acts.pop(0) if self.acts else self.then)(seen, self.shelf)
        await self.play(act, wire)

    async def play(self, act: Act, wire: Wire) -> None:
        for piece in act.pieces:
            for start in range(0, len(piece), _GRAIN):
                grain = piece[start : start + _GRAIN]
                await wire.send(grain)
                self.served += len(grain)
            if act.pause:
                await anyio.sleep(act.pause)
        if act.end is not None:
            await act.end(wire)


@dataclass
class Renewing(Locating):
    """Gives a new address whenever a fresh one is asked for."""

    url: str = ""
    credentialed: bool = True

    async def locate(self, _recording: RecordingId, _file: FileId, *, fresh: bool) -> Locator:
        self.asked.append(fresh)
        headers = {"Authorization": BEARER} if self.credentialed else {}
        return Locator(f"{self.url}&signature=secret-{sum(self.asked)}", headers)


@dataclass
class Scene:
    """Everything around one file, in sight."""

    site: Site
    archive: LocalArchive
    provider: Renewing
    operator: Desk
    root: Path
    clock: Clock
    outcomes: list[Outcome] = field(default_factory=list)

    async def settle(self, due: Download, *, policy: Policy = POLICY) -> str:
        """Try as often as the policy has it; return `stored` or the reason code."""
        while True:
            outcome = await self.operator.fetch(due)
            self.outcomes.append(outcome)
            if isinstance(outcome, Stored):
                return "stored"
            verdict = judge(outcome, now=self.clock(), policy=policy, rng=0.0)
            if verdict.state is not FileState.DUE:
                return reason_code(outcome.error)
            assert verdict.due_at is not None
            await anyio.sleep(max(0.0, (verdict.due_at - self.clock()).total_seconds()))
            seen = outcome.sha256 or due.seen
            due = replace(
                due, attempts=verdict.attempts, tries=verdict.tries, seen=seen,
                distrusted=outcome.distrusted,
            )  # fmt: skip

    def finished(self) -> list[bytes]:
        return [path.read_bytes() for path in self._ours("finished")]

    def parts(self) -> list[str]:
        return [path.suffix for path in self._ours("parts")]

    def others(self) -> list[str]:
        return [path.name for path in self.root.iterdir() if path.name != ".reelkeep"]

    def told(self) -> str:
        return repr(self.outcomes) + repr(self.operator.log.events)

    def check(self, ended: str, expected: str, body: bytes) -> None:
        """See that it ended as `expected`: with exactly `body`, or with nothing."""
        assert ended in expected.split(), [getattr(each, "error", each) for each in self.outcomes]
        assert self.finished() == ([body] if ended == "stored" else [])
        assert self.others() == []
        if ended == "stored":
            outcome = stored(self.outcomes[-1])
            assert outcome.sha256 == hashlib.sha256(body).hexdigest()
            assert outcome.size == len(body)
            assert self.parts() == []
        assert "secret" not in self.told()

    def _ours(self, directory: str) -> list[Path]:
        return list((self.root / ".reelkeep" / directory).iterdir())


@asynccontextmanager
async def scene(
    host: Script,
    root: Path,
    *,
    tls: ssl.SSLContext | None = None,
    options: TransportOptions = OPTIONS,
    disk: Disk | None = None,
    small: int = SMALL,
    buffer: int | None = None,
    clock: Clock = now,
    **operator: Any,
) -> AsyncIterator[Scene]:
    """Set the scene; `operator` is for `Desk`. The disk does not fail, it only never flushes."""
    name = "127.0.0.1" if tls is None else "localhost"
    async with (
        serving(host, tls=tls, host=name, buffer=buffer) as site,
        AiohttpTransport(options) as transport,
    ):
        archive = archive_on(root, disk or FaultyDisk(), small=small)
        await archive.prepare()
        provider = Renewing(url=site.url("/rec/secret-path?token=secret"))
        there = Desk(transport, archive, provider=provider, clock=clock, **operator)
        yield Scene(site, archive, provider, there, root, clock)
