"""`reelkeep audit --content` as a process: what it finds, replaces and leaves alone."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integration.test_cli import Place, place_in, until
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.switches import MALFORMED, Fault, Flaw, answer, status


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive that one pass has filled."""
    async with place_in(tmp_path) as made:
        await made.run("sync")
        yield made


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """The same, for what changes nothing."""
    async with place_in(tmp_path_factory.mktemp("kept")) as made:
        await made.run("sync")
        yield made


def videos(place: Place, within: str = "") -> list[Path]:
    """Return archived videos, those of the provider `within`."""
    found = (path for path in place.archive.rglob("*.mp4") if ".reelkeep" not in path.parts)
    return sorted(path for path in found if not within or within in path.parts)


def key_of(place: Place, path: Path) -> str:
    """Return the key under which the simulator serves what is archived at `path`."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return next(each.file for each in place.sim.world.expected() if each.sha256 == sha256)


def misstore(place: Place, path: Path, bad: bytes | None = None) -> tuple[bytes, bytes]:
    """Let a file have been stored as `bad`, or with a hole in its middle at the right size.

    It is as if verified. Return what it should be, and what it is.
    """
    good = path.read_bytes()
    middle, hole = len(good) // 2, 1000
    if bad is None:
        bad = good[:middle] + good[middle + hole :] + good[-hole:]
        assert len(bad) == len(good)
    assert bad != good
    path.chmod(0o640)
    path.write_bytes(bad)
    old, new = (hashlib.sha256(each).hexdigest() for each in (good, bad))
    manifest = path.parent / "recording.json"
    for paper in (manifest, path.parent / "SHA256SUMS"):
        before = hashlib.sha256(manifest.read_bytes()).hexdigest()
        paper.chmod(0o640)
        text = paper.read_text("utf-8").replace(old, new)
        paper.write_text(text.replace(f'"size": {len(good)},', f'"size": {len(bad)},'), "utf-8")
        after = hashlib.sha256(manifest.read_bytes()).hexdigest()
        if paper is manifest:
            sums = path.parent / "SHA256SUMS"
            sums.chmod(0o640)
            sums.write_text(sums.read_text("utf-8").replace(before, after), "utf-8")
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as catalog, catalog:
        told = "UPDATE file SET sha256 = ?, size = ? WHERE sha256 = ?"
        changed = catalog.execute(told, (new, len(bad), old))
        assert changed.rowcount == 1
    return good, bad


def change(place: Place, statement: str, *values: object) -> int:
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as catalog, catalog:
        return catalog.execute(statement, values).rowcount


def quarantined(place: Place) -> list[bytes]:
    return sorted(p.read_bytes() for p in place.archive.glob(".reelkeep/quarantine/*.part"))


def all_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def content(place: Place, *options: str, code: int | None = 0) -> dict[str, Any]:
    return dict((await place.run("audit", "--content", "--json", *options, code=code)).json)


async def test_a_whole_archive_is_compared_and_nothing_is_changed(kept: Place) -> None:
    before, told = all_in(kept.archive), kept.sim.journal.acknowledged
    found = await content(kept)
    assert found["ok"]
    assert found["files"] == found["matches"] == len(kept.sim.world.expected())
    assert found["not_compared"]["total"] == 0
    assert found["fetched_bytes"] == sum(each.size for each in kept.sim.world.expected())
    assert all_in(kept.archive) == before
    assert kept.sim.journal.acknowledged == told
    assert kept.sim.journal.trashed == []


async def test_wrong_bytes_of_the_right_size_are_found_and_a_repair_replaces_them(
    place: Place,
) -> None:
    """Of each provider; the old ones are kept."""
    wrong = {videos(place, name)[0]: name for name in ("meetings", "sdk", "support")}
    bytes_of = {video: misstore(place, video) for video in wrong}
    assert (await place.run("verify", "--json")).json["ok"]  # which knows no better
    before = all_in(place.archive)

    ran = await place.run("audit", "--content", "--json", code=1)

    assert {(each["provider"], each["file"]) for each in ran.json["differs"]} == {
        (name, video.name) for video, name in wrong.items()
    }
    assert all(len(set(each["fetched"])) == 1 for each in ran.json["differs"])
    assert [each["event"] for each in ran.events] == ["file.differs"] * 3
    assert all_in(place.archive) == before
    shown = await place.run("audit", "--content", "--provider", "sdk", code=1)
    assert "1 differ" in shown.out.splitlines()[-1]

    told = list(place.sim.journal.acknowledged)
    ran = await place.run("audit", "--content", "--repair", "--json")

    assert ran.json["repaired"] == 3
    assert {"file.quarantined", "file.replaced"} <= {each["event"] for each in ran.events}
    assert {video: video.read_bytes() for video in wrong} == {
        video: good for video, (good, _) in bytes_of.items()
    }
    assert quarantined(place) == sorted(bad for _, bad in bytes_of.values())
    assert place.parts() == 0
    assert place.is_complete()
    assert list(place.sim.journal.acknowledged) == told
    assert (await place.run("verify", "--json")).json["ok"]
    assert (await content(place))["ok"]
    assert "Done" in (await place.run("sync")).out


async def test_a_repair_works_on_bags(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        place.configure(archive={"path": "archive", "min_free": "1MiB", "format": "bagit"})
        await place.run("sync")
        video = videos(place)[0]
        good = video.read_bytes()
        video.chmod(0o640)
        video.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        assert (await content(place, "--repair"))["repaired"] == 1
        assert video.read_bytes() == good
        assert (await place.run("verify", "--json")).json["ok"]


async def test_bytes_that_changed_on_the_disk_differ_too(place: Place) -> None:
    video = videos(place)[0]
    good = video.read_bytes()
    video.chmod(0o640)
    video.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert len((await content(place, code=1))["differs"]) == 1
    assert (await content(place, "--repair"))["repaired"] == 1
    assert video.read_bytes() == good
    assert (await place.run("verify", "--json")).json["ok"]


async def test_other_bytes_each_time_change_nothing(place: Place) -> None:
    video = videos(place, "meetings")[0]
    key = key_of(place, video)
    misstore(place, video)
    middle = video.stat().st_size // 2
    faults = [Fault(flaw=Flaw.CORRUPT, at=middle + step) for step in range(20)]
    place.sim.faults.add(key, *faults)
    before = all_in(place.archive)
    found = await content(place, "--repair", code=1)
    assert [each["file"] for each in found["unsteady"]] == [video.name]
    assert found["repaired"] == 0
    assert all_in(place.archive) == before


async def test_one_odd_fetch_does_not_harm_good_bytes(place: Place) -> None:
    video = videos(place, "meetings")[0]
    place.sim.faults.add(
        key_of(place, video), Fault(flaw=Flaw.CORRUPT, at=video.stat().st_size // 2)
    )
    before = all_in(place.archive)
    found = await content(place, "--repair")
    assert found["ok"]
    assert found["matches"] == found["files"]
    assert all_in(place.archive) == before


async def test_an_error_page_that_comes_twice_replaces_nothing(place: Place) -> None:
    video = videos(place, "meetings")[0]
    page = b"<!DOCTYPE html><html><body>Sign in</body></html>"
    html = {"Content-Type": "text/html"}
    place.sim.faults.add(
        key_of(place, video),
        Fault(flaw=Flaw.STATUS, times=None, status=200, headers=html, body=page),
    )
    before = all_in(place.archive)
    found = await content(place, "--repair", code=1)
    assert found["not_compared"]["codes"] == {"not_media": 1}
    assert all_in(place.archive) == before


@pytest.mark.parametrize("length", ["chunked", "close"])
async def test_how_much_is_archived_is_no_promise(length: str, place: Place) -> None:
    """Of files whose size nobody promises; a fetch that breaks just there is not equal."""
    events = sorted(place.archive.rglob("recording.events"))[:3]
    goods, keys = [each.read_bytes() for each in events], [key_of(place, each) for each in events]
    for each, bad in zip(events, (goods[0][:1000], goods[1] + b"xx", b"unasked.."), strict=True):
        misstore(place, each, bad)
    place.sim.switches.downloads.length = length
    place.sim.faults.add(keys[0], Fault(flaw=Flaw.RESET, at=1000))
    found = await content(place, "--provider", "support", code=1)
    assert {each["recording"] for each in found["differs"]} == {
        json.loads((each.parent / "recording.json").read_bytes())["id"] for each in events
    }
    assert found["not_compared"]["total"] == 0
    await content(place, "--provider", "support", "--repair")
    assert [each.read_bytes() for each in events] == goods


async def test_what_the_provider_has_no_more_is_not_compared(place: Place) -> None:
    gone = place.sim.world.meetings[0]
    files = len(gone.files)
    gone.deleted = True
    found = await content(place)
    assert found["not_compared"]["total"] == files
    assert set(found["not_compared"]["codes"]) <= {"not_found", "refused"}
    assert found["matches"] == found["files"] - files
    shown = await place.run("audit", "--content")
    assert f"{files} not compared" in shown.out.splitlines()[-1]


async def test_a_provider_that_was_removed_is_not_compared(place: Place) -> None:
    document = place.sim.configuration()["providers"]
    place.configure(providers=[each for each in document if each["name"] != "sdk"])
    found = await content(place)
    assert set(found["not_compared"]["codes"]) == {"not_configured"}
    assert {each["provider"] for each in found["not_compared"]["files"]} == {"sdk"}


async def test_a_provider_that_refuses_our_credentials_is_not_compared(place: Place) -> None:
    """Nor one whose scopes do not reach: that is said, and is nobody's equality."""
    place.sim.faults.add("* /v2/meetings/*", answer(MALFORMED, 400, times=None))
    place.sim.faults.add("* *urls*", status(403, times=None))
    found = await content(place, code=1)
    files = found["not_compared"]["files"]
    assert {each["provider"] for each in files} == {"meetings", "support"}
    assert found["matches"] == found["files"] - len(files)
    shown = await place.run("audit", "--content", code=1)
    assert "lacks a scope" in " ".join(shown.out.split())


