"""How requests are spelt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.goto import ids, options
from reelkeep.core.model import RecordingId
from reelkeep.providers.gotoassist import client
from reelkeep.providers.gotoassist.client import ROOM, batches, listing
from reelkeep.providers.gotoassist.options import IdSyntax

NOON = datetime(2025, 11, 3, 12, 0, tzinfo=UTC)


def test_a_listing_asks_for_all_that_is_configured() -> None:
    chosen = options(user_key="7", company_id="51001", session_type="unattended")
    call = listing(chosen, since=NOON, until=NOON + timedelta(hours=1), days=30, archived=True)
    assert (call.method, call.path) == ("GET", "archive/recordings")
    assert dict(call.pairs) == {
        "accountKey": "400000000000001",
        "userKey": "7",
        "companyId": "51001",
        "sessionType": "1",
        "fromTime": "2025-11-03T12:00:00Z",
        "toTime": "2025-11-03T13:00:00Z",
        "timePeriod": "30",
        "archived": "1",
    }


def test_what_is_not_configured_is_not_asked_for() -> None:
    call = listing(options(account_key=None, user_key="7"))
    assert dict(call.pairs) == {"userKey": "7", "archived": "0"}


def test_attended_sessions_are_of_type_nought() -> None:
    assert dict(listing(options(session_type="attended")).pairs)["sessionType"] == "0"


def test_times_are_in_utc_and_widened_to_whole_seconds() -> None:
    east = datetime(2025, 11, 3, 14, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    pairs = dict(listing(options(), since=east, until=east).pairs)
    assert (pairs["fromTime"], pairs["toTime"]) == ("2025-11-03T12:00:00Z", "2025-11-03T12:00:01Z")


@pytest.mark.parametrize(
    ("syntax", "pairs"),
    [
        (IdSyntax(), (("recordingIds", "1,2"),)),
        (IdSyntax(urls="repeat"), (("recordingIds", "1"), ("recordingIds", "2"))),
        (IdSyntax(urls_param="recordingId"), (("recordingId", "1,2"),)),
    ],
)
def test_urls_are_asked_for_in_the_configured_syntax(
    syntax: IdSyntax, pairs: tuple[tuple[str, str], ...]
) -> None:
    call = client.urls(syntax).call(ids(1, 2))
    assert (call.method, call.path, call.pairs) == ("GET", "archive/recordings/urls", pairs)


def test_ids_go_into_the_path() -> None:
    marked = client.mark(IdSyntax()).call(ids(1, 2))
    assert (marked.method, marked.path, marked.body) == (
        "PUT",
        "archive/recordings/archived/1,2",
        None,
    )
    transcoded = client.transcode(IdSyntax()).call(ids(3))
    assert (transcoded.method, transcoded.path, transcoded.body) == (
        "POST",
        "archive/recordings/transcode/3",
        None,
    )


def test_ids_go_into_the_body_as_numbers_as_long_as_they_are() -> None:
    big = ids(9223372036854775807)
    call = client.mark(IdSyntax(mark="body")).call([*big, RecordingId("007"), RecordingId("a-1")])
    assert (call.path, call.body) == (
        "archive/recordings/archived",
        b'{"recordingIds":[9223372036854775807,"007","a-1"]}',
    )


@given(
    st.lists(st.text("0123456789", min_size=1, max_size=64), max_size=1_200), st.integers(1, 900)
)
def test_batches_keep_order_and_fit(texts: list[str], most: int) -> None:
    wanted = [RecordingId(each) for each in texts]
    got = list(batches(wanted, most=most))
    assert [each for batch in got for each in batch] == wanted
    assert all(0 < len(batch) <= min(most, 500) for batch in got)
    assert all(sum(len(each) + 1 for each in batch) <= ROOM for batch in got)


def test_a_batch_leaves_room_for_the_parameter_repeated_with_each_id() -> None:
    wanted = ids(*range(10**14, 10**14 + 500))
    syntax = IdSyntax(urls="repeat", batch=500)
    batch = client.urls(syntax)
    lengths = [
        sum(len(name) + len(value) + 2 for name, value in batch.call(part).pairs)
        for part in batches(wanted, most=500, overhead=batch.overhead)
    ]
    assert max(lengths) <= ROOM
