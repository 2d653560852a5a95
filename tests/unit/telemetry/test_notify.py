from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reelkeep.telemetry.notify import Notifier

Say = Callable[[Notifier], None]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The other end of NOTIFY_SOCKET."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(120)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


@pytest.mark.parametrize(
    ("say", "heard"),
    [
        pytest.param(Notifier.ready, "READY=1", id="ready"),
        pytest.param(lambda n: n.stopping(timedelta(seconds=1)), "STOPPING=1", id="stopping"),
        pytest.param(
            lambda n: n.extend(timedelta(seconds=2)), "EXTEND_TIMEOUT_USEC=2000000", id="extend"
        ),
        pytest.param(Notifier.alive, "WATCHDOG=1", id="alive"),
        pytest.param(lambda n: n.status("3 läuft"), "STATUS=3 läuft", id="status"),
        pytest.param(lambda n: n.status("a\nREADY=1"), r"STATUS=a\nREADY=1", id="no-injection"),
        pytest.param(
            lambda n: n.reloading(1.5), "RELOADING=1\nMONOTONIC_USEC=1500000", id="reloading"
        ),
    ],
)
def test_systemd_hears(systemd: socket.socket, say: Say, heard: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "set"}, pid=7)
    say(notifier)
    notifier.close()

    assert systemd.recv(1000).decode() == heard


def test_without_systemd_nothing_is_said() -> None:
    notifier = Notifier({}, pid=7)
    notifier.ready()

    assert notifier.watchdog_interval is None


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        pytest.param({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=15), id="half"),
        pytest.param(
            {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7"}, timedelta(seconds=1), id="ours"
        ),
        pytest.param({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"}, None, id="another's"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="unreadable"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="off"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed(
    systemd: socket.socket, environ: dict[str, str], interval: timedelta | None
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "set", **environ}, pid=7)
    notifier.close()

    assert notifier.watchdog_interval == interval
