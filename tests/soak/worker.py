"""Archive made-up recordings for ever, and say on standard output what is promised to be durable.

    stored <n> <file>        the file is kept: the catalog would commit it
    published <n> <folder>   the folder is shown: the provider would be told
    failed <reason>          the disk failed an attempt; it is made again

`python -m soak.worker ROOT BOOT FIRST COUNT` works on the recordings from FIRST on; one that an
earlier process did not publish is gone on with. The archive is the real one on the real disk.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from pathlib import Path

import anyio

from fakes.disk import Rebooted, archive_on
from fakes.holdings import NOON
from reelkeep.archive.local import LocalArchive
from reelkeep.core.model import (
    Download,
    FileId,
    HeldFile,
    Holding,
    ProviderName,
    RecordingId,
)
from reelkeep.core.naming import key
from reelkeep.errors import TransferError

PROVIDER = ProviderName("soak")
SIZES = {"thumbnail.jpg": 3_000, "chat.txt": 200, "video.mp4": 1_400_000}
VALIDATOR = '"v1"'
PIECE = 100_000
TRIES = 200


def content(number: int, name: str) -> bytes:
    """Return what the file `name` of a recording holds."""
    return random.Random(f"{number}/{name}").randbytes(SIZES[name])


def recording_key(number: int) -> str:
    return key(PROVIDER, RecordingId(str(number)))


def download(number: int, name: str) -> Download:
    return Download(
        row=number,
        provider=PROVIDER,
        recording=RecordingId(str(number)),
        file=FileId(name),
        key=recording_key(number),
        name=name,
        size=SIZES[name],
    )


def holding(number: int) -> Holding:
    files = [
        HeldFile(
            row=index,
            id=FileId(name),
            name=name,
            state="stored",
            size=SIZES[name],
            sha256=hashlib.sha256(content(number, name)).hexdigest(),
            verified="size",
            source="https://downloads.example:443",
            stored_at=NOON,
        )
        for index, name in enumerate(SIZES)
    ]
    return Holding(
        row=number,
        provider=PROVIDER,
        id=RecordingId(str(number)),
        key=recording_key(number),
        state="open",
        title=f"Recording {number}",
        started=NOON,
        folder=None,
        files=tuple(files),
    )


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def fetch(archive: LocalArchive, number: int, name: str) -> None:
    """Do as the download stage does: adopt, resume or begin; then keep."""
    due, whole = download(number, name), content(number, name)
    if await archive.finished(due) is None:
        async with archive.part(due) as part:
            if part.held.validator != VALIDATOR:
                await part.begin(validator=VALIDATOR, total=len(whole), promises={})
            for start in range(part.held.size, len(whole), PIECE):
                await part.write([whole[start : start + PIECE]])
                if start // PIECE % 5 == 4:
                    await part.checkpoint()
            await part.keep()
    say("stored", number, name)


async def one(archive: LocalArchive, number: int) -> None:
    for _ in range(TRIES):
        try:
            async with anyio.create_task_group() as group:
                for name in SIZES:
                    group.start_soon(fetch, archive, number, name)
            say("published", number, await archive.publish(holding(number)))
        except* TransferError as failed:
            say("failed", failed.exceptions[0])
            await anyio.sleep(0.05)
        else:
            return


async def work(root: Path, boot: str, numbers: range) -> None:
    archive = archive_on(root, Rebooted(boot), small=64_000)
    await archive.prepare()
    for first in range(numbers.start, numbers.stop, 4):
        async with anyio.create_task_group() as group:
            for number in range(first, min(first + 4, numbers.stop)):
                group.start_soon(one, archive, number)


if __name__ == "__main__":
    place, boot_id, begin, many = sys.argv[1:]
    anyio.run(work, Path(place), boot_id, range(int(begin), int(begin) + int(many)))
