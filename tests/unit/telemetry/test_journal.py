from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from reelkeep.core.events import EVENTS
from reelkeep.telemetry.logs import JournalLogger, configure, encoded, is_journal, message_id
from reelkeep.telemetry.redaction import Plain

NOW = datetime(2026, 11, 22, 12, 0, 0, 250, tzinfo=UTC)


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that takes what journald would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(120)
        yield listener


def received(journald: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in journald.recv(1 << 16).decode().splitlines())


def logged_to(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Log one event as a service does whose stderr is the journal."""
    monkeypatch.setattr("reelkeep.telemetry.logs.is_journal", lambda _stream, _environ: True)
    monkeypatch.setattr("reelkeep.telemetry.logs.SOCKET", address)
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log = configure("info", "auto", stream, secrets=["hunter2"], clock=lambda: NOW)
    log("file.failed", provider="zoom", file="a\nb", code="stalled", reason="hunter2", attempt=8)


def test_an_event_arrives_with_priority_id_and_fields(
    journald: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    logged_to(stream, monkeypatch, journald.getsockname())

    message = received(journald)
    line = json.loads(message.pop("MESSAGE"))
    assert (line["event"], line["level"], line["provider"]) == ("file.failed", "error", "zoom")
    assert message == {
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "reelkeep",
        "MESSAGE_ID": message_id("file.failed"),
        "REELKEEP_EVENT": "file.failed",
        "REELKEEP_PROVIDER": "zoom",
        "REELKEEP_FILE": "a\\nb",
        "REELKEEP_CODE": "stalled",
        "REELKEEP_REASON": "***",
        "REELKEEP_ATTEMPT": "8",
    }
    assert not stream.getvalue()


def test_without_journald_the_line_bears_its_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    logged_to(stream, monkeypatch, str(tmp_path / "nobody"))

    prefix, line = stream.getvalue()[:3], stream.getvalue()[3:]
    assert prefix == "<3>"
    assert json.loads(line)["event"] == "file.failed"


def test_a_message_that_is_too_long_goes_the_other_way(
    journald: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelkeep.telemetry.logs._ROOM", 4096)
    stream = io.StringIO()
    journal = JournalLogger(stream, journald.getsockname())

    journal.write("x" * 100_000, {"level": "info", "event": "heartbeat"})

    assert stream.getvalue() == f"<6>{'x' * 100_000}\n"


def test_keys_that_are_no_names_of_fields_are_left_out(journald: socket.socket) -> None:
    keys: dict[str, Plain] = {
        "level": "warning",
        "event": "nobody.knows",
        "a key": 1,
        "ok": [1, "ü"],
    }
    JournalLogger(io.StringIO(), journald.getsockname()).write("line", keys)

    assert received(journald) == {
        "MESSAGE": "line",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "reelkeep",
        "REELKEEP_EVENT": "nobody.knows",
        "REELKEEP_OK": '[1, "ü"]',
    }


def test_a_value_of_several_lines_stays_one_field() -> None:
    assert encoded({"MESSAGE": "a\nB=c"}) == b"MESSAGE\n\x05\0\0\0\0\0\0\0a\nB=c\n"


def test_each_event_has_an_id_of_its_own() -> None:
    assert len({UUID(message_id(event)) for event in EVENTS}) == len(EVENTS)


def test_the_stream_of_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})


@pytest.mark.parametrize("said", ["", "8:1", "nonsense"])
def test_any_other_stream_is_written_to_as_it_is(said: str, tmp_path: Path) -> None:
    """A unit may send stderr elsewhere, or the variable may be inherited."""
    with (tmp_path / "stderr").open("w") as stream:
        assert not is_journal(stream, {"JOURNAL_STREAM": said})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": said})
