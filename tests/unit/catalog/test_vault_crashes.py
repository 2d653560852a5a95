"""A token is replaced on a disk that fails, fills up or loses its power at any moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.fated import Fate, FatedDisk, Killed
from fakes.model_disk import ModelDisk, tree
from fakes.power import after_cut, choices, durable, pending
from reelkeep.catalog.token_store import FileTokenStore
from reelkeep.errors import CatalogError

FOLDER = Path("/var/vault")
FILE = f"{FOLDER}/support.token"
EARLIER, LATER = "rt-0001-which-is-longer", "rt-0002"


async def kept(inner: ModelDisk, *secrets: str, fate: Fate | None = None, at: int = -1) -> int:
    """Save `secrets` one after the other; return how many calls of the disk that took."""
    disk = FatedDisk(inner, fate, at)
    for secret in secrets:
        await FileTokenStore(FOLDER, disk).save("support", secret)
    return len(disk.calls)


def after_any_cut(disk: ModelDisk) -> Iterator[dict[str, bytes]]:
    """Yield the files that the machine may find if it loses its power now."""
    what = pending(disk, len(disk.log))
    for choice in choices(what, random.Random(7), throws=8):
        yield tree(after_cut(disk, what, choice))


@pytest.mark.parametrize("fate", Fate)
async def test_whatever_fails_one_of_two_secrets_is_whole_and_a_saved_one_is_durable(
    fate: Fate,
) -> None:
    calls = await kept(ModelDisk(), EARLIER, LATER)
    for at in range(await kept(ModelDisk(), EARLIER), calls):
        disk = ModelDisk()
        try:
            await kept(disk, EARLIER, LATER, fate=fate, at=at)
        except (CatalogError, Killed):
            pass
        else:
            assert durable(disk)[FILE] == LATER.encode()
        for files in after_any_cut(disk):
            assert files[FILE] in (EARLIER.encode(), LATER.encode())


@pytest.mark.parametrize("fate", Fate)
async def test_whatever_fails_at_the_first_secret_none_is_half_and_the_next_try_keeps_it(
    fate: Fate,
) -> None:
    for at in range(await kept(ModelDisk(), EARLIER)):
        disk = ModelDisk()
        try:
            await kept(disk, EARLIER, fate=fate, at=at)
        except (CatalogError, Killed):
            pass
        else:
            assert durable(disk)[FILE] == EARLIER.encode()
        assert all(files.get(FILE) in (None, EARLIER.encode()) for files in after_any_cut(disk))
        disk.bury()
        await kept(disk, EARLIER)
        assert durable(disk)[FILE] == EARLIER.encode()
