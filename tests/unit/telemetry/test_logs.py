from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reelkeep.core.events import EVENTS
from reelkeep.errors import Unreachable
from reelkeep.telemetry.logs import LONGEST_VALUE, Log, configure

SECRET = "hunter2-and-more"
NOW = datetime(2026, 11, 22, 12, 0, 0, 250, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log_to(stream: io.StringIO, level: str = "debug", *, strict: bool = True) -> Log:
    return configure(level, "auto", stream, secrets=[SECRET], clock=lambda: NOW, strict=strict)


def logged(event: str, /, **keys: object) -> dict[str, Any]:
    stream = io.StringIO()
    log_to(stream, strict=False)(event, **keys)
    line = json.loads(stream.getvalue())
    assert isinstance(line, dict)
    return line


def test_a_line_has_time_level_event_and_keys_in_the_order_of_the_table() -> None:
    stream = io.StringIO()

    log_to(stream)("file.retry", attempt=2, delay=timedelta(seconds=3), provider="zoom")

    assert stream.getvalue() == (
        '{"timestamp":"2026-11-22T12:00:00.000250Z","level":"warning","event":"file.retry",'
        '"provider":"zoom","attempt":2,"delay":3.0}\n'
    )


def test_what_is_none_is_left_out() -> None:
    assert "host" not in logged("file.started", provider="zoom", host=None)


def test_what_is_nought_is_not_left_out() -> None:
    assert logged("disk.low", free=0)["free"] == 0


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_logged_at_its_level(event: str) -> None:
    assert logged(event)["level"] == EVENTS[event].severity.name.lower()


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = io.StringIO()
    log_to(stream, "warning")("file.stored")

    assert not stream.getvalue()


def test_an_unlisted_event_is_a_bug() -> None:
    with pytest.raises(LookupError, match=r"nobody\.knows"):
        log_to(io.StringIO())("nobody.knows")


def test_an_unlisted_key_is_a_bug() -> None:
    with pytest.raises(LookupError, match="colour"):
        log_to(io.StringIO())("disk.low", colour="red")


def test_an_operator_sees_unlisted_events_and_keys_all_the_same() -> None:
    line = logged("nobody.knows", colour="red", level="high")

    assert (line["level"], line["colour"], line["level_"]) == ("warning", "red", "high")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(SECRET, id="text"),
        pytest.param([{"a": SECRET}], id="nested"),
        pytest.param({SECRET: 1}, id="key"),
        pytest.param(Unreachable(f"no way to https://h.example/a?sig={SECRET}"), id="error"),
        pytest.param(Path("/tmp") / SECRET, id="path"),
        pytest.param("x" * (LONGEST_VALUE - 5) + SECRET, id="across-the-cut"),
    ],
)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_secret_reaches_neither_log_nor_terminal(
    value: object, stream: type[io.StringIO]
) -> None:
    out = stream()
    log_to(out)("daemon.failed", reason=value)

    assert SECRET[:5] not in out.getvalue()


def test_a_secret_learned_later_is_masked() -> None:
    stream = io.StringIO()
    log = log_to(stream)
    log.learn("token-of-today")
    log("poll.failed", reason="token-of-today was refused")

    assert "token-of-today" not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_foreign_text_can_neither_break_a_line_nor_steer_the_terminal(
    stream: type[io.StringIO],
) -> None:
    out = stream()
    log_to(out)("provider.refused", reason="a\n\x1b]0;owned\x07\x9b2J\u202e\u2028\ud800")

    assert out.getvalue().count("\n") == 1
    assert not set("\x07\x9b\u202e\u2028\ud800") & set(out.getvalue())
    assert "\x1b]" not in out.getvalue()


def test_a_value_is_bounded() -> None:
    assert len(logged("daemon.failed", reason="x" * 10**6)["reason"]) == LONGEST_VALUE


def test_a_terminal_is_written_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    log_to(out)("disk.low", free=1)

    assert "\x1b[" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    log_to(out)("disk.low", free=1)

    assert "\x1b" not in out.getvalue()


def test_a_closed_stream_does_not_stop_the_archive() -> None:
    stream = io.StringIO()
    log = log_to(stream)
    stream.close()

    log("disk.low", free=1)


def test_threads_do_not_mix_their_lines() -> None:
    stream = io.StringIO()
    log = log_to(stream)

    def write() -> None:
        for _ in range(100):
            log("disk.low", free=1, min_free=2)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {json.loads(line)["event"] for line in stream.getvalue().splitlines()} == {"disk.low"}


def test_a_log_that_follows_another_writes_as_that_one_does() -> None:
    before, after = io.StringIO(), io.StringIO()
    log = log_to(before, level="error")
    log.follow(log_to(after, level="debug"))
    log("heartbeat", pending=1)
    assert before.getvalue() == ""
    assert json.loads(after.getvalue())["pending"] == 1


def test_a_log_that_follows_another_keeps_the_secrets_of_both() -> None:
    stream = io.StringIO()
    log = log_to(stream)
    log.learn("learned-meanwhile")
    new = configure("debug", "auto", stream, secrets=["a-new-secret"], clock=lambda: NOW)
    log.follow(new)
    log("heartbeat.failed", reason=f"{SECRET} learned-meanwhile a-new-secret")
    assert json.loads(stream.getvalue())["reason"] == "*** *** ***"
    assert log.clean("a-new-secret") == "***"


def test_secrets_of_many_reloads_do_not_pile_up() -> None:
    stream = io.StringIO()
    log = log_to(stream)
    for number in range(200):
        secret = f"secret-number-{number:03}"
        log.follow(configure("info", "auto", stream, secrets=[secret], clock=lambda: NOW))
    assert log.clean("secret-number-199 secret-number-198") == "*** ***"
    assert log.clean("secret-number-000") == "secret-number-000"
