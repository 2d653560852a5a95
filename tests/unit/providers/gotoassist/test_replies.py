"""Reading listings and addresses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.goto import link
from reelkeep.errors import BadAnswer
from reelkeep.providers.gotoassist.replies import (
    CAP,
    Unusable,
    identifier,
    moment,
    read_links,
    read_listing,
    size,
)
from reelkeep.providers.web import parse

BIG = 9223372036854775807
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (900000000000001, "900000000000001"),
        (BIG, "9223372036854775807"),
        (10**40, "1" + "0" * 40),
        ("9223372036854775807", "9223372036854775807"),
        (" 17 ", "17"),
        ("a-b_c.d~e", "a-b_c.d~e"),
        (Decimal("9E17"), "900000000000000000"),
        (Decimal("17.0"), "17"),
        (0, "0"),
    ],
)
def test_an_id_is_kept_as_text(value: Any, text: str) -> None:
    assert identifier(value) == text


@pytest.mark.parametrize(
    "value",
    [
        None, True, -1, 1.0, 9e17, Decimal("1.5"), Decimal(-1), Decimal("1E999999999"),
        Decimal("NaN"), Decimal("Infinity"), "", "1,2", "../x", "a b", "x" * 65, "٣", [], {},
        10**64,
    ],
)  # fmt: skip
def test_what_cannot_be_an_id_is_none(value: Any) -> None:
    assert identifier(value) is None


def test_an_id_keeps_all_digits_on_its_way_from_the_wire() -> None:
    body = b'{"readyForDownload":[9223372036854775807,"9223372036854775806"]}'
    listing = read_listing(parse(body))
    assert listing.ready == ("9223372036854775807", "9223372036854775806")


def test_a_listing_says_what_waits_and_what_is_ready() -> None:
    listing = read_listing({"readyForTranscode": [3], "readyForDownload": [1, 2]})
    assert (listing.transcodable, listing.ready, listing.full) == (("3",), ("1", "2"), False)


@pytest.mark.parametrize(
    "body", [{}, {"readyForDownload": None, "readyForTranscode": []}, {"readyForDownload": []}]
)
def test_an_empty_listing_may_be_spelt_shortly(body: Any) -> None:
    listing = read_listing(body)
    assert (listing.transcodable, listing.ready) == ((), ())


@pytest.mark.parametrize(
    "body", [None, [], "x", {"recordings": []}, {"readyForDownload": {"1": 2}}]
)
def test_what_is_no_listing_is_not_taken_for_an_empty_one(body: Any) -> None:
    with pytest.raises(BadAnswer):
        read_listing(body)


@pytest.mark.parametrize(("count", "full"), [(CAP - 1, False), (CAP, True), (CAP + 1, True)])
@pytest.mark.parametrize("key", ["readyForTranscode", "readyForDownload"])
def test_either_list_at_the_cap_makes_a_listing_full(key: str, count: int, full: bool) -> None:
    assert read_listing({key: list(range(count))}).full is full


def test_repeats_count_for_the_cap_and_are_listed_once() -> None:
    listing = read_listing({"readyForDownload": [7] * CAP})
    assert (listing.ready, listing.full) == (("7",), True)


def test_an_id_in_both_lists_is_ready() -> None:
    listing = read_listing({"readyForTranscode": [1, 2], "readyForDownload": [2]})
    assert (listing.transcodable, listing.ready) == (("1",), ("2",))


def test_unreadable_ids_are_counted_and_left_out() -> None:
    listing = read_listing({"readyForTranscode": [None], "readyForDownload": [1, Decimal("1.5")]})
    assert (listing.ready, listing.unreadable) == (("1",), 2)


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"recordings": one, "count": 1}])
def test_links_are_read_bare_and_wrapped(wrap: Any) -> None:
    assert set(read_links(wrap([link(1), link("2")]))) == {"1", "2"}


@pytest.mark.parametrize("body", [None, "x", {}, {"a": 1}, {"a": [], "b": []}])
def test_other_shapes_of_links_are_refused(body: Any) -> None:
    with pytest.raises(BadAnswer):
        read_links(body)


@pytest.mark.parametrize("entry", [None, [], "x", {}, {"recordingId": None}, {"recordingId": 1.5}])
def test_an_entry_without_an_id_is_left_out(entry: Any) -> None:
    assert set(read_links([entry, link(1)])) == {"1"}


def test_entries_of_one_recording_that_differ_are_kept_apart() -> None:
    (links,) = read_links([link(1, recordingSize="5"), link(1, recordingSize="6")]).values()
    assert (links.size, [each.size for each in links.others]) == (5, [6])


def test_entries_that_agree_are_one_whatever_their_signature() -> None:
    signed = [f"https://host.example.test/a.mp4?signature={n}" for n in (1, 2)]
    entries = [link(1, recordingUrl=url, recordingSize="5") for url in signed]
    entries[0]["eventsUrl"] = None
    (links,) = read_links(entries).values()
    assert (links.others, links.video) == ((), signed[0])
    assert isinstance(links.events, str)


@pytest.mark.parametrize("url", [None, "", " "])
def test_what_is_no_address_yet_is_none(url: Any) -> None:
    (links,) = read_links([link(1, eventsUrl=url)]).values()
    assert links.events is None


@pytest.mark.parametrize(
    "url", [7, "ftp://x/y", "/relative", "https://a b/", "https://a/\nb", "https://", "file:///x"]
)
def test_an_address_that_cannot_be_used_is_told_from_none(url: Any) -> None:
    (links,) = read_links([link(1, eventsUrl=url)]).values()
    assert isinstance(links.events, Unusable)
    assert links.events.reason.startswith("eventsUrl is ")


def test_addresses_are_not_shown() -> None:
    (links,) = read_links([link(1)]).values()
    assert "recordings.example.test" not in repr(links)


@pytest.mark.parametrize(
    ("value", "count"),
    [("73400320", 73400320), (5, 5), (" 5 ", 5), (Decimal("7.34E7"), 73400000), (2**63 - 1, BIG)],
)
def test_a_size_is_a_number_or_text(value: Any, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize(
    "value",
    [None, "", "12 MB", "-5", -5, 0, "0", True, "1e3", "٣", Decimal("1.5"), 2**63, "9" * 30, []],
)
def test_a_size_that_is_rubbish_is_none(value: Any) -> None:
    assert size(value) is None


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-03T09:15:00Z",
        "2025-11-03T09:15:00.000Z",
        "2025-11-03T09:15:00+00:00",
        "2025-11-03T10:15:00.000+0100",
        "2025-11-03T09:15:00",
        " 2025-11-03T09:15:00Z ",
    ],
)
def test_times_are_read_leniently(text: str) -> None:
    assert moment(text) == datetime(2025, 11, 3, 9, 15, tzinfo=UTC)


RUBBISH: list[Any] = [None, "", "yesterday", 17, [], "0001-01-01T00:00:00+23:00"]


@pytest.mark.parametrize("value", [*RUBBISH, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_rubbish_is_none(value: Any) -> None:
    assert moment(value) is None


@given(ANYTHING)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_at_all_breaks_the_readers(body: Any) -> None:
    for read in (read_listing, read_links):
        try:
            read(body)
        except BadAnswer:
            continue


@given(st.integers(0, 10**63))
def test_every_integer_id_comes_through_exactly(number: int) -> None:
    body = json.dumps({"readyForDownload": [number]}).encode()
    assert read_listing(parse(body)).ready == (str(number),)
