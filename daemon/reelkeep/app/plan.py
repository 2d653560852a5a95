"""Say what a pass would fetch, and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reelkeep.app.house import House
from reelkeep.catalog.database import Database
from reelkeep.catalog.merging import known
from reelkeep.catalog.rows import held_files
from reelkeep.catalog.tables import file, recording
from reelkeep.core.admission import changes
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName, Readiness, Recording
from reelkeep.core.spans import next_reading
from reelkeep.errors import ProviderError
from reelkeep.ports import Provider


@dataclass(slots=True, kw_only=True)
class PlanLine:
    """What a pass would fetch from one provider."""

    name: ProviderName
    recordings: int = 0
    files: int = 0
    bytes: int = 0  #: Of the files whose size is known.
    unknown_sizes: int = 0
    transcodings: int = 0  #: Recordings that would be asked to be transcoded first.
    error: str | None = None  #: Why the provider could not be read, or not wholly.


async def plan(house: House, names: Sequence[ProviderName]) -> list[PlanLine]:
    """Ask every provider what there is, and compare with the catalog."""
    return [await _plan(house, house.providers[name]) for name in names]


async def _plan(house: House, provider: Provider) -> PlanLine:
    line = PlanLine(name=provider.name)
    pending = await house.database.read(lambda c: _pending(c, provider.name))
    seen: set[str] = set()
    traits = provider.traits
    scan = await house.intake.scan(provider.name)
    reading = next_reading(
        now=house.clock(),
        epoch=traits.epoch,
        lookback=traits.lookback,
        deep_scan=traits.deep_scan,
        covered_until=scan.covered_until,
        deep_at=scan.deep_at,
        scope_changed=scan.scope != traits.scope,
    )
    try:
        async for batch in provider.discover(reading.span):
            new = [found for found in batch if found.id not in seen]
            seen |= {found.id for found in new}
            await _add(house.database, provider, new, line)
    except ProviderError as error:
        line.error = str(error)
    _count(line, pending)
    return line


async def _add(
    database: Database, provider: Provider, batch: Sequence[Recording], line: PlanLine
) -> None:
    traits = provider.traits
    rows = await database.read(lambda c: known(c, provider.name, [r.id for r in batch]))
    held = await database.read(lambda c: held_files(c, (row["row"] for row in rows.values())))
    line.transcodings += sum(
        found.readiness is Readiness.TRANSCODABLE and found.id not in rows for found in batch
    )
    fresh: Sequence[Recording] = batch
    if traits.describes:
        unknown = [r for r in batch if r.id not in rows or not rows[r.id]["described"]]
        ready = [r for r in unknown if r.readiness is Readiness.READY]
        fresh = await provider.describe(ready) if ready else []
    for found in fresh:
        before = held.get(rows[found.id]["row"], []) if found.id in rows else []
        arrivals = changes(found, before, traits.filter).arrivals
        _count(line, [(found.id, a.file.size) for a in arrivals if a.state is FileState.DUE])


def _count(line: PlanLine, files: Sequence[tuple[object, int | None]]) -> None:
    line.recordings += len({id_ for id_, _ in files})
    line.files += len(files)
    line.bytes += sum(size or 0 for _, size in files)
    line.unknown_sizes += sum(size is None for _, size in files)


def _pending(connection: Connection, name: ProviderName) -> list[tuple[object, int | None]]:
    query = (
        select(recording.c.id, file.c.promised)
        .join(file, file.c.recording == recording.c.row)
        .where(
            recording.c.provider == name,
            file.c.state.in_([FileState.DUE, FileState.ACTIVE]),
        )
    )
    return [(row[0], row[1]) for row in connection.execute(query)]