async def test_what_the_archive_has_lost_is_not_compared(place: Place) -> None:
    videos(place)[0].unlink()
    found = await content(place, code=1)
    assert found["not_compared"]["codes"] == {"not_readable": 1}


async def test_trouble_in_passing_is_tried_again(place: Place) -> None:
    video = videos(place, "meetings")[0]
    place.sim.faults.add(key_of(place, video), Fault(flaw=Flaw.RESET, at=video.stat().st_size // 2))
    assert (await content(place))["matches"] == len(place.sim.world.expected())


async def test_a_large_file_that_stalls_is_gone_on_with(tmp_path: Path) -> None:
    async with place_in(tmp_path, Extent(recordings=0, meetings=0, sessions=0, odd=False)) as place:
        place.configure(downloads={"stall_timeout": "1s", "retry": {"base": "10ms", "max": "1s"}})
        recording = place.sim.studio.add_recording(place.sim.world.since, size=3 << 20)
        key = recording.video.key
        await place.run("sync")
        served = place.sim.journal.bytes_served[key]
        at = 2_500_000
        place.sim.faults.add(
            key,
            Fault(flaw=Flaw.STALL, at=at, seconds=60),
            Fault(flaw=Flaw.RESET, at=at + 100_000),
        )
        assert (await content(place))["ok"]
        assert place.sim.journal.bytes_served[key] < served + (3 << 20) + 1_000_000


async def test_a_host_that_never_answers_is_said(place: Place) -> None:
    video = videos(place, "meetings")[0]
    place.sim.faults.add(key_of(place, video), Fault(flaw=Flaw.STATUS, times=None))
    found = await content(place, code=1)
    assert found["not_compared"]["total"] == 1
    assert not found["ok"]


async def test_suspects_are_those_that_were_resumed_without_a_digest(place: Place) -> None:
    assert (await content(place, "--suspects"))["files"] == 0
    video = videos(place, "meetings")[0]
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    statement = (
        "INSERT INTO attempt (file, at, code, detail) SELECT row, stored_at, 'stalled', ''"
        " FROM file WHERE sha256 = ?"
    )
    assert change(place, statement, sha256) == 1
    misstore(place, video)
    found = await content(place, "--suspects", code=1)
    assert found["files"] == 1
    assert [each["file"] for each in found["differs"]] == [video.name]
    change(place, "UPDATE file SET verified = 'digest'")
    assert (await content(place, "--suspects"))["files"] == 0


async def test_a_pass_that_resumed_leaves_a_suspect(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        meeting = place.sim.world.meetings[0]
        place.sim.faults.add(meeting.files[0].key, Fault(flaw=Flaw.RESET, at=5000))
        await place.run("sync")
        assert (await content(place, "--suspects"))["files"] == 1


async def test_a_sample_is_the_same_each_time(kept: Place) -> None:
    served = [(await content(kept, "--sample", "40%"))["files"]]
    served.append((await content(kept, "--sample", "40%"))["files"])
    assert served[0] == served[1]
    assert 0 < served[0] < len(kept.sim.world.expected())
    everything = await content(kept, "--sample", "100")
    assert everything["files"] == len(kept.sim.world.expected())


async def test_since_is_about_when_it_was_stored(kept: Place) -> None:
    assert (await content(kept, "--since", "2199-01-01"))["files"] == 0
    assert (await content(kept, "--since", "2000-01-01"))["files"] > 0


@pytest.mark.parametrize(
    "options",
    [
        ["--repair"],
        ["--suspects"],
        ["--sample", "5%"],
        ["--content", "--sample", "0"],
        ["--content", "--sample", "many"],
        ["--content", "--seed", "x"],
        ["--content", "--all"],
        ["--content", "--provider", "nobody"],
    ],
)
async def test_wrong_usage_is_refused(kept: Place, options: list[str]) -> None:
    await kept.run("audit", *options, code=2)


async def test_a_stopped_run_says_how_far_it_was(place: Place) -> None:
    place.sim.switches.downloads.rate = 2_000
    before = all_in(place.archive)
    async with place.started("audit", "--content") as process:
        served = place.served()
        await until(lambda: place.served() > served + 1000)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 1
    assert "Stopped after" in (place.folder / "stdout").read_text()
    assert all_in(place.archive) == before


async def test_a_stopped_repair_leaves_nothing_behind(place: Place) -> None:
    video = videos(place, "meetings")[0]
    misstore(place, video)
    before = all_in(place.archive)
    key = next(
        file.key
        for meeting in place.sim.world.meetings
        for file in meeting.files
        if file.content.size == video.stat().st_size
    )
    flow = Fault(flaw=Flaw.NEW_ETAG)
    stall = Fault(flaw=Flaw.STALL, times=None, at=video.stat().st_size // 2, seconds=60)
    place.sim.faults.add(key, flow, stall)
    async with place.started("audit", "--content", "--repair", "--json") as process:
        await until(lambda: place.sim.journal.bytes_served[key] > 2.4 * video.stat().st_size)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 1
    found = json.loads((place.folder / "stdout").read_text())
    assert found["stopped"]
    assert place.parts() == 0
    assert all_in(place.archive) == before


async def test_beside_a_daemon_the_daemon_fetches(place: Place, free_tcp_port: int) -> None:
    place.configure(server={"listen": f"127.0.0.1:{free_tcp_port}"})
    video = videos(place)[0]
    good, bad = misstore(place, video)
    async with place.started("run") as process:
        await until(lambda: "daemon.ready" in (place.folder / "stderr").read_text())
        assert len((await content(place, code=1))["differs"]) == 1
        ran = await place.run("audit", "--content", "--repair", "--json", code=1)
        assert "repair.queued" in [each["event"] for each in ran.events]
        await until(lambda: video.exists() and video.read_bytes() == good)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert quarantined(place) == [bad]
    assert (await place.run("verify", "--json")).json["ok"]
    assert (await content(place))["ok"]


async def test_no_secret_is_shown(place: Place) -> None:
    place.configure(log={"level": "debug"})
    video = videos(place)[0]
    misstore(place, video)
    ran = await place.run("audit", "--content", "--json", code=1)
    secrets = [value for value in place.sim.environment().values() if len(value) > 6]
    assert secrets
    assert not [each for each in secrets if each in ran.out + ran.err]
    assert "access_token" not in ran.out + ran.err


async def test_without_a_catalog_nothing_is_compared_and_none_begins(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        for options in ((), ("--repair",)):
            ran = await place.run("audit", "--content", *options)
            assert "nothing was compared" in ran.out
        assert not [path for path in all_in(place.folder) if path.startswith("state")]
