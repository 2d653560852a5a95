"""Nothing is written into a place that is not the archive of the catalog."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import run_process, to_thread

from integration.test_cli import EXTENT, Place, place_in
from integration.test_daemon import Daemon, running, simulated
from integration.test_reading import read_only
from reelkeep.app.daemon_client import ask
from reelkeep.core.addresses import Endpoint

REFUSED = 1


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive with recordings in it."""
    async with place_in(tmp_path, EXTENT) as found:
        await found.run("sync", "--timeout", "10m")
        yield found


def unmount(place: Place) -> Path:
    """Leave an empty folder where the archive was; return where it is now."""
    away = place.folder / "disk"
    place.archive.rename(away)
    place.archive.mkdir()
    return away


def mount(place: Place) -> None:
    place.archive.rmdir()  # which fails if anything was written there
    (place.folder / "disk").rename(place.archive)


def identity(place: Place) -> str:
    return str(json.loads((place.archive / ".reelkeep/identity").read_text())["identity"])


def catalog(place: Place, statement: str) -> list[Any]:
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as opened:
        found = opened.execute(statement).fetchall()
        opened.commit()
    return found


def forget_identity(place: Place) -> None:
    """Make the catalog one of the previous version."""
    catalog(place, "DELETE FROM milestone WHERE name LIKE 'archive:%'")


async def bad(place: Place) -> str:
    checks = (await place.run("doctor", "--json", "--offline", code=None)).json["checks"]
    return " ".join(check["message"] for check in checks if check["grade"] == "fail")


async def test_an_old_copy_of_the_archive_is_noticed(place: Place) -> None:
    for folder in place.folders():
        shutil.rmtree(folder)
    assert "newest stored files are missing" in await bad(place)
    ran = await place.run("sync", "--json", code=1)
    assert "is it an old copy?" in ran.json["left"][0]
    assert [each["event"] for each in ran.events].count("archive.content_missing") == 1


async def test_one_recording_that_is_missing_is_no_old_copy(place: Place) -> None:
    shutil.rmtree(place.folders()[0])
    assert await bad(place) == ""
    assert (await place.run("sync", "--json")).json["ok"]


async def test_catalog_and_archive_share_an_identity(place: Place) -> None:
    assert catalog(place, "SELECT name FROM milestone WHERE name LIKE 'archive:%'") == [
        (f"archive:{identity(place)}",)
    ]
    assert await bad(place) == ""


@pytest.mark.parametrize(
    "command", ["sync", "verify", "verify --repair", "backfill --from 2026-01-01", "audit"]
)
async def test_no_command_writes_into_the_mount_point(place: Place, command: str) -> None:
    unmount(place)
    before = place.served()

    ran = await place.run(*command.split(), code=REFUSED)

    assert "mounted" in ran.err
    assert place.served() == before
    mount(place)
    assert (await place.run("sync", "--timeout", "10m")).code == 0
    assert (await place.run("verify")).code == 0


async def test_a_path_that_is_gone_is_not_made_anew(place: Place) -> None:
    place.archive.rename(place.folder / "disk")
    await place.run("sync", code=REFUSED)
    assert not place.archive.exists()


async def test_doctor_and_status_say_what_is_the_matter(place: Place) -> None:
    assert (await place.run("status", "--json")).json["archive_problem"] is None
    unmount(place)
    assert "is its disk mounted" in (await bad(place)).lower()
    assert "mounted" in (await place.run("status", "--json")).json["archive_problem"]
    assert "mounted" in (await place.run("status")).out


async def test_another_archive_is_refused_and_left_alone(place: Place) -> None:
    unmount(place)
    (place.folder / "state").rename(place.folder / "other state")
    await place.run("sync", "--timeout", "10m")  # another archive, by another catalog
    shutil.rmtree(place.folder / "state")
    (place.folder / "other state").rename(place.folder / "state")
    before = sorted(place.archive.rglob("*"))

    for command in ("sync", "verify --repair", "archive init"):
        ran = await place.run(*command.split(), code=REFUSED)
        assert "another archive" in ran.err
    assert "another archive" in await bad(place)
    assert sorted(place.archive.rglob("*")) == before


