"""Tell systemd how the daemon is doing; silent where there is no systemd."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sdnotify import SystemdNotifier

from reelkeep.telemetry.redaction import bounded, visible

_LONGEST_STATUS = 200


class Notifier:
    """The service's side of sd_notify(3). Sending never fails and never waits."""

    def __init__(self, environ: Mapping[str, str], *, pid: int) -> None:
        # without a socket to speak to, SystemdNotifier would leave one of its own open
        self._systemd = SystemdNotifier() if environ.get("NOTIFY_SOCKET") else None
        self.watchdog_interval = _watchdog(environ, pid) if self._systemd else None
        """How often `alive` must be said: half of what systemd allows. None: not expected."""

    def ready(self) -> None:
        """Say that the service does its work now, also after `reloading`."""
        self._send("READY=1")

    def stopping(self, within: timedelta) -> None:
        """Say that the service ends, and that systemd shall wait so long for it."""
        self._send("STOPPING=1")
        self.extend(within)

    def reloading(self, monotonic: float) -> None:
        """Say that the configuration is read again; `monotonic` is CLOCK_MONOTONIC in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1_000_000)}")

    def extend(self, by: timedelta) -> None:
        """Let the start, or the stop, that is under way take so much longer from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={by // timedelta(microseconds=1)}")

    def status(self, text: str) -> None:
        """Show `text` in `systemctl status`."""
        self._send(f"STATUS={bounded(visible(text), _LONGEST_STATUS)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Say nothing from now on."""
        if self._systemd is not None and self._systemd.socket is not None:
            self._systemd.socket.close()
        self._systemd = None

    def _send(self, state: str) -> None:
        if self._systemd is not None:
            # sdnotify encodes as Latin-1 and drops what does not fit; systemd expects UTF-8
            self._systemd.notify(state.encode().decode("latin-1"))


def _watchdog(environ: Mapping[str, str], pid: int) -> timedelta | None:
    microseconds = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID") in (None, "", str(pid))
    if not meant or not microseconds.isascii() or not microseconds.isdigit():
        return None
    return timedelta(microseconds=int(microseconds) // 2) or None
