"""Tokens in files of their own."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import anyio.from_thread
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.disk import TightDisk
from reelkeep.catalog.token_store import FileTokenStore
from reelkeep.disk import Disk
from reelkeep.errors import CatalogError


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


async def test_what_was_never_kept_is_none(tmp_path: Path) -> None:
    assert await FileTokenStore(tmp_path).load("support-refresh-token") is None


async def test_what_was_kept_is_found_by_another_process(tmp_path: Path) -> None:
    await FileTokenStore(tmp_path).save("support", "rt-0001\r\nü")
    assert await FileTokenStore(tmp_path).load("support") == "rt-0001\r\nü"


async def test_a_later_secret_replaces_an_earlier_one(tmp_path: Path) -> None:
    vault = FileTokenStore(tmp_path)
    await vault.save("support", "rt-0001-which-is-longer")
    await vault.save("support", "rt-0002")
    assert await vault.load("support") == "rt-0002"


async def test_only_the_owner_can_read_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await FileTokenStore(tmp_path / "new").save("support", "rt-0001")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "new").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    await FileTokenStore(tmp_path / "a" / "b").save("support", "rt-0001")
    assert await FileTokenStore(tmp_path / "a" / "b").load("support") == "rt-0001"


async def test_the_leftover_of_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    vault = FileTokenStore(tmp_path)
    (tmp_path / "support.new").write_text("half a to")
    await vault.save("support", "rt-0002")
    assert names(tmp_path) == ["support.token"]


async def test_a_link_in_place_of_the_unfinished_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    (tmp_path / "support.new").symlink_to(target)
    await FileTokenStore(tmp_path).save("support", "rt-0002")
    assert target.read_text() == "untouched"


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a\0b", "", ".", "..", "x" * 400, "\ud800"]
)
async def test_no_name_leaves_the_directory(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "vault"
    await FileTokenStore(inner).save(name, "secret")
    assert names(tmp_path) == ["vault"]
    assert len(list(inner.iterdir())) == 1


@given(st.lists(st.text(max_size=80), min_size=2, max_size=2, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_names_never_share_a_file(tmp_path: Path, names: list[str]) -> None:
    vault = FileTokenStore(tmp_path)
    assert vault._path(names[0]) != vault._path(names[1])


async def test_a_failing_disk_is_told_without_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogError, match="cannot be kept") as caught:
        await FileTokenStore(tmp_path / "file").save("support", "rt-0001")
    assert "rt-0001" not in str(caught.value)


async def test_a_rehearsal_leaves_nothing_but_what_was_kept(tmp_path: Path) -> None:
    vault = FileTokenStore(tmp_path)
    await vault.save("support", "rt-0001")
    await vault.rehearse("support")
    assert (names(tmp_path), await vault.load("support")) == (["support.token"], "rt-0001")


async def test_a_rehearsal_on_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    vault = FileTokenStore(tmp_path, TightDisk(room=20_000))
    await vault.save("support", "rt-0001")
    with pytest.raises(CatalogError, match="No space left"):
        await vault.rehearse("support")
    assert (names(tmp_path), await vault.load("support")) == (["support.token"], "rt-0001")


async def test_a_rehearsal_of_another_process_takes_nothing_from_a_save(tmp_path: Path) -> None:
    class Meanwhile(Disk):
        """Names what is saved while another process is in the middle of its rehearsal."""

        def rename(self, source: Path, target: Path) -> None:
            class Midway(Disk):
                def fsync(self, fd: int) -> None:
                    super().fsync(fd)
                    if source.exists():
                        self.rename(source, target)

            anyio.from_thread.run(FileTokenStore(tmp_path, Midway()).rehearse, "support")

    await FileTokenStore(tmp_path, Meanwhile()).save("support", "rt-0002")
    assert (names(tmp_path), await FileTokenStore(tmp_path).load("support")) == (
        ["support.token"],
        "rt-0002",
    )


async def test_an_unreadable_file_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "support.token").mkdir()
    with pytest.raises(CatalogError, match="cannot be read"):
        await FileTokenStore(tmp_path).load("support")


async def test_rubbish_is_told_without_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "support.token").write_bytes(b"rt-\xff")
    with pytest.raises(CatalogError, match="not text") as caught:
        await FileTokenStore(tmp_path).load("support")
    assert caught.value.__cause__ is None


async def test_a_cancelled_save_is_finished(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await FileTokenStore(tmp_path).save("support", "rt-0001")
    assert await FileTokenStore(tmp_path).load("support") == "rt-0001"


async def test_concurrent_saves_leave_one_whole_secret(tmp_path: Path) -> None:
    vault = FileTokenStore(tmp_path)
    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(vault.save, "support", f"rt-{number}" * 1000)
    assert await vault.load("support") in [f"rt-{number}" * 1000 for number in range(5)]
