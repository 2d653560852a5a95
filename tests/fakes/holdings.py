"""Downloads and holdings of one recording, and how its files get into an archive."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from reelkeep.core.model import (
    Download,
    FileId,
    HeldFile,
    Holding,
    ProviderName,
    RecordingId,
)
from reelkeep.core.naming import key
from reelkeep.ports import Archive

PROVIDER, RECORDING = ProviderName("support"), RecordingId("4711")
KEY = key(PROVIDER, RECORDING)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def download(name: str = "recording.mp4", *, size: int | None = None) -> Download:
    return Download(
        row=1,
        provider=PROVIDER,
        recording=RECORDING,
        file=FileId(f"id of {name}"),
        key=KEY,
        name=name,
        size=size,
    )


def held_file(name: str, content: bytes) -> HeldFile:
    return HeldFile(
        row=1,
        id=FileId(f"id of {name}"),
        name=name,
        state="stored",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        verified="size",
        source="https://downloads.example:443",
        stored_at=NOON,
    )


def holding(*files: HeldFile, folder: str | None = None) -> Holding:
    return Holding(
        row=1,
        provider=PROVIDER,
        id=RECORDING,
        key=KEY,
        state="open",
        title="Weekly",
        started=NOON,
        folder=folder,
        files=files,
    )


async def put(archive: Archive, name: str, content: bytes) -> HeldFile:
    async with archive.part(download(name)) as part:
        await part.begin(validator=None, total=len(content), promises={})
        await part.write([content])
        await part.keep()
    return held_file(name, content)
