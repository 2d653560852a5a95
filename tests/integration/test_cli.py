"""The command line as a process, over simulated providers and real sockets."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

import forked
import tools
from reelkeep.core.journal import decode
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches, status

PROGRAM = [sys.executable, "-m", "reelkeep.cli"]
EXTENT = Extent(recordings=4, meetings=3, sessions=2, users=2, odd=False, sizes=(9_000, 60_000))
NAMES = ["support", "meetings", "sdk"]
LARGE = 6_000_000


@dataclass
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log; anything else on stderr fails here."""
        return [json.loads(line) for line in self.err.splitlines()]


def quickly(provider: Mapping[str, Any]) -> dict[str, Any]:
    if provider["type"] == "gotoassist":
        return {"requests_per_second": 100}
    return {"settle": "0s"}


@dataclass
class Place:
    """A folder with a configuration that points at a simulator."""

    folder: Path
    sim: Simulator

    def configure(self, **changes: Any) -> None:
        """Write the configuration; sections in `changes` replace others."""
        document: dict[str, Any] = {
            "archive": {"path": "archive", "min_free": "1MiB"},
            "catalog": {"url": "sqlite:///state/catalog.db"},
            "downloads": {"retry": {"base": "10ms", "max": "20ms", "attempts": 2}},
            "shutdown_grace": "2s",
            "server": {"listen": None},
            **self.sim.configuration(),
        }
        document["providers"] = [each | quickly(each) for each in document["providers"]]
        document |= changes
        (self.folder / "reelkeep.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("REELKEEP")}
        return kept | self.sim.environment() | {"PYTHONWARNINGS": "error"}

    async def run(self, *arguments: str, code: int | None = 0) -> Ran:
        """Run a command to its end; its exit code must be `code`, unless that is None."""
        ran = await forked.run(arguments, cwd=self.folder, env=self.environ)
        found = Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        assert code in (None, found.code), f"{found.code}\n{found.out}\n{found.err}"
        return found

    @asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[forked.Command]:
        """Start a command; it is killed if it still runs at the end."""
        out, err = (self.folder / name for name in ("stdout", "stderr"))
        with (
            out.open("wb") as stdout,
            err.open("wb") as stderr,
            forked.started(
                arguments, cwd=self.folder, env=self.environ, out=stdout, err=stderr
            ) as command,
        ):
            yield command

    def served(self) -> int:
        """Return how many bytes of bodies the providers have sent."""
        return sum(self.sim.journal.bytes_served.values())

    def parts(self) -> int:
        """Return how many bytes lie in unfinished files."""
        return sum(path.stat().st_size for path in self.archive.glob(".reelkeep/parts/*.part"))

    def durable(self) -> int:
        """Return how many bytes of unfinished files are durable, by their journals."""
        notes = self.archive.glob(".reelkeep/parts/*.json")
        return sum(note.durable for path in notes if (note := decode(path.read_bytes())))

    def folders(self) -> list[Path]:
        tops = self.archive.glob("[!.]*")  # in .reelkeep folders come and go
        return sorted(path.parent for top in tops for path in top.rglob("SHA256SUMS"))

    def digests(self) -> set[str]:
        """Return the SHA-256 of all files, once `sha256sum` has confirmed them."""
        program = shutil.which("sha256sum")
        assert program is not None
        listed = [
            (folder, line)
            for folder in self.folders()
            for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines()
        ]
        lines = "".join(f"{line[:66]}{folder}/{line[66:]}\n" for folder, line in listed)
        if listed:
            subprocess.run([program, "-c"], input=lines.encode(), check=True, stdout=-3)
        return {line[:64] for _, line in listed}

    def is_complete(self) -> bool:
        return {each.sha256 for each in self.sim.world.expected()} <= self.digests()


@asynccontextmanager
async def place_in(folder: Path, extent: Extent = EXTENT) -> AsyncIterator[Place]:
    async with Simulator(7, extent=extent, switches=Switches().unlimited()) as sim:
        sim.switches.goto.transcode_takes = timedelta(milliseconds=100)
        place = Place(folder, sim)
        place.configure()
        yield place


def ran_in(folder: Path, *arguments: str) -> Ran:
    """Run a command in a folder to its end."""
    ran = forked.run_here(arguments, cwd=folder, env=os.environ)
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with place_in(tmp_path) as made:
        yield made


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Place]:
    """One large file only, that takes its time."""
    async with place_in(tmp_path, Extent(recordings=0, meetings=0, sessions=0, odd=False)) as made:
        meeting = made.sim.studio.add_meeting(made.sim.world.since + timedelta(days=3))
        del meeting.files[:]
        made.sim.studio.add_file(meeting, "speaker_view", "MP4", "MP4", meeting_kind(), size=LARGE)
        made.sim.switches.downloads.rate = 1_500_000
        yield made


