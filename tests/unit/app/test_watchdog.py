from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from reelkeep.app.watchdog import Watchdog
from reelkeep.telemetry.notify import Notifier
from virtual import VIRTUAL, Backend

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of NOTIFY_SOCKET."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def heard(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(1000).decode())
        except BlockingIOError:
            return found


async def beaten(systemd: socket.socket, *, starting: bool) -> list[str]:
    """Return what is said within eleven seconds while the watchdog waits for ten."""
    notifier = Notifier({"NOTIFY_SOCKET": "set", "WATCHDOG_USEC": "10000000"}, pid=7)
    pulse = Watchdog(notifier, lambda _late: None)
    pulse.starting = starting
    with anyio.move_on_after(11):
        await pulse.forever()
    notifier.close()
    return heard(systemd)


async def test_the_watchdog_is_fed_in_time(systemd: socket.socket) -> None:
    assert await beaten(systemd, starting=False) == ["WATCHDOG=1"] * 3


async def test_a_start_may_take_as_long_as_the_loop_turns(systemd: socket.socket) -> None:
    said = await beaten(systemd, starting=True)
    assert said == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"] * 3


async def test_a_loop_that_does_not_turn_is_not_well() -> None:
    pulse = Watchdog(Notifier({}, pid=7), lambda _late: None)
    await anyio.sleep(19)
    assert pulse.healthy
    await anyio.sleep(2)
    assert not pulse.healthy


async def test_says_by_how_much_each_turn_is_late() -> None:
    late: list[float] = []
    with anyio.move_on_after(16):
        await Watchdog(Notifier({}, pid=7), late.append).forever()
    assert late == [0.0] * 3
