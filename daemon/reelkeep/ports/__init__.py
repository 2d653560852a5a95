"""What the pipeline needs from the outside world.

Each protocol is as small as the pipeline's need and has a contract suite in `tests/contract`; an
adapter is done when it passes that suite. Whatever an adapter raises is one of `reelkeep.errors`.
"""

from __future__ import annotations

from reelkeep.ports.archive import Archive, Held, Inspection, Part, Source
from reelkeep.ports.catalog import (
    Admission,
    Backfills,
    Checks,
    Disposals,
    Intake,
    Ledger,
    Missed,
    PassedOver,
    Queue,
    Scan,
    Stock,
    Wanted,
)
from reelkeep.ports.provider import (
    Clean,
    Clock,
    Finding,
    Learn,
    Provider,
    Remover,
    Report,
    Resuming,
    Reviewer,
    Rng,
    TokenStore,
    Tools,
    Traits,
)
from reelkeep.ports.transport import DirectReader, Reply, Request, Transport

__all__ = [
    "Admission",
    "Archive",
    "Backfills",
    "Checks",
    "Clean",
    "Clock",
    "DirectReader",
    "Disposals",
    "Finding",
    "Held",
    "Inspection",
    "Intake",
    "Learn",
    "Ledger",
    "Missed",
    "Part",
    "PassedOver",
    "Provider",
    "Queue",
    "Remover",
    "Reply",
    "Report",
    "Request",
    "Resuming",
    "Reviewer",
    "Rng",
    "Scan",
    "Source",
    "Stock",
    "TokenStore",
    "Tools",
    "Traits",
    "Transport",
    "Wanted",
]
