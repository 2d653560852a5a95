"""Report the state of the daemon to systemd; does nothing without systemd."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sdnotify import SystemdNotifier

from reelkeep.telemetry.redaction import bounded, visible

_LONGEST_STATUS = 200


class Notifier:
    """The service's side of sd_notify(3). Sending never fails and never waits."""

    def __init__(self, environ: Mapping[str, str], *, pid: int) -> None:
        # without NOTIFY_SOCKET, SystemdNotifier would leave its own socket open
        self._systemd = SystemdNotifier() if environ.get("NOTIFY_SOCKET") else None
        self.watchdog_interval = _watchdog(environ, pid) if self._systemd else None
        """How often to call `alive`: half of what systemd allows. None: not expected."""

    def ready(self) -> None:
        """Report that the service is ready, also after `reloading`."""
        self._send("READY=1")

    def stopping(self, within: timedelta) -> None:
        """Report that the service stops, and how long systemd should wait for it."""
        self._send("STOPPING=1")
        self.extend(within)

    def reloading(self, monotonic: float) -> None:
        """Report that the configuration is reloaded; `monotonic` is CLOCK_MONOTONIC in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1_000_000)}")

    def extend(self, by: timedelta) -> None:
        """Extend the time limit of the current start or stop, counted from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={by // timedelta(microseconds=1)}")

    def status(self, text: str) -> None:
        """Show `text` in `systemctl status`."""
        self._send(f"STATUS={bounded(visible(text), _LONGEST_STATUS)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Send nothing from now on."""
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