def meeting_kind() -> Any:
    from reelkeep.simulator.content import ContentKind

    return ContentKind.MP4


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """An archive that one pass has filled, for commands that only look."""
    async with place_in(tmp_path_factory.mktemp("kept")) as made:
        made.sim.world.meetings[0].topic = "\x1b[31mred\x1b]0;title\a \u202e\r\nnext"
        await made.run("sync")
        yield made


def unnamed(left: list[str]) -> list[str]:
    """Return sentences of what is left without the recordings that they name in brackets."""
    return [sentence.partition(" (")[0] for sentence in left]


async def until(held: Callable[[], bool]) -> None:
    """Wait until `held()` is true."""
    with anyio.fail_after(300):
        while not held():  # noqa: ASYNC110 - another process does it, and sets no event
            await anyio.sleep(0.01)


# --- sync ----------------------------------------------------------------------------------------


async def test_a_pass_archives_all_that_there_is(place: Place) -> None:
    ran = await place.run("sync", "--json")
    assert place.is_complete()
    assert set(place.sim.journal.acknowledged) == {each.id for each in place.sim.world.recordings}
    document = ran.json
    assert document["ok"] is True
    assert document["left"] == []
    assert document["received_bytes"] == place.served()
    assert [line["name"] for line in document["providers"]] == NAMES
    assert all(line["stored"] and not line["pending"] for line in document["providers"])
    assert ran.events


async def test_a_pass_with_a_clock_that_is_behind_is_not_done(tmp_path: Path) -> None:
    """What began since is in no listing that was asked for."""

    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(days=10)

    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited(), now=ahead) as sim:
        place = Place(tmp_path, sim)
        place.configure()
        ran = await place.run("sync", "--json", code=1)
        audited = await place.run("audit", "--json", code=1)
        planned = await place.run("plan", code=1)
    assert "10 days behind" in audited.out
    assert "10 days behind" in " ".join(planned.out.split())
    assert "is 10 days behind the providers'" in ran.json["left"][0]
    assert [each["event"] for each in ran.events].count("clock.wrong") == 1


