"""`reelkeep verify` as a process: what it finds, goes on with and repairs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integration.test_cli import Place, place_in, until
from reelkeep.simulator.switches import status


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive that one pass has filled."""
    async with place_in(tmp_path) as made:
        await made.run("sync")
        yield made


def videos(place: Place) -> list[Path]:
    return sorted(path for path in place.archive.rglob("*.mp4") if ".reelkeep" not in path.parts)


def damage(path: Path) -> bytes:
    """Turn one bit of a file; return all of it."""
    with path.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))
    return path.read_bytes()


def named(found: dict[str, Any], mark: str) -> set[str]:
    return {f"{each['folder']}/{each['file']}" for each in found[mark]}


def quarantined(place: Place) -> list[bytes]:
    return sorted(p.read_bytes() for p in place.archive.glob(".reelkeep/quarantine/*.part"))


async def test_an_archive_is_verified(place: Place) -> None:
    ran = await place.run("verify", "--json")
    assert ran.json["ok"] is True
    assert ran.json["recordings"] == 9
    assert ran.json["files"] == len(place.sim.world.expected()) + 9  # with the manifests
    only = await place.run("verify", "--provider", "sdk", "--json")
    assert only.json["recordings"] == 2
    only = await place.run("verify", place.sim.world.meetings[1].uuid, "--json")
    assert only.json["recordings"] == 1


async def test_damage_to_an_archive_is_found(place: Place) -> None:
    first, second, third, fourth = place.folders()[:4]
    (first / "recording.json").chmod(0o600)
    video = next(path for path in first.iterdir() if path.suffix == ".mp4")
    with video.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x01")
    next(path for path in second.iterdir() if path.suffix == ".mp4").unlink()
    (third / "stranger.txt").touch()
    shutil.rmtree(fourth)
    (place.archive / "stray").touch()
    found = (await place.run("verify", "--json", code=1)).json

    def names(mark: str) -> set[str]:
        return {f"{each['folder']}/{each['file']}" for each in found[mark]}

    lost = fourth.relative_to(place.archive).as_posix()
    assert names("altered") == {video.relative_to(place.archive).as_posix()}
    assert names("foreign") == {f"{third.relative_to(place.archive)}/stranger.txt", "./stray"}
    missing = {name for name in names("missing") if not name.startswith(lost)}
    assert len(missing) == 1
    assert f"{lost}/recording.json" in names("missing")
    assert (await place.run("verify", code=1)).out.splitlines()[-1].endswith("2 foreign.")


async def test_what_is_damaged_is_logged_once(place: Place) -> None:
    damage(videos(place)[0])
    first = await place.run("verify", "--json", code=1)
    second = await place.run("verify", "--json", code=1)
    assert [each["event"] for each in first.events] == ["file.altered"]
    assert second.events == []


async def test_what_is_whole_again_is_logged(place: Place) -> None:
    video = videos(place)[0]
    good = video.read_bytes()
    damage(video)
    await place.run("verify", "--json", code=1)
    video.write_bytes(good)
    ran = await place.run("verify", "--json")
    assert [each["event"] for each in ran.events] == ["file.intact"]


async def test_a_stopped_reading_is_gone_on_with(place: Place) -> None:
    total = (await place.run("verify", "--json")).json["bytes"]
    damage(videos(place)[0])
    async with place.started("verify", "--rate", "64KiB", "--json") as process:
        await until(lambda: "altered" in (place.folder / "stderr").read_text())
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 1
    rest = (await place.run("verify", "--resume", "--json", code=1)).json
    assert rest["bytes"] < total
    assert len(rest["altered"]) == 1  # what was found before is not forgotten
    again = (await place.run("verify", "--resume", "--json", code=1)).json
    assert again["bytes"] >= total  # that reading has ended; this one begins anew


async def test_a_stopped_reading_says_how_to_go_on(place: Place) -> None:
    async with place.started("verify", "--rate", "64KiB") as process:
        await until((place.folder / "state" / "catalog.db-wal").exists)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 1
    assert "verify --resume" in (place.folder / "stdout").read_text()


