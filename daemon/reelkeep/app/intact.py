"""Read a recording in the archive again, before its original is given up."""

from __future__ import annotations

from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import Mark
from reelkeep.core.model import Holding
from reelkeep.errors import TransferError


async def not_intact(archive: LocalArchive, holding: Holding) -> str | None:
    """Return why `holding` is not surely here; None if it is.

    It is, if every file is in its folder, with the digest it was stored with, and the folder's own
    sums and manifest say the same.
    """
    if holding.folder is None or not holding.files:
        return "nothing of it is in the archive"
    try:
        verdict = await archive.verify(holding.folder)
    except TransferError as error:
        return f"the archive cannot be read: {error}"
    read = {each.name: each.sha256 for each in verdict.checked if each.mark is Mark.OK}
    if all(file.sha256 and read.get(file.name) == file.sha256 for file in holding.files):
        return None
    for each in verdict.checked:
        if each.mark is Mark.UNREADABLE:
            return f"{holding.folder}/{each.name} cannot be read: {each.reason}"
    return "what the archive holds is not what was stored; see `reelkeep verify`"
