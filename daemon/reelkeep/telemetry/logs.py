"""The log: one line an event, as JSON or for people, on a stream or in the systemd journal."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Literal, TextIO
from uuid import UUID, uuid5

from reelkeep.core.events import EVENTS, KEYS, Event, Severity
from reelkeep.ports import Clock, Report
from reelkeep.telemetry.redaction import Plain, Redactor, bounded, plain, rfc3339, visible

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger


SOCKET = "/run/systemd/journal/socket"
"""The socket where journald accepts messages with fields: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/."""

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""The levels of the log as syslog numbers them."""

_OUR_EVENTS = UUID("b63a2e32-f0c0-49fc-aed1-875a3db6189a")
_FIELD = re.compile(r"[A-Z0-9_]{1,48}")
_HEAD = ("timestamp", "level")  # journald has its own fields for both
_ROOM = 8 << 20  # the send buffer in bytes, as sd_journal_send sets it


@cache
def message_id(event: str) -> str:
    """Return the MESSAGE_ID of a listed event, for `journalctl MESSAGE_ID=…`.

    It is derived from the name, so that it is as stable as the name.
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
    """The output of structlog for the journal. Safe to use from any thread.

    A message that journald does not accept is written to `stream`, with the priority as a prefix.
    """

    def __init__(self, stream: TextIO, address: str | None = None) -> None:
        self._stream = stream
        self._address = address or SOCKET

    def write(self, line: str, keys: Mapping[str, Plain]) -> None:
        """Log one event: `line` is what people read, `keys` are timestamp, level, event and more.

        Raises:
            OSError, ValueError: Neither journald nor the stream can be written.
        """
        priority = PRIORITIES[str(keys["level"])]
        try:
            self._send(encoded(fields(line, priority, keys)))
        except OSError:  # no journal socket, or the message is too long
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
        if b"\n" in value:  # a newline would end the field: its length is given instead
            yield b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
        else:
            yield b"%s=%s\n" % (name.encode(), value)


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Forwarder(logging.Handler):
    """Reports each record as `library.message`."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report("library.message", logger=record.name, message=_message(record))


@contextmanager
def captured(report: Report) -> Iterator[None]:
    """Send warnings, and what libraries log at WARNING or above, to `report` inside the context.

    The handlers of the root logger are restored afterwards.
    """
    root, ours = logging.getLogger(), _Forwarder(report)
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = [ours]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        root.handlers[:] = handlers


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - a library's faulty call shall not hide what it meant
        text = str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    return f"{text.strip()} ({_described(error)})" if error else text.strip()


def _described(error: BaseException) -> str:
    """Return class, text and origin of `error` in one line."""
    frames = extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


Format = Literal["auto", "console", "json"]

MOST_RECENT = 500
"""Lines that are remembered for the page."""

LONGEST_VALUE = 2_000
"""Characters of one value in the log."""

_UNLISTED = Event(Severity.WARNING, (), "An event that is not in the table: a bug.")
_RESERVED = ("timestamp", "level", "event")


class RecentLines:
    """The last lines that were logged, without secrets, each with its number. Thread-safe."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=MOST_RECENT)
        self._count = 0
        self._lock = Lock()

    def add(self, line: Mapping[str, Any]) -> None:
        """Keep `line` as the newest."""
        with self._lock:
            self._count += 1
            self._lines.append((self._count, line))

    def after(self, number: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the lines that came after the one with this number, the oldest first."""
        with self._lock:
            if number >= self._count:
                return []
            return [each for each in self._lines if each[0] > number]


