"""An open catalog with all its parts, and recordings to put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, text

from fakes.books import IN_MEMORY, new_catalog
from fakes.log import RecordedLog
from reelkeep.catalog.checks import SqlChecks
from reelkeep.catalog.database import Database, Hop, open_engine
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.results import SqlLedger
from reelkeep.catalog.schema import prepare
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.lifecycle import TRANSITIONS, FileState
from reelkeep.core.model import (
    Download,
    Failed,
    File,
    FileId,
    Holding,
    Level,
    ProviderName,
    Recording,
    RecordingId,
    Stored,
)
from reelkeep.core.retry import Policy
from reelkeep.ports import Intake, Ledger, Queue, Traits

T = TypeVar("T")

NAME = ProviderName("meetings")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
TRAITS = Traits(type="fake", interval=timedelta(minutes=5), acknowledges=True)
DESCRIBING = Traits(type="fake", interval=timedelta(minutes=5), describes=True, transcodes=True)

_WITNESS = """
CREATE TRIGGER witness AFTER UPDATE OF state ON file WHEN old.state <> new.state
BEGIN INSERT INTO moved VALUES (old.state, new.state); END
"""


async def inline(work: Callable[[], T], /) -> T:
    """Run `work` at once: a hop for virtual time."""
    return work()


@dataclass
class Clock:
    """A time of day that stands until it is set."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **units: float) -> None:
        self.now += timedelta(**units)


@dataclass
class Catalog:
    """One open catalog. What tests do to it goes through the ports where there is one."""

    engine: Engine
    database: Database
    clock: Clock
    log: RecordedLog
    intake: Intake
    queue: Queue
    ledger: Ledger
    operator: OperatorCatalog
    decisions: OperatorDecisions
    checks: SqlChecks

    async def admit(self, *recordings: Recording, traits: Traits = TRAITS) -> None:
        await self.intake.admit(NAME, traits, recordings)

    async def claim_all(self) -> dict[str, Download]:
        """Claim everything that is due, by name of recording and file: `a/video.mp4`."""
        found: dict[str, Download] = {}
        while claims := await self.queue.claim(NAME, 100):
            for claim in claims:
                found |= {f"{claim.recording}/{each.name}": each for each in claim.downloads}
        return found

    async def publish(self) -> list[str]:
        """Publish all that is behind, as the stage does; return the recordings."""
        behind = await self.ledger.publishable(100)
        await self.ledger.published([(each, f"at/{each.key}") for each in behind])
        return [each.id for each in behind]

    async def store_all(self) -> None:
        """Fetch and publish everything that is due."""
        await self.ledger.record([stored(each) for each in (await self.claim_all()).values()])
        await self.publish()

    def restart(self) -> None:
        """Let polls know no more than a new process does."""
        self.intake = SqlIntake(self.database, self.clock, self.log)

    async def holding(self, id_: str) -> Holding:
        (found,) = await self.operator.find(id_)
        return found

    async def state(self, id_: str) -> str:
        return (await self.holding(id_)).state

    async def files(self, id_: str) -> dict[str, str]:
        """Return the states of the files of a recording by their names."""
        return {each.name: each.state for each in (await self.holding(id_)).files}

    def watch(self) -> None:
        """From now on, note every change of a file's state."""
        with self.engine.connect() as connection, connection.begin():
            connection.execute(text("CREATE TABLE moved (old TEXT, new TEXT)"))
            connection.execute(text(_WITNESS))

    def illegal_moves(self) -> list[tuple[str, str]]:
        """Return the changes since `watch` that the table of transitions does not allow."""
        with self.engine.connect() as connection:
            moves = connection.execute(text("SELECT DISTINCT old, new FROM moved")).all()
        return [
            (old, new) for old, new in moves if FileState(new) not in TRANSITIONS[FileState(old)]
        ]


def open_catalog(url: str = IN_MEMORY, hop: Hop = inline, *, attempts: int = 3) -> Catalog:
    """Open the catalog at `url`, as new as need be."""
    if url == IN_MEMORY:
        engine = new_catalog()
    else:
        engine = open_engine(url)
        prepare(engine)
    database, clock, log = Database(engine, hop), Clock(), RecordedLog()
    policy = Policy(attempts=attempts, base=timedelta(seconds=10))
    return Catalog(
        engine=engine,
        database=database,
        clock=clock,
        log=log,
        intake=SqlIntake(database, clock, log),
        queue=SqlQueue(database, clock),
        ledger=SqlLedger(database, policy=policy, clock=clock, rng=lambda: 1.0, report=log),
        operator=OperatorCatalog(database, clock),
        decisions=OperatorDecisions(database, clock, log),
        checks=SqlChecks(database, clock, log),
    )


def a_file(id_: str = "1", **details: Any) -> File:
    known: dict[str, Any] = {"stem": "video", "extension": "mp4", "size": 10}
    return File(id=FileId(id_), **(known | details))


def a_recording(id_: str = "a", *files: File, **details: Any) -> Recording:
    known: dict[str, Any] = {
        "started": START,
        "title": f"Title of {id_}",
        "files": files or (a_file(),),
    }
    return Recording(id=RecordingId(id_), **(known | details))


def many(count: int, *, first: int = 0) -> list[Recording]:
    return [
        a_recording(f"r{number}", a_file("1"), a_file("2"), started=START + timedelta(number))
        for number in range(first, first + count)
    ]


def without(file_type: str) -> Traits:
    """Return the traits of an account that does without a type of file."""
    unwanted = Filter(exclude=Criteria(file_types=frozenset({file_type})))
    return Traits(type="fake", interval=timedelta(minutes=5), filter=unwanted)


def stored(download: Download, sha256: str = "0" * 64) -> Stored:
    return Stored(
        download=download,
        size=download.size or 10,
        sha256=sha256,
        verified=Level.SIZE,
        source="https://files.example:443",
        seconds=0.5,
    )


def failed(download: Download, error: Exception) -> Failed:
    return Failed(download=download, error=error)
