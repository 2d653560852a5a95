"""What an API may answer: an adapter says what is wrong with it, or makes the best of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import virtual
from fakes.catalog import open_catalog
from fakes.goto import Api, Asked, account
from fakes.transport import FakeReply
from fakes.zoom import Bench, file, meeting, session, span
from fuzz.hostile import FAST, FEW, PARSED, RAW, TEXTS, spoilt
from reelkeep.core.manifest import dump, to_manifest
from reelkeep.core.model import ProviderName, Recording, Window
from reelkeep.core.poll_window import EPOCH
from reelkeep.errors import Error, ProviderError
from reelkeep.ports import Provider
from reelkeep.providers.gotoassist.api_errors import complaint
from reelkeep.providers.gotoassist.replies import (
    identifier,
    moment,
    read_links,
    read_listing,
    size,
)
from reelkeep.providers.web import parse
from reelkeep.providers.zoom.file_parsing import facts
from reelkeep.providers.zoom.json_values import day, minutes, objects, quoted, text, whole
from reelkeep.providers.zoom.json_values import moment as zoom_moment
from reelkeep.providers.zoom.json_values import size as zoom_size
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@FAST
@given(PARSED)
def test_a_value_is_what_it_can_be(value: Any) -> None:
    for read in (identifier, size, moment, zoom_size, zoom_moment, whole, minutes, day):
        found: Any = read(value)
        assert found is None or found is not False
    assert isinstance(text(value), str)
    assert len(quoted(value)) < 1000
    assert isinstance(list(objects(value)), list)
    assert complaint(value) is not None


@FAST
@given(PARSED)
def test_facts_are_json_of_bounded_size(value: Any) -> None:
    assert len(dump({"facts": facts({"x": value, "y": [value]})})) < 4_000_000


@FAST
@given(PARSED)
@pytest.mark.parametrize("read", [read_listing, read_links])
def test_a_listing_is_one_or_a_bad_answer(read: Any, body: Any) -> None:
    try:
        found = read(body)
    except ProviderError:
        return
    assert found is not None


@FAST
@given(st.binary(max_size=300))
def test_a_body_is_json_or_none_or_a_bad_answer(body: bytes) -> None:
    try:
        parse(body)
    except ProviderError as error:
        assert "deep" in str(error)  # noqa: PT017 - either is fine


async def seen(provider: Provider, window: Window) -> list[Recording]:
    """Return what is discovered until the adapter gives up."""
    found: list[Recording] = []
    try:
        async for batch in provider.discover(window):
            found += batch
    except Error:
        pass
    return found


async def keep(found: list[Recording], provider: Provider) -> None:
    """Whatever was believed can be kept in a catalog, and shown in a manifest."""
    catalog = open_catalog()
    await catalog.intake.admit(ProviderName(provider.name), provider.traits, found)
    for held in await catalog.operator.listing():
        assert dump(to_manifest(held, version="1"))
    catalog.engine.dispose()


PAGE = {
    "from": "2025-11-13", "to": "2025-11-21", "page_size": 300, "total_records": 1,
    "next_page_token": "", "meetings": [meeting("m-1", file("f-1"), file("f-2"))],
}  # fmt: skip
SESSIONS = {**PAGE, "meetings": None, "sessions": [session("s-1")]}


@FEW
@given(spoilt(PAGE))
async def test_zoom_may_say_anything_in_a_page(body: Any) -> None:
    bench = Bench()
    bench.script.on("/users/u-1/recordings", FakeReply.json(body))
    bench.script.on("/meetings/m-1/recordings", FakeReply.json(PAGE["meetings"]))
    provider = bench.meetings()
    await keep(await seen(provider, span()), provider)


@FEW
@given(spoilt(SESSIONS))
async def test_the_video_sdk_may_say_anything_in_a_page(body: Any) -> None:
    bench = Bench()
    bench.script.on("/videosdk/recordings", FakeReply.json(body))
    provider = bench.sdk()
    await keep(await seen(provider, span()), provider)


@FEW
@given(RAW | spoilt({"access_token": "t", "expires_in": 3599, "scope": "x"}))
async def test_a_token_may_be_anything(body: Any) -> None:
    bench = Bench()
    bench.script.on("/oauth/token", FakeReply.json(body))
    bench.script.on("/users/u-1/recordings", FakeReply.json(PAGE))
    await seen(bench.meetings(), span())


LISTING = {"readyForTranscode": [1], "readyForDownload": [2, 3]}
LINKS = [
    {
        "recordingId": each, "recordingUrl": f"https://files.example/{each}",
        "recordingStartTime": "2025-12-30T09:00:00Z", "recordingSize": 10,
    }
    for each in (1, 2, 3)
]  # fmt: skip


@FEW
@given(spoilt(LISTING), spoilt(LINKS))
async def test_gotoassist_may_say_anything(listing: Any, links: Any) -> None:
    def answer(asked: Asked) -> FakeReply:
        return FakeReply.json(links if "url" in asked.path else listing)

    provider = account(Api(answer), requests_per_second=100)
    window = Window(EPOCH, virtual.START)
    found = await seen(provider, window)
    await keep(found, provider)


@FEW
@given(st.sampled_from([200, 400, 401, 403, 404, 429, 500]), RAW, TEXTS)
async def test_an_error_may_be_anything(status: int, body: Any, after: str) -> None:
    reply = FakeReply.json(body, status=status, **{"Retry-After": after[:200]})
    bench = Bench()
    bench.script.on("/users/u-1/recordings", reply)
    await seen(bench.meetings(), span())
    await seen(account(Api([reply]), requests_per_second=100), span(until=virtual.START))