class Log:
    """A `Report` that writes to a stream. Safe to use from any thread; never raises for a line.

    The writer is created for the first line. With `strict`, as in tests, an event or a key that
    `core.events` does not list raises `LookupError`; otherwise it is logged anyway.
    """

    def __init__(
        self,
        make_logger: Callable[[], FilteringBoundLogger],
        redactor: Redactor,
        *,
        recent: RecentLines | None = None,
        strict: bool = False,
    ) -> None:
        self.recent = recent or RecentLines()  #: What was written last.
        self._logger = cache(make_logger)
        self._redactor = redactor
        self._strict = strict

    def __call__(self, event: str, /, **keys: object) -> None:
        listed = EVENTS.get(event, _UNLISTED)
        if self._strict:
            _require_listed(event, keys)
        line = {
            f"{key}_" if key in _RESERVED else key: value
            for key in dict.fromkeys((*listed.keys, *keys))
            if (value := keys.get(key)) is not None
        }
        with suppress(OSError, ValueError):  # a closed pipe or file must not stop the archive
            self._logger().log(listed.severity, event, **line)

    def follow(self, other: Log) -> None:
        """Write like `other` from now on, and redact its secrets as well as our own."""
        other._redactor.inherit(self._redactor)
        for _, line in self.recent.after(0):
            other.recent.add(line)
        self._redactor, self._logger, self.recent = other._redactor, other._logger, other.recent

    def lines_after(self, number: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Return what was written after the line with this number, the oldest first."""
        return self.recent.after(number)

    def clean(self, text: str) -> str:
        """Return `text` without the known secrets."""
        return self._redactor.clean(text)

    def learn(self, secret: str) -> None:
        """Redact a secret that was obtained at run time from every later line."""
        self._redactor.learn(secret)


def configure(
    level: str,
    format: Format,  # noqa: A002 - the operator's word (`log.format`)
    stream: TextIO,
    *,
    secrets: Iterable[str],
    clock: Clock,
    strict: bool = False,
) -> Log:
    """Return a log to `stream` for events of at least `level`; nothing global changes.

    `auto` means text for people on a terminal, and JSON otherwise. If `stream` is connected to the
    systemd journal, the line is the message, and the keys are its fields.
    """
    redactor, recent = Redactor(secrets), RecentLines()

    def logger() -> FilteringBoundLogger:
        import structlog

        renderer = _renderer(format, stream)
        sink: object = structlog.WriteLogger(stream)
        if is_journal(stream, os.environ):
            sink, renderer = JournalLogger(stream), _with_keys(renderer)
        made: FilteringBoundLogger = structlog.wrap_logger(
            sink,
            wrapper_class=structlog.make_filtering_bound_logger(Severity[level.upper()]),
            processors=_processors(renderer, redactor, clock, recent),
        ).bind()
        return made

    return Log(logger, redactor, recent=recent, strict=strict)


def _require_listed(event: str, keys: Iterable[str]) -> None:
    if event not in EVENTS:
        raise LookupError(f"core.events does not list the event {event!r}")
    if unknown := sorted(set(keys) - set(EVENTS[event].keys)):
        raise LookupError(f"core.events lists no {unknown} for {event!r}")


def _processors(
    renderer: Processor, redactor: Redactor, clock: Clock, recent: RecentLines
) -> list[Processor]:
    """Redact before anything is cut or escaped, so that no part of a secret remains."""

    def shown(text: str) -> str:
        return bounded(visible(redactor.clean(text)), LONGEST_VALUE)

    def tamed(value: Plain) -> Plain:
        if isinstance(value, str):
            return shown(value)
        if isinstance(value, dict):
            return {shown(key): tamed(inner) for key, inner in value.items()}
        return [tamed(inner) for inner in value] if isinstance(value, list) else value

    def told(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        line = {"timestamp": rfc3339(clock()), "level": method, "event": event.pop("event")}
        for key, value in event.items():
            line[key if key in KEYS else shown(key)] = tamed(plain(value))
        recent.add(dict(line))
        return line

    return [told, renderer]


def _with_keys(renderer: Processor) -> Processor:
    """Return a processor that passes the keys along with the line."""

    def both(logger: WrappedLogger, method: str, event: EventDict) -> tuple[tuple[Any, ...], Any]:
        return (renderer(logger, method, dict(event)), event), {}

    return both


def _renderer(format_: Format, stream: TextIO) -> Processor:
    from structlog.dev import ConsoleRenderer
    from structlog.processors import JSONRenderer

    terminal = stream.isatty()
    if format_ == "console" or (format_ == "auto" and terminal):
        colors = terminal and not os.environ.get("NO_COLOR")
        return ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=26)
    return JSONRenderer(json.dumps, ensure_ascii=False, separators=(",", ":"))