async def test_an_operator_can_begin_an_empty_archive(place: Place) -> None:
    old = identity(place)
    unmount(place)

    begun = (await place.run("archive", "init", "--json")).json
    assert begun["new"]
    assert begun["missing"] == begun["stored"] > 0
    assert identity(place) != old
    await place.run("verify", "--repair", code=None)
    await place.run("sync", "--timeout", "10m")

    assert place.is_complete()
    again = (await place.run("archive", "init", "--json")).json
    assert (again["new"], again["missing"]) == (False, 0)


async def test_the_old_disk_is_another_archive_once_an_empty_one_was_begun(place: Place) -> None:
    away = unmount(place)
    await place.run("archive", "init")
    place.archive.rename(place.folder / "new")
    away.rename(place.archive)
    assert "another archive" in (await place.run("sync", code=REFUSED)).err


async def test_a_copy_without_its_hidden_folder_becomes_the_archive_when_told(
    place: Place,
) -> None:
    shutil.rmtree(place.archive / ".reelkeep")
    await place.run("sync", code=REFUSED)
    begun = (await place.run("archive", "init", "--json")).json
    assert begun["missing"] == 0
    served = place.served()
    await place.run("sync", "--timeout", "10m")
    assert place.served() == served


async def test_an_archive_of_the_previous_version_is_taken_up_once(place: Place) -> None:
    forget_identity(place)
    (place.archive / ".reelkeep/identity").unlink()
    served = place.served()

    await place.run("sync", "--timeout", "10m")

    assert place.served() == served
    assert catalog(place, "SELECT count(*) FROM milestone WHERE name LIKE 'archive:%'") == [(1,)]


async def test_the_previous_versions_catalog_takes_no_empty_folder(place: Place) -> None:
    forget_identity(place)
    (place.archive / ".reelkeep/identity").unlink()
    unmount(place)
    assert "mounted" in (await place.run("sync", code=REFUSED)).err
    mount(place)


async def test_a_few_strayed_recordings_do_not_make_an_archive(place: Place) -> None:
    """What an earlier version archived into the mount point."""
    forget_identity(place)
    away = unmount(place)
    (away / ".reelkeep/identity").unlink()
    stray = min(path.parent for path in away.rglob("SHA256SUMS"))
    shutil.copytree(stray, place.archive / stray.relative_to(away))
    (place.archive / ".reelkeep/parts").mkdir(parents=True)

    assert "mounted" in (await place.run("sync", code=REFUSED)).err


async def test_a_lost_catalog_takes_the_identity_of_the_archive(place: Place) -> None:
    old = identity(place)
    for command in ("rebuild", "sync"):
        shutil.rmtree(place.folder / "state")
        await place.run(command)
        assert identity(place) == old
        assert catalog(place, "SELECT name FROM milestone WHERE name LIKE 'archive:%'") == [
            (f"archive:{old}",)
        ]


async def test_an_older_backup_of_the_catalog_takes_it_too(place: Place) -> None:
    forget_identity(place)
    await place.run("sync", "--timeout", "10m")
    assert catalog(place, "SELECT name FROM milestone WHERE name LIKE 'archive:%'") == [
        (f"archive:{identity(place)}",)
    ]


async def test_a_damaged_identity_is_not_guessed_at(place: Place) -> None:
    (place.archive / ".reelkeep/identity").write_bytes(b"\0" * 49)
    assert "damaged" in (await place.run("sync", code=REFUSED)).err
    assert "damaged" in await bad(place)
    (place.archive / ".reelkeep/identity").unlink()
    assert (await place.run("archive", "init", "--json")).json["missing"] == 0
    await place.run("sync", "--timeout", "10m")


async def test_a_daemon_waits_for_its_archive_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        async with running(place) as daemon:
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            await daemon.ends()
        archive, away = tmp_path / "archive", tmp_path / "disk"
        archive.rename(away)
        archive.mkdir()
        place.add_recording()
        async with running(place) as daemon:
            (absent,) = await daemon.says("archive.absent")
            assert "mounted" in absent["reason"]
            where = await endpoint(daemon)
            assert (await asked(where, "/healthz"))[0] == 200
            code, body = await asked(where, "/readyz")
            assert code == 503
            assert b"mounted" in body
            assert b"reelkeep_archive_absent 1" in (await asked(where, "/metrics"))[1]
            assert b"mounted" in (await asked(where, "/api/v1/status"))[1]
            assert list(archive.iterdir()) == []
            archive.rmdir()
            away.rename(archive)
            await daemon.says("archive.found")
            await daemon.says("recording.archived")
            where = await endpoint(daemon, times=2)
            assert b"reelkeep_archive_absent 0" in (await asked(where, "/metrics"))[1]
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0
            assert len(daemon.named("archive.absent")) == 1
            assert daemon.complaints == []