async def test_a_repair_fetches_what_was_damaged_and_keeps_the_bad_bytes(place: Place) -> None:
    altered, missing, other = videos(place)[:3]
    before = {path: path.read_bytes() for path in (altered, missing, other)}
    bad = damage(altered)
    missing.unlink()
    (other.parent / "SHA256SUMS").unlink()

    ran = await place.run("verify", "--repair", "--json")

    assert ran.json["ok"]
    assert {each["file"] for each in ran.json["repaired"]} == {
        altered.name, missing.name, "SHA256SUMS",
    }  # fmt: skip
    assert {path: path.read_bytes() for path in before} == before
    assert quarantined(place) == [bad]
    assert place.is_complete()
    assert (await place.run("verify", "--json")).json["ok"]


async def test_what_was_called_lost_and_comes_back_is_stored_again(place: Place) -> None:
    folder, away = next((place.archive / "meetings").rglob("*.mp4")).parent, place.folder / "away"
    folder.rename(away)
    for meeting in place.sim.world.meetings:
        for file in meeting.files:
            place.sim.faults.add(file.key, status(404, times=None))
    await place.run("verify", "--repair", code=1)
    shutil.rmtree(folder)  # it was made anew, with what there is to say of files that are gone
    away.rename(folder)

    ran = await place.run("verify", "--repair")

    assert {each["folder"] for each in ran.events if each["event"] == "file.intact"} == {
        str(folder.relative_to(place.archive))
    }
    assert place.is_complete()
    assert (await place.run("verify", "--json")).json["ok"]
    assert (await place.run("sync", "--json")).json["ok"]


async def test_a_volume_that_is_not_mounted_is_no_damage(place: Place) -> None:
    mount, away = place.archive / "meetings", place.folder / "unplugged"
    shutil.copytree(place.archive / ".reelkeep", mount / ".reelkeep")
    (place.archive / ".reelkeep" / "volumes").write_text('["meetings"]')
    assert (await place.run("verify", "--json")).json["ok"]
    mount.rename(away)
    mount.mkdir()
    served = place.served()

    ran = await place.run("verify", "--repair", "--json", code=1)

    assert (ran.json["missing"], ran.json["repaired"], place.served()) == ([], [], served)
    assert {each["reason"] for each in ran.json["unreadable"]} == {
        "the volume meetings is not mounted"
    }
    assert not list(mount.iterdir())
    assert not [event for event in ran.events if event["level"] == "error"]
    audited = (await place.run("audit", "--json", code=1)).json["providers"]
    (meetings,) = [each["total"] for each in audited if each["name"] == "meetings"]
    assert (meetings["missing"], meetings["unreadable"] > 0) == (0, True)
    mount.rmdir()
    away.rename(mount)
    assert (await place.run("verify", "--json")).json["ok"]
    assert place.is_complete()


async def test_a_whole_folder_comes_back(place: Place) -> None:
    folder = videos(place)[0].parent
    shutil.rmtree(folder)
    ran = await place.run("verify", "--repair", "--json")
    assert ran.json["ok"]
    assert place.is_complete()


async def test_what_the_provider_has_no_more_is_said(place: Place) -> None:
    video = next(path for path in videos(place) if "meetings" in path.parts)
    id_ = json.loads((video.parent / "recording.json").read_text())["id"]
    meeting = next(each for each in place.sim.world.meetings if each.uuid == id_)
    bad = damage(video)
    del meeting.files[:]

    ran = await place.run("verify", "--repair", "--json", code=1)

    assert not ran.json["ok"]
    assert quarantined(place) == [bad]
    shown = (await place.run("show", id_, "--json")).json
    assert shown["state"] == "incomplete"


async def test_beside_a_daemon_the_daemon_fetches(place: Place, free_tcp_port: int) -> None:
    place.configure(server={"listen": f"127.0.0.1:{free_tcp_port}"})
    video = videos(place)[0]
    good = video.read_bytes()
    async with place.started("run") as process:
        await until(lambda: "daemon.ready" in (place.folder / "stderr").read_text())
        damage(video)
        ran = await place.run("verify", "--repair", "--json", code=1)
        assert ran.events[-1]["event"] == "repair.queued"
        await until(lambda: video.exists() and video.read_bytes() == good)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert (await place.run("verify", "--json")).json["ok"]


async def test_a_repair_needs_damage(place: Place) -> None:
    (place.archive / "stray").touch()
    served = place.served()
    ran = await place.run("verify", "--repair", "--json", code=1)
    assert named(ran.json, "foreign") == {"./stray"}
    assert place.served() == served
