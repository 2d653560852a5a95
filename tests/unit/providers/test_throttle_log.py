"""Telling that an API asks us to slow down."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from fakes.log import RecordedLog
from reelkeep.providers.pacing import Throttling
from virtual import VIRTUAL, Backend, clock

URL = "https://api.example.test:8443/v2?key=s3cr3t"


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def log() -> RecordedLog:
    return RecordedLog()


@pytest.fixture
def throttling(log: RecordedLog) -> Throttling:
    return Throttling("meetings", URL, clock=clock, report=log)


def told(log: RecordedLog) -> list[dict[str, object]]:
    return log.named("provider.throttled")


async def test_the_beginning_is_told_with_its_end(throttling: Throttling, log: RecordedLog) -> None:
    until = clock() + timedelta(seconds=5)
    throttling.heard(until)
    assert told(log) == [
        {"provider": "meetings", "host": "api.example.test", "until": until.isoformat()}
    ]


async def test_further_complaints_are_not_told(throttling: Throttling, log: RecordedLog) -> None:
    for seconds in (1, 2, 3):
        throttling.heard(clock() + timedelta(seconds=seconds))
    assert len(told(log)) == 1


async def test_the_end_is_told_without_a_time(throttling: Throttling, log: RecordedLog) -> None:
    throttling.heard(clock() + timedelta(seconds=5))
    await anyio.sleep(5)
    throttling.served()
    throttling.served()
    assert told(log)[1:] == [{"provider": "meetings", "host": "api.example.test"}]


async def test_an_answer_during_the_wait_is_no_end(
    throttling: Throttling, log: RecordedLog
) -> None:
    throttling.heard(clock() + timedelta(seconds=5))
    throttling.heard(clock() + timedelta(seconds=1))
    await anyio.sleep(4)
    throttling.served()
    assert len(told(log)) == 1


async def test_what_begins_again_is_told_again(throttling: Throttling, log: RecordedLog) -> None:
    for _ in range(2):
        throttling.heard(clock() + timedelta(seconds=5))
        await anyio.sleep(5)
        throttling.served()
    assert ["until" in keys for keys in told(log)] == [True, False, True, False]


async def test_an_api_that_never_complains_is_not_told_of(
    throttling: Throttling, log: RecordedLog
) -> None:
    throttling.served()
    assert told(log) == []
