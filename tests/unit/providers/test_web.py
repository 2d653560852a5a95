"""One question to a JSON API, over a scripted transport."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from fakes.transport import FakeReply, FakeTransport
from reelkeep.errors import (
    BadAnswer,
    BadReply,
    Error,
    Misconfigured,
    Refused,
    Stalled,
    TransferError,
    Unavailable,
    Unreachable,
)
from reelkeep.ports import Request
from reelkeep.providers.web import EXCERPT, Answer, ask, json_body, query


def saying(
    body: bytes = b"{}",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    at_once: TransferError | None = None,
    midway: TransferError | None = None,
) -> FakeTransport:
    """Return a transport whose one reply is this, or an error instead of it or within it."""
    pieces: list[bytes | Exception] = [body[at : at + 64] for at in range(0, len(body), 64)]
    reply = FakeReply(
        status=status, headers=headers or {}, pieces=[*pieces, midway] if midway else pieces
    )
    return FakeTransport([at_once or reply])


async def hear(transport: FakeTransport, limit: int = 2**20) -> Answer:
    return await ask(transport, Request(url="https://api.example.test/x"), limit=limit)


async def test_status_headers_json_and_text_are_handed_on() -> None:
    answer = await hear(saying(b'{"a":[1]}', 403, {"x-amzn-errortype": "Unauthorized"}))
    assert (answer.status, answer.json, answer.text) == (403, {"a": [1]}, '{"a":[1]}')
    assert answer.headers["x-amzn-errortype"] == "Unauthorized"


async def test_integers_of_any_size_stay_exact() -> None:
    assert (await hear(saying(b"[9223372036854775807]"))).json == [9223372036854775807]


async def test_other_numbers_are_decimals() -> None:
    assert (await hear(saying(b"[9E17, 0.1]"))).json == [Decimal("9E17"), Decimal("0.1")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b'{"topic":"say "hi""}',
        b"[NaN]",
        b"[Infinity]",
        b'"\xff"',
        b"1" * 5_000,
        b"[1E99999999999999999999]",
    ],
)
async def test_what_is_not_json_is_none(body: bytes) -> None:
    assert (await hear(saying(body))).json is None


async def test_a_byte_order_mark_is_tolerated() -> None:
    answer = await hear(saying(b"\xef\xbb\xbf[1]"))
    assert (answer.json, answer.text) == ([1], "[1]")


async def test_half_surrogate_pairs_become_replacement_characters() -> None:
    answer = await hear(saying(rb'{"\ud800":["x\udfff","\ud83c\udfa5"]}'))
    assert answer.json == {"\ufffd": ["x\ufffd", "\U0001f3a5"]}


async def test_text_is_short_and_has_no_control_characters() -> None:
    answer = await hear(saying("a\x1b[31m\r\n\u202e".encode() + b"b" * 5_000))
    assert len(answer.text) == EXCERPT
    assert answer.text.startswith("a [31m   bbb")


async def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(BadAnswer, match="longer than 100 bytes"):
        await hear(saying(b" " * 101), limit=100)


async def test_a_body_at_the_limit_is_read() -> None:
    assert (await hear(saying(b"[]".ljust(100)), limit=100)).json == []


async def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadAnswer, match="nested"):
        await hear(saying(b"[" * 200_000))


async def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(BadAnswer, match="compressed"):
        await hear(saying(headers={"content-encoding": "gzip"}))


@pytest.mark.parametrize("label", ["Identity", "", "UTF-8", "aws-chunked"])
async def test_what_names_no_compression_is_none(label: str) -> None:
    assert (await hear(saying(headers={"content-encoding": label}))).json == {}


@pytest.mark.parametrize(
    ("cause", "becomes"),
    [
        (Unreachable("no route"), Unavailable),
        (Stalled("no head"), Unavailable),
        (BadReply("not HTTP"), Unavailable),
        (Refused("private address"), Misconfigured),
    ],
)
@pytest.mark.parametrize("midway", [False, True])
async def test_the_errors_of_the_transport_become_those_of_a_provider(
    cause: TransferError, becomes: type[Error], midway: bool
) -> None:
    transport = saying(midway=cause) if midway else saying(at_once=cause)
    with pytest.raises(becomes, match=str(cause)) as caught:
        await hear(transport)
    assert caught.value.__cause__ is cause


async def test_an_answer_shows_nothing_but_its_status() -> None:
    assert repr(await hear(saying(b'{"access_token":"at-0001"}'))) == "Answer(status=200)"


def test_a_json_body_is_compact_and_exact() -> None:
    body = json_body({"recordingIds": [9223372036854775807], "ü": 1})
    assert body == '{"recordingIds":[9223372036854775807],"ü":1}'.encode()


def test_a_query_escapes_all_but_commas_and_colons() -> None:
    pairs = [("ids", "1,2"), ("ids", "3"), ("t", "2026-01-05T12:00:00Z"), ("a b", "c&d=é/+")]
    assert query(pairs) == "ids=1,2&ids=3&t=2026-01-05T12:00:00Z&a%20b=c%26d%3D%C3%A9%2F%2B"
