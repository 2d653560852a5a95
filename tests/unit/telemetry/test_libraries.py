from __future__ import annotations

import io
import json
import logging
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from reelkeep.telemetry.logs import captured, configure


class Lines:
    """What was reported, through the real log."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.log = configure(
            "info",
            "json",
            self.stream,
            secrets=["hunter2-and-more"],
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            strict=True,
        )

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def fail() -> None:
    raise ValueError("bad\nBearer hunter2-and-more")


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_a_library_speaks_through_our_log(lines: Lines) -> None:
    with captured(lines.log):
        logging.getLogger("aiohttp.server").error("odd request from %s", "peer")

    (line,) = lines.read()
    assert (line["event"], line["logger"], line["message"]) == (
        "library.message",
        "aiohttp.server",
        "odd request from peer",
    )


def test_an_exception_is_told_in_one_line_without_secrets(lines: Lines) -> None:
    with captured(lines.log):
        try:
            fail()
        except ValueError:
            logging.getLogger("asyncio").exception("Task exception was never retrieved")

    message = lines.read()[0]["message"]
    assert message.startswith(r"Task exception was never retrieved (ValueError: bad\nBearer ***")
    assert "test_libraries.py:" in message


def test_chatter_is_left_out(lines: Lines) -> None:
    with captured(lines.log):
        logging.getLogger("alembic.runtime.migration").info("Will assume non-transactional DDL.")

    assert lines.read() == []


def test_warnings_are_captured(lines: Lines) -> None:
    with warnings.catch_warnings(), captured(lines.log):
        warnings.simplefilter("always")
        warnings.warn("this will be removed", stacklevel=1)

    assert "this will be removed" in lines.read()[0]["message"]


def test_a_faulty_logging_call_is_told(lines: Lines) -> None:
    with captured(lines.log):
        logging.getLogger("x").error("%d files", "no number")

    assert lines.read()[0]["message"] == "%d files"


def test_the_handlers_of_others_are_put_back(lines: Lines) -> None:
    before = logging.getLogger().handlers[:]
    with captured(lines.log):
        pass

    assert logging.getLogger().handlers == before
