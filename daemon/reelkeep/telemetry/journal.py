"""The systemd journal: lines arrive with their priority, their keys as fields, and a MESSAGE_ID."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TextIO
from uuid import UUID, uuid5

from reelkeep.core.events import EVENTS
from reelkeep.telemetry.values import Plain

SOCKET = "/run/systemd/journal/socket"
"""Where journald takes messages with fields: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/."""

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""The levels of the log as syslog numbers them."""

_OUR_EVENTS = UUID("b63a2e32-f0c0-49fc-aed1-875a3db6189a")
_FIELD = re.compile(r"[A-Z0-9_]{1,48}")
_HEAD = ("timestamp", "level")  # journald has both as fields of its own
_ROOM = 8 << 20  # bytes of one message, as sd_journal_send asks for


@cache
def message_id(event: str) -> str:
    """Return the MESSAGE_ID of a listed event, for `journalctl MESSAGE_ID=…`.

    It follows from the name, so that it is as lasting as the name is.
    """
    return uuid5(_OUR_EVENTS, event).hex


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is the one that systemd connected to the journal (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalLogger:
    """What structlog writes to instead of a stream. Safe to use from any thread.

    What journald does not take as a message goes to `stream`, where a prefix bears the priority.
    """

    def __init__(self, stream: TextIO, address: str | None = None) -> None:
        self._stream = stream
        self._address = address or SOCKET

    def write(self, line: str, keys: Mapping[str, Plain]) -> None:
        """Log one event: `line` is what people read, `keys` are timestamp, level, event and more.

        Raises:
            OSError, ValueError: Neither way is open.
        """
        priority = PRIORITIES[str(keys["level"])]
        try:
            self._send(encoded(fields(line, priority, keys)))
        except OSError:  # no such socket here, or a message of unusual length
            self._stream.write(f"<{priority}>{line}\n")
            self._stream.flush()

    def _send(self, message: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
            sender.sendto(message, self._address)

    debug = info = warning = error = write


def fields(line: str, priority: int, keys: Mapping[str, Plain]) -> dict[str, str]:
    """Return the fields of one message: `REELKEEP_PROVIDER` for the key `provider`, and so on."""
    event = str(keys["event"])
    known = {"MESSAGE_ID": message_id(event)} if event in EVENTS else {}
    ours = {
        f"REELKEEP_{key.upper()}": _text(value) for key, value in keys.items() if key not in _HEAD
    }
    return {
        "MESSAGE": line,
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "reelkeep",
        **known,
        **{name: value for name, value in ours.items() if _FIELD.fullmatch(name)},
    }


def encoded(message: Mapping[str, str]) -> bytes:
    """Return `message` in journald's native protocol."""
    return b"".join(_encoded(message))


def _encoded(message: Mapping[str, str]) -> Iterator[bytes]:
    for name, text in message.items():
        value = text.encode("utf-8", "replace")
        if b"\n" in value:  # it would end the field: the length says where it does
            yield b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
        else:
            yield b"%s=%s\n" % (name.encode(), value)


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
