"""A repair goes on with the next file after one that it cannot put aside."""

from __future__ import annotations

from typing import cast

import pytest

from fakes.provider import NAME, FakeProvider, many
from fakes.rig import Rig
from reelkeep.app.repair import Repairer
from reelkeep.archive.local import LocalArchive
from reelkeep.core.integrity import Blemish, Mark
from reelkeep.core.model import Holding, Level, Stored
from reelkeep.errors import StorageUnavailable
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Closed:
    """An archive of which one folder is closed to us."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.put: list[str] = []

    async def put_aside(self, holding: Holding, name: str, _reason: str) -> bool:
        if holding.folder == self._folder:
            raise StorageUnavailable(f"Permission denied: {name}")
        self.put.append(name)
        return True


async def stored() -> tuple[Rig, list[Holding]]:
    rig = Rig(FakeProvider())
    await rig.resources.intake.admit(NAME, rig.providers[NAME].traits, many(2))
    claims = await rig.resources.queue.claim(NAME, 10)
    await rig.resources.ledger.record(
        [
            Stored(
                download=download, size=10, sha256="a" * 64, verified=Level.SIZE,
                source="", seconds=0.0,
            )
            for claim in claims
            for download in claim.downloads
        ]
    )  # fmt: skip
    behind = await rig.resources.ledger.publishable(10)
    await rig.resources.ledger.published([(each, f"at/{each.id}") for each in behind])
    return rig, list(await rig.resources.checks.in_folders([f"at/{each.id}" for each in behind]))


async def test_a_folder_that_is_closed_keeps_no_other_file_from_repair() -> None:
    rig, (first, second) = await stored()
    archive = Closed(first.folder or "")
    found = [
        Blemish(
            folder=each.folder or "", file=each.files[0].name, mark=Mark.MISSING,
            provider=each.provider, recording=each.id,
        )
        for each in (first, second)
    ]  # fmt: skip
    repairer = Repairer(cast(LocalArchive, archive), rig.resources.checks, rig.log)
    repair = await repairer.begin(found)
    assert (repair.due, repair.folders) == (1, {second.folder})
    (said,) = rig.log.named("repair.failed")
    assert said["folder"] == first.folder
