"""Every command with standard streams that are closed, full, or that nobody reads any more."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from integration.test_cli import PROGRAM, Place, place_in
from reelkeep.cli.program import COMMANDS

ARGUMENTS = {
    "show": "show nothing",
    "retry": "retry --failed",
    "waive": "waive nothing",
    "backfill": "backfill --from 2026-01-01 --to 2026-01-02",
    "backup": "backup copy.db",
    "demo": "demo --dir demo --recordings 1",
    "logs": "logs --explain disk.low",
    "health": "health",
}
"""How commands are called that need arguments; `run` has tests of its own."""

CALLS = [ARGUMENTS.get(name, name) for name in COMMANDS if name != "run"]
CALLS += ["--help", "--version", "status --json", "verify --help"]
CLOSED = [">&-", "2>&-", "<&- >&- 2>&-"]

pytestmark = pytest.mark.prove  # some hundred processes


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """An archive that one pass has filled."""
    async with place_in(tmp_path_factory.mktemp("streams")) as made:
        await made.run("sync")
        yield made


async def code(place: Place, call: str, streams: str) -> tuple[int, str]:
    """Return the exit code of a command with such streams, and what it says on stderr."""
    remove(place)
    words = f"{shlex.join(PROGRAM)} {call} {streams}"
    done = await anyio.run_process(
        ["sh", "-c", words], cwd=place.folder, env=place.environ, check=False
    )
    return done.returncode, done.stderr.decode()


def remove(place: Place) -> None:
    """Remove the copy that `backup` makes."""
    (place.folder / "copy.db").unlink(missing_ok=True)


@pytest.mark.parametrize("call", CALLS)
async def test_a_closed_stream_changes_nothing(place: Place, call: str) -> None:
    expected, _ = await code(place, call, "")
    for streams in CLOSED:
        assert (await code(place, call, streams))[0] == expected, streams


@pytest.mark.parametrize("call", CALLS)
async def test_a_full_stdout_is_said_and_ends_with_1(place: Place, call: str) -> None:
    expected, _ = await code(place, call, "")
    found, said = await code(place, call, ">/dev/full")
    assert found == (expected or 1)
    assert "Traceback" not in said
    if expected == 0:
        assert "reelkeep: cannot write to stdout: No space left on device" in said


@pytest.mark.parametrize("call", CALLS)
async def test_a_stderr_that_takes_nothing_changes_nothing(place: Place, call: str) -> None:
    expected, _ = await code(place, call, "")
    assert (await code(place, call, "2>/dev/full"))[0] == expected


@pytest.mark.parametrize("call", CALLS)
async def test_streams_that_nobody_reads_change_nothing(place: Place, call: str) -> None:
    expected, _ = await code(place, call, "")
    remove(place)
    assert await unread(place, call) == expected


async def unread(place: Place, call: str) -> int:
    """Return the exit code of a command whose stdout and stderr are pipes without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = await anyio.open_process(
            [*PROGRAM, *call.split()],
            cwd=place.folder, env=place.environ, stdout=writing, stderr=writing,
        )  # fmt: skip
    finally:
        os.close(writing)
    async with process:
        return await process.wait()


@pytest.mark.parametrize("streams", [*CLOSED, ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"])
async def test_a_pass_is_made_whoever_listens(tmp_path: Path, streams: str) -> None:
    async with place_in(tmp_path) as place:
        found, _ = await code(place, "sync", streams)
        assert found in (0, 1)
        assert place.is_complete()


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full"])
async def test_a_daemon_works_whoever_listens(tmp_path: Path, streams: str) -> None:
    async with place_in(tmp_path) as place:
        process = await anyio.open_process(
            ["sh", "-c", f"exec {shlex.join([*PROGRAM, 'run'])} {streams}"],
            cwd=place.folder, env=place.environ, stdout=None, stderr=None, stdin=None,
        )  # fmt: skip
        async with process:
            with anyio.fail_after(300):
                while not place.is_complete():  # noqa: ASYNC110 - another process does it
                    await anyio.sleep(0.05)
            process.terminate()
            assert await process.wait() == 0


def opened(process: int) -> list[Path]:
    """Return what the standard streams of a process lead to."""
    return [Path(f"/proc/{process}/fd/{number}").readlink() for number in range(3)]


async def test_no_file_of_ours_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        process = await anyio.open_process(
            ["sh", "-c", f"exec {shlex.join([*PROGRAM, 'run'])} <&- >&- 2>&-"],
            cwd=place.folder, env=place.environ, stdout=None, stderr=None, stdin=None,
        )  # fmt: skip
        async with process:
            with anyio.fail_after(300):
                while not place.is_complete():  # noqa: ASYNC110 - another process does it
                    await anyio.sleep(0.05)
            numbers = opened(process.pid)
            process.terminate()
            await process.wait()
    assert numbers == [Path(os.devnull)] * 3


async def test_a_pass_goes_on_when_its_terminal_is_gone(tmp_path: Path) -> None:
    async with place_in(tmp_path) as place:
        place.sim.switches.downloads.rate = 200_000
        reading, writing = pty.openpty()
        process = await anyio.open_process(
            [*PROGRAM, "sync"],
            cwd=place.folder, env=place.environ | {"TERM": "xterm"},
            stdout=subprocess.DEVNULL, stderr=writing, start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        async with process:
            with suppress(OSError):
                await anyio.to_thread.run_sync(os.read, reading, 1000)
            os.close(reading)
            place.sim.switches.downloads.rate = 0
            assert await process.wait() == 0
        assert place.is_complete()