async def test_a_disk_that_goes_and_comes_back_under_a_daemon_is_waited_for(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        place.add_recording()
        await daemon.says("recording.archived")
        archive, away = tmp_path / "archive", tmp_path / "disk"
        unplug(archive, away)
        place.add_recording()
        (absent,) = await daemon.says("archive.absent")
        assert "mounted" in absent["reason"]
        where = await endpoint(daemon)
        code, body = await asked(where, "/readyz")
        assert code == 503
        assert b"mounted" in body
        plug(archive, away)
        await daemon.says("archive.found")
        await daemon.says("recording.archived", 2)
        assert not place.missing()
        assert (await asked(where, "/readyz"))[0] == 200
        daemon.tell(signal.SIGTERM)
        assert await daemon.ends() == 0
        assert daemon.named("file.failed") == []
        assert daemon.complaints == []


def unplug(path: Path, away: Path) -> None:
    path.rename(away)
    path.mkdir()


def plug(path: Path, away: Path) -> None:
    path.rmdir()  # which fails if anything was written there
    away.rename(path)


async def test_a_daemon_that_waits_takes_over_a_configuration_that_is_reloaded(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as place:
        async with running(place) as daemon:
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            await daemon.ends()
        (tmp_path / "archive").rename(tmp_path / "disk")
        async with running(place) as daemon:
            await daemon.says("archive.absent")
            document = {**place.document["archive"], "path": str(tmp_path / "disk")}
            place.write(archive=document)
            daemon.tell(signal.SIGHUP)
            await daemon.says("archive.found")
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0


@pytest.mark.parametrize(
    ("folder", "condition"), [("archive", "archive"), ("state", "catalog")],
    ids=["the archive's disk", "the catalog's disk"],
)  # fmt: skip
async def test_a_disk_that_is_read_only_at_the_start_is_waited_for_under_its_name(
    tmp_path: Path, folder: str, condition: str
) -> None:
    async with simulated(tmp_path) as place:
        place.write(catalog={"url": f"sqlite:///{tmp_path / 'state' / 'catalog.db'}"})
        async with running(place) as daemon:
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            await daemon.ends()
        with read_only(tmp_path / folder):
            async with running(place) as daemon:
                (told,) = await daemon.says(f"{condition}.unavailable")
                assert "Read-only file system" in told["reason"]
                where = await endpoint(daemon)
                figures = (await asked(where, "/metrics"))[1].decode()
                assert f"reelkeep_{condition}_unavailable 1" in figures
                assert "reelkeep_archive_absent 0" in figures
                assert (await asked(where, "/readyz"))[0] == 503
                await run_process(["mount", "-o", "remount,rw,bind", str(tmp_path / folder)])
                await daemon.says(f"{condition}.available")
                await daemon.says("daemon.ready")
                daemon.tell(signal.SIGTERM)
                assert await daemon.ends() == 0
                assert daemon.named("archive.absent") == []


async def test_a_daemon_that_waits_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        async with running(place) as daemon:
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            await daemon.ends()
        shutil.rmtree(tmp_path / "archive")
        async with running(place) as daemon:
            await daemon.says("archive.absent")
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0


async def endpoint(daemon: Daemon, times: int = 1) -> Endpoint:
    line = (await daemon.says("server.listening", times))[-1]
    return Endpoint(line["host"], line["port"])


async def asked(where: Endpoint, path: str) -> tuple[int, bytes]:
    return await to_thread.run_sync(ask, where, path)


async def test_a_volume_that_is_not_mounted_is_named_by_doctor_and_status(place: Place) -> None:
    """As after a start without one of two disks; what it is made from is `.reelkeep/volumes`."""
    (place.archive / ".reelkeep/volumes").write_text('["meetings"]')
    for told in (await bad(place), (await place.run("status", "--json")).json["archive_problem"]):
        assert str(place.archive / "meetings") in told
    before = {path for path in place.archive.rglob("*") if ".reelkeep" not in path.parts}

    await place.run("archive", "init", "--volumes")

    assert await bad(place) == ""
    assert (place.archive / "meetings/.reelkeep/identity").is_file()
    after = {path for path in place.archive.rglob("*") if ".reelkeep" not in path.parts}
    assert after == before
