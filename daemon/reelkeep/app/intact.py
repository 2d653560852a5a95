"""Read a recording in the archive again, before its original is given up."""

from __future__ import annotations

from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import Mark
from reelkeep.core.model import Holding
from reelkeep.errors import TransferError


async def intact(archive: LocalArchive, holding: Holding) -> bool:
    """Return whether every file of `holding` is in its folder, with the digest it was stored with.

    The folder's own sums and manifest must say the same.
    """
    if holding.folder is None or not holding.files:
        return False
    try:
        verdict = await archive.verify(holding.folder)
    except TransferError:
        return False
    read = {each.name: each.sha256 for each in verdict.checked if each.mark is Mark.OK}
    return all(file.sha256 and read.get(file.name) == file.sha256 for file in holding.files)
