"""Bring what the libraries say through `logging` and `warnings` into our own log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

from reelkeep.ports import Report


class _Forwarder(logging.Handler):
    """Reports each record as `library.message`."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report("library.message", logger=record.name, message=_message(record))


@contextmanager
def captured(report: Report) -> Iterator[None]:
    """While inside, warnings and all that libraries log at WARNING or above goes to `report`.

    The root logger's handlers are put back afterwards.
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
    """Return kind, text and birthplace of `error` in one line."""
    frames = extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
