"""Fill a catalog with archived recordings of former years: `stuffing.py CONFIG COUNT`.

It goes the way of real recordings through the catalog's own classes, without fetching anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

from reelkeep.app.catalog_access import utc_now
from reelkeep.app.resources import Resources, open_resources
from reelkeep.core.model import (
    Download,
    File,
    FileId,
    Level,
    ProviderName,
    Recording,
    RecordingId,
    Stored,
)
from reelkeep.settings.load import load

_BATCH = 500
_AGE = timedelta(days=300)
_SIZE = 1_000_000
_DIGEST = "0" * 64
_VIDEO = File(id=FileId("video"), stem="video", extension="mp4", file_type="MP4", size=_SIZE)


async def stuff(path: Path, count: int) -> None:
    """Add `count` recordings to the catalog that the configuration at `path` names."""
    async with open_resources(load(path, environ=os.environ), _silent) as resources:
        (name,) = resources.providers
        for first in range(0, count, _BATCH):
            recordings = list(_recordings(first, min(first + _BATCH, count)))
            await resources.intake.admit(name, resources.providers[name].traits, recordings)
            await _store(resources, name)


async def _store(resources: Resources, name: ProviderName) -> None:
    """Let everything that is due be stored and published."""
    while claims := await resources.queue.claim(name, _BATCH):
        stored = [_stored(download) for claim in claims for download in claim.downloads]
        await resources.ledger.record(stored)
    while holdings := await resources.ledger.publishable(_BATCH):
        await resources.ledger.published(
            [(holding, f"former/{holding.key}") for holding in holdings]
        )


def _recordings(first: int, end: int) -> Iterator[Recording]:
    began = utc_now().replace(microsecond=0) - _AGE
    for number in range(first, end):
        started = began + timedelta(minutes=number)  # 50,000 of them take 35 days
        yield Recording(
            id=RecordingId(f"former-{number}"),
            title="Weekly review",
            user="host1@example.test",
            started=started,
            duration=timedelta(minutes=30),
            settles=started + timedelta(days=3),
            files=(_VIDEO,),
            facts={"uuid": f"former-{number}", "duration": 30},
        )


def _stored(download: Download) -> Stored:
    return Stored(
        download=download,
        size=_SIZE,
        sha256=_DIGEST,
        verified=Level.SIZE_CONTAINER,
        source="https://127.0.0.1",
        seconds=1.0,
    )


def _silent(_event: str, /, **_keys: Any) -> None:
    """Say nothing."""


if __name__ == "__main__":
    anyio.run(stuff, Path(sys.argv[1]), int(sys.argv[2]))