@pytest.mark.prove
@pytest.mark.parametrize("off", ["-10d", "-3y", "+400d"])
async def test_a_pass_on_a_machine_with_a_wrong_clock_is_not_done(place: Place, off: str) -> None:
    ran = await anyio.run_process(
        [tools.found("faketime"), "-f", off, *PROGRAM, "sync", "--json", "--timeout", "20s"],
        cwd=place.folder, env=place.environ, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.count(b'"clock.wrong"') == 1


async def test_a_second_pass_transfers_nothing(place: Place) -> None:
    await place.run("sync")
    before = place.served()
    ran = await place.run("sync", "--json")
    assert place.served() == before
    assert ran.json["received_bytes"] == 0


async def test_a_pass_ends_with_a_table_and_a_sentence(place: Place) -> None:
    lines = (await place.run("sync")).out.splitlines()
    counts = ["LISTED", "STORED", "PENDING", "FAILED", "UNAVAILABLE", "BYTES"]
    assert lines[0].split() == ["PROVIDER", *counts]
    assert [line.split()[0] for line in lines[1:4]] == NAMES
    assert lines[-1].startswith("Done: 9 recordings with ")


async def test_a_pass_may_be_about_one_provider(place: Place) -> None:
    ran = await place.run("sync", "--provider", "sdk", "--json")
    assert [line["name"] for line in ran.json["providers"]] == ["sdk"]
    assert not any(request.host == "goto" for request in place.sim.journal.requests)


async def test_a_broken_provider_is_said_and_disturbs_no_other(place: Place) -> None:
    place.sim.switches.goto.token_fault = "invalid_grant"
    ran = await place.run("sync", "--json", code=1)
    assert len(ran.json["left"]) == 1
    assert ran.json["left"][0].startswith("support could only be read in part: ")
    assert [line["failed"] for line in ran.json["providers"]] == [0, 0, 0]
    assert ran.json["providers"][1]["stored"] > 0


async def test_a_recording_that_only_waits_for_late_files_is_done(place: Place) -> None:
    providers = [
        provider | ({} if provider["name"] == "support" else {"settle": "3650d"})
        for provider in place.sim.configuration()["providers"]
    ]
    place.configure(providers=providers)
    ran = await place.run("sync", "--json")
    assert ran.json["providers"][1]["recordings"]["open"] == 3


async def test_a_killed_pass_is_resumed_where_it_was(slow: Place) -> None:
    async with slow.started("sync") as process:
        await until(lambda: slow.durable() > LARGE // 4)
        process.kill()
        await process.wait()
    slow.sim.switches.downloads.rate = 0
    await slow.run("sync")
    assert slow.is_complete()
    asked = [request.headers.get("range") for request in slow.sim.journal.requests]
    assert any(value and value != "bytes=0-" for value in asked)
    assert slow.served() < LARGE * 1.4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_pass_and_keeps_what_came(
    slow: Place, number: signal.Signals
) -> None:
    slow.configure(shutdown_grace="0s")
    async with slow.started("sync", "--json") as process:
        await until(lambda: slow.parts() > LARGE // 4)
        process.send_signal(number)
        assert await process.wait() == 1
    assert slow.parts() > LARGE // 4
    document = json.loads((slow.folder / "stdout").read_text())
    assert document["stopped"] is True
    assert unnamed(document["left"]) == ["1 file is pending", "the pass was stopped by a signal"]


async def test_a_second_signal_ends_a_pass_at_once(slow: Place) -> None:
    slow.configure(shutdown_grace="10m")
    slow.sim.switches.downloads.rate = 100_000
    async with slow.started("sync") as process:
        await until(lambda: slow.parts() > 0)
        with anyio.fail_after(300):
            while process.returncode is None:  # two signals at the same moment may be one
                process.send_signal(signal.SIGTERM)
                await anyio.sleep(0.3)
        assert process.returncode == 1
    assert (slow.folder / "stdout").read_text() == ""


async def test_a_pass_ends_when_the_time_is_up(slow: Place) -> None:
    slow.configure(shutdown_grace="0s")
    slow.sim.switches.downloads.rate = 100_000
    ran = await slow.run("sync", "--timeout", "3s", "--json", code=1)
    assert ran.json["cut_short"] is True
    assert unnamed(ran.json["left"]) == ["1 file is pending", "time limit reached"]


async def test_two_passes_do_not_share_an_archive(slow: Place) -> None:
    slow.sim.switches.downloads.rate = 100_000
    async with slow.started("sync") as process:
        await until(lambda: slow.parts() > 0)
        ran = await slow.run("sync", code=75)
        assert f"process {process.pid}" in ran.err
        assert ran.err.startswith("reelkeep: the catalog ")
        assert ran.out == ""


async def test_a_pass_is_seen_live_on_a_terminal(slow: Place) -> None:
    reading, writing = pty.openpty()
    try:
        process = await anyio.open_process(
            [*PROGRAM, "sync"],
            cwd=slow.folder,
            env=slow.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
            stdout=subprocess.DEVNULL,
            stderr=writing,
        )
        os.close(writing)
        shown = await anyio.to_thread.run_sync(lambda: b"".join(chunks(reading)).decode())
        assert await process.wait() == 0
        await process.aclose()
    finally:
        os.close(reading)
    assert "speaker_view.mp4" in shown
    assert re.search(r"\d\.\d MB/s", shown)
    assert "file.stored" in shown


def chunks(descriptor: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(descriptor, 65_536):
            yield chunk
    except OSError:  # the other end is closed: EIO
        return


# --- what failed ---------------------------------------------------------------------------------


@pytest.fixture
async def broken(place: Place) -> Place:
    """One video of a meeting is refused until further notice."""
    place.sim.faults.add("zm-0-0", status(404, times=1000))
    ran = await place.run("sync", "--json", code=1)
    assert ran.json["left"] == ["1 file failed", "1 recording is incomplete"]
    return place


async def test_what_failed_is_found_and_retried(broken: Place) -> None:
    (failed,) = (json.loads(line) for line in await lines_of(broken, "--state", "failed"))
    assert failed["state"] == "incomplete"
    shown = (await broken.run("show", failed["id"], "--json")).json
    (file,) = (each for each in shown["files"] if each["state"] == "failed")
    assert file["code"] == "not_found"
    assert [each["code"] for each in file["attempts"]] == ["not_found"] * len(file["attempts"])
    assert file["attempts"]
    broken.sim.faults.clear()
    ran = await broken.run("retry", "--failed", "--json")
    assert (ran.json["due"], ran.json["files"][0]["file"]) == (1, file["name"])
    await broken.run("sync")
    assert broken.is_complete()


async def test_what_failed_is_waived_and_taken_back(broken: Place) -> None:
    (failed,) = (json.loads(line) for line in await lines_of(broken, "--state", "failed"))
    refused = await broken.run("waive", failed["key"], "nothing.mp4", code=1)
    assert "it has: " in refused.err
    ran = await broken.run("waive", failed["key"][:6])
    assert ran.out.endswith("1 file is waived.\n")
    await broken.run("sync")
    ran = await broken.run("retry", failed["id"])
    assert ran.out.endswith("1 file is due again.\n")


@pytest.fixture
async def unfinished(place: Place) -> Place:
    """The provider never finishes one file of a meeting, long after it should have."""
    place.sim.world.meetings[0].files[-1].stuck = True
    ran = await place.run("sync", "--json", code=1)
    assert ran.json["left"] == ["1 recording is incomplete"]
    return place


async def test_a_recording_that_is_never_finished_says_so(unfinished: Place) -> None:
    id_ = unfinished.sim.world.meetings[0].uuid
    assert "the provider has not finished 1 file" in (await unfinished.run("show", id_)).out


async def test_a_recording_that_is_never_finished_is_closed_for_good(unfinished: Place) -> None:
    id_ = unfinished.sim.world.meetings[0].uuid
    ran = await unfinished.run("waive", id_)
    assert ran.out == "Waived 1 file that the provider never finished.\n"
    await unfinished.run("sync")
    shown = (await unfinished.run("show", id_, "--json")).json
    assert (shown["state"], shown["unfinished"]) == ("archived", 0)
    assert (await unfinished.run("waive", id_)).out == "Nothing to change.\n"


async def lines_of(place: Place, *arguments: str) -> list[str]:
    return (await place.run("list", "--json", *arguments)).out.splitlines()


# --- commands that only look ---------------------------------------------------------------------


async def test_check_shows_the_configuration_and_no_secret(kept: Place) -> None:
    ran = await kept.run("check")
    shown = yaml.safe_load(ran.out)
    assert shown["providers"][1]["client_secret"] == {"env": "SIM_ZOOM_SECRET", "value": "***"}
    assert shown == (await kept.run("check", "--json")).json
    assert not any(secret in ran.out for secret in kept.sim.environment().values())


async def test_check_online_asks_every_provider(kept: Place) -> None:
    ran = await kept.run("check", "--online", "--json")
    assert {each["provider"] for each in ran.json["findings"]} == set(NAMES)
    assert all(each["ok"] for each in ran.json["findings"])


async def test_check_online_says_what_is_missing(place: Place) -> None:
    place.sim.switches.zoom.scopes -= {"cloud_recording:read:list_user_recordings:admin"}
    ran = await place.run("check", "--online", code=1)
    assert "NOT OK" in ran.out


def test_an_invalid_configuration_is_said_at_once_and_whole(tmp_path: Path) -> None:
    (tmp_path / "reelkeep.yaml").write_text("archiv: {}\nproviders:\n  - name: A\n    type: zom\n")
    for command in ("check", "run"):
        ran = ran_in(tmp_path, command)
        assert (ran.code, ran.out) == (78, ""), command
        assert ran.err.splitlines()[0].startswith("reelkeep.yaml:1: archiv")
        assert "zoom" in ran.err


def test_check_lists_problems_as_json(tmp_path: Path) -> None:
    (tmp_path / "reelkeep.yaml").write_text("archiv: {}\nproviders: []\n")
    ran = ran_in(tmp_path, "check", "--json")
    assert ran.code == 78
    assert [each["line"] for each in ran.json["problems"]] == [1, 2]


async def test_the_schema_is_one_of_a_configuration(kept: Place) -> None:
    ran = await kept.run("schema")
    assert ran.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "providers" in ran.json["properties"]


async def planned(place: Place) -> dict[str, dict[str, Any]]:
    """Return the lines of the plan by the names of the providers."""
    ran = await place.run("plan", "--json")
    assert ran.err == ""
    return {line["name"]: line for line in ran.json["providers"]}


def all_in(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return what is in `folder`, with sizes and times of change."""
    found = ((path, path.lstat()) for path in folder.rglob("*"))
    return {path: (status.st_size, status.st_mtime_ns) for path, status in found}


async def test_a_plan_says_what_the_next_pass_fetches(place: Place) -> None:
    lines = await planned(place)
    assert place.served() == 0
    assert not place.sim.journal.acknowledged
    ran = await place.run("sync", "--provider", "meetings", "--provider", "sdk", "--json")
    zoom = [lines["meetings"], lines["sdk"]]
    assert sum(line["files"] for line in zoom) == sum(
        line["files"]["stored"] for line in ran.json["providers"]
    )
    assert sum(line["bytes"] for line in zoom) == place.served()


async def test_a_plan_makes_nothing_where_nothing_is(place: Place) -> None:
    before = all_in(place.folder)
    await planned(place)
    assert all_in(place.folder) == before


async def test_a_plan_changes_nothing_where_all_is(kept: Place) -> None:
    before = all_in(kept.folder)
    await planned(kept)
    assert all_in(kept.folder) == before


async def test_a_plan_says_nothing_once_all_is_here(kept: Place) -> None:
    lines = await planned(kept)
    assert [line["files"] for line in lines.values()] == [0, 0, 0]
    assert [line["transcodings"] for line in lines.values()] == [0, 0, 0]


async def test_a_plan_for_a_lost_catalog_counts_nothing_that_the_archive_holds(
    place: Place,
) -> None:
    await place.run("sync")
    shutil.rmtree(place.folder / "state")
    lines = await planned(place)
    assert [line["files"] for line in lines.values()] == [0, 0, 0]
    assert not (place.folder / "state").exists()


async def test_a_plan_counts_what_a_widened_filter_brings_in(place: Place) -> None:
    only = {"include": {"file_types": ["TIMELINE"]}}
    place.configure(providers=provided(place, meetings=only))
    await place.run("sync", "--provider", "meetings")
    assert (await planned(place))["meetings"]["files"] == 0
    place.configure()
    size = (await planned(place))["meetings"]["bytes"]
    before = place.served()
    await place.run("sync", "--provider", "meetings")
    assert size == place.served() - before > 0


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_plan_counts_only_transcodings_that_are_wanted(place: Place, wanted: bool) -> None:
    place.configure(providers=provided(place, support={"transcode": wanted}))
    for each in place.sim.world.recordings[:2]:
        each.transcoded_from = None
    assert (await planned(place))["support"]["transcodings"] == (2 if wanted else 0)
    assert place.sim.world.recordings[0].transcoded_from is None


async def test_a_plan_says_what_could_not_be_read(place: Place) -> None:
    place.sim.switches.zoom.scopes -= {"cloud_recording:read:list_user_recordings:admin"}
    ran = await place.run("plan", code=1)
    assert "meetings could only be read in part: " in ran.out


async def test_a_plan_may_be_made_beside_the_daemon(slow: Place) -> None:
    slow.sim.switches.downloads.rate = 150_000
    async with slow.started("run"):
        await until(lambda: slow.parts() > 0)
        assert (await planned(slow))["meetings"]["bytes"] == LARGE


def provided(place: Place, **changes: Any) -> list[dict[str, Any]]:
    """Return the providers with `changes` by name."""
    found = place.sim.configuration()["providers"]
    return [each | quickly(each) | changes.get(each["name"], {}) for each in found]


async def test_the_status_says_how_every_provider_stands(kept: Place) -> None:
    ran = await kept.run("status", "--json")
    assert [line["name"] for line in ran.json["providers"]] == NAMES
    assert ran.json["free_bytes"] > 0
    assert ran.json["transfers"] == []
    line = ran.json["providers"][0]
    assert line["recordings"]["acknowledged"] == line["listed"] == 4
    assert 0 <= line["age_seconds"] < 600
    table = (await kept.run("status")).out
    assert " ago" in table
    assert " free" in table


async def test_a_list_has_one_recording_a_line(kept: Place) -> None:
    found = [json.loads(line) for line in await lines_of(kept)]
    assert len(found) == 9
    assert {each["provider"] for each in found} == set(NAMES)
    assert all(each["files"] for each in found)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--provider", "sdk"], 2),
        (["--state", "acknowledged"], 4),
        (["--state", "stored"], 9),
        (["--state", "failed"], 0),
        (["--state", "archived", "--state", "acknowledged", "--provider", "support"], 4),
    ],
)
async def test_a_list_is_filtered(kept: Place, arguments: list[str], count: int) -> None:
    assert len(await lines_of(kept, *arguments)) == count


async def test_foreign_text_does_not_reach_the_terminal_raw(kept: Place) -> None:
    for command in (["list"], ["list", "--json"]):
        out = (await kept.run(*command)).out
        assert not {"\x1b", "\a", "\r", "\u202e"} & set(out)
        assert len(out.splitlines()) == 9 + ("--json" not in command)
    topic = kept.sim.world.meetings[0]
    out = (await kept.run("show", topic.uuid)).out
    assert r"\x1b[31mred" in out
    assert "\x1b" not in out


async def test_a_recording_is_shown_by_id_key_and_beginning_of_its_key(kept: Place) -> None:
    uuid = kept.sim.world.meetings[1].uuid
    shown = (await kept.run("show", uuid, "--json")).json
    for text in (shown["key"], shown["key"][:7]):
        assert (await kept.run("show", text, "--json")).json == shown
    (folder,) = (path for path in kept.folders() if shown["key"] in path.name)
    assert shown["path"] == str(folder)
    for file in shown["files"]:
        assert await anyio.Path(file["path"]).read_bytes()
        assert file["path"] == str(folder / file["name"])
        assert f"{file['sha256']}  {file['name']}" in (folder / "SHA256SUMS").read_text()
    assert shown["files"][0]["sha256"] in (await kept.run("show", uuid)).out


@pytest.mark.parametrize("command", ["show", "retry", "waive", "verify"])
async def test_an_unknown_recording_is_said(kept: Place, command: str) -> None:
    ran = await kept.run(command, "nothing", code=1)
    assert ran.err == "reelkeep: there is no recording 'nothing' in the catalog\n"
    assert ran.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["sync", "--provider", "nothing"],
        ["sync", "--timeout", "soon"],
        ["list", "--state", "lost"],
        ["list", "--provider", "nothing"],
        ["verify", "--provider", "nothing"],
        ["retry"],
        ["retry", "--failed", "7"],
        ["waive"],
        ["show"],
        ["demo", "--recordings", "0"],
    ],
)
async def test_wrong_usage_is_2(kept: Place, arguments: list[str]) -> None:
    ran = await kept.run(*arguments, code=2)
    assert ran.out == ""
    assert ran.err.startswith("Usage: reelkeep")


@pytest.mark.parametrize("command", ["list", "status", "schema", "check"])
async def test_a_reader_may_go_away(kept: Place, command: str) -> None:
    line = f"{sys.executable} -m reelkeep.cli {command} | true; exit ${{PIPESTATUS[0]}}"
    ran = await anyio.run_process(
        ["bash", "-c", line], cwd=kept.folder, env=kept.environ, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


async def test_looking_at_nothing_does_not_begin_a_catalog(place: Place) -> None:
    ran = await place.run("verify", "--json")
    assert ran.json["files"] == 0
    assert not (place.folder / "state").exists()


# --- run -----------------------------------------------------------------------------------------


async def test_the_daemon_works_until_it_is_told_to_stop(slow: Place, free_port: int) -> None:
    slow.configure(server={"listen": f"127.0.0.1:{free_port}"}, shutdown_grace="0s")
    slow.sim.switches.downloads.rate = 150_000
    async with slow.started("run") as process:
        await until(lambda: slow.parts() > 0)
        status_ = (await slow.run("status", "--json")).json
        assert [each["total"] for each in status_["transfers"]] == [
            slow.sim.world.expected()[0].size
        ]
        assert "speaker_view" in (await slow.run("status")).out
        assert (await slow.run("health")).out == f"the daemon on 127.0.0.1:{free_port} is healthy\n"
        await slow.run("sync", code=75)
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(120):
            assert await process.wait() == 0
    assert (await slow.run("health", "--json", code=1)).json["healthy"] is False
    events = [
        json.loads(line)["event"]
        for line in (slow.folder / "stderr").read_text().split("\n")
        if line
    ]
    assert events[0] == "daemon.started"
    assert events[-1] == "daemon.stopped"
    assert (slow.folder / "stdout").read_text() == ""


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- demo ----------------------------------------------------------------------------------------


def demo(folder: Path, *arguments: str) -> Ran:
    return ran_in(folder.parent, "demo", "--dir", str(folder), *arguments)


def test_a_demo_proves_that_all_is_archived(tmp_path: Path) -> None:
    ran = demo(tmp_path / "demo", "--recordings", "30", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["ok"] is True
    assert ran.json["verified"]["ok"] is True
    assert ran.json["compared"]["expected"] > 60
    assert ran.json["compared"]["missing"] == []
    assert ran.json["acknowledged"] == {"expected": 9, "missing": 0}
    assert ran.json["sha256sum"]["failed"] == []
    assert sum(line["listed"] for line in ran.json["providers"]) == 30


def test_a_demo_is_shown_and_may_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for _ in range(2):
        ran = demo(folder, "--recordings", "6")
        assert ran.code == 0, ran.err
        assert ran.out.startswith(f"{folder}/archive/\n")
        assert ran.out.count("✓") == 4
    assert ran_in(folder, "verify", "--json").json["recordings"] == 6


def test_a_demo_touches_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    ran = demo(tmp_path)
    assert ran.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


async def test_a_demo_may_keep_running_while_recordings_appear(tmp_path: Path) -> None:
    process = await anyio.open_process(
        [*PROGRAM, "demo", "--dir", str(tmp_path), "--recordings", "3", "--keep-running"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # beside the staging area, where folders vanish while one looks
        await until(lambda: len(list(tmp_path.glob("archive/[!.]*/**/SHA256SUMS"))) >= 5)
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(120):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()
