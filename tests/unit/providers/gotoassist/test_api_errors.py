"""Every kind of answer, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    ProviderError,
    RateLimited,
    Remedy,
    Unavailable,
)
from reelkeep.providers.gotoassist.api_errors import (
    RequestRejected,
    TokenRejected,
    complaint,
    fault,
    harmless,
)
from reelkeep.providers.web import Answer

GATEWAY = {"int_err_code": "InvalidToken", "msg": "Invalid token passed"}
UNROUTED = {"errorCode": "NOT_FOUND", "message": "HTTP 404 Not Found"}
PRODUCT = {"errorCode": "InvalidRequest", "description": "no", "incident": "5f0c-1"}
AMZN = {"x-amzn-errortype": "UnauthorizedException"}


def said(status: int, json: Any = None, text: str = "", **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): v for name, v in headers.items()}, json, text)


@pytest.mark.parametrize(
    "answer",
    [said(200, {"readyForDownload": []}), said(200, []), said(204), said(200, None, " null ")],
)
def test_a_success_is_believed(answer: Answer) -> None:
    assert fault(answer) is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (said(403, GATEWAY), TokenRejected),
        (said(401, GATEWAY), TokenRejected),
        (said(403, {"errorCode": "InvalidToken"}), TokenRejected),
        (said(403, None, "", x_amzn_errortype="UnauthorizedException:"), TokenRejected),
        (said(403, None, '{"int_err_code":"InvalidToken","msg":"a "b""}'), TokenRejected),
        (said(403, PRODUCT), RequestRejected),
        (said(403, PRODUCT, "", x_amzn_errortype="UnauthorizedException"), RequestRejected),
        (said(403), RequestRejected),
        (said(400, PRODUCT), RequestRejected),
        (said(404, UNROUTED), RequestRejected),
        (said(405), RequestRejected),
        (said(414), RequestRejected),
        (said(401, {"description": "not entitled"}), AuthFailed),
        (said(429), RateLimited),
        (said(500, PRODUCT), Unavailable),
        (said(502, None, "<html>"), Unavailable),
        (said(408), Unavailable),
        (said(302), BadAnswer),
        (said(200, None, "<html>Log in</html>"), BadAnswer),
        (said(200, GATEWAY), BadAnswer),
        (said(204, None, "<html>"), BadAnswer),
    ],
)
def test_a_failure_is_of_one_kind(answer: Answer, kind: type[ProviderError]) -> None:
    assert type(fault(answer)) is kind


@pytest.mark.parametrize(
    ("status", "json", "unrouted"),
    [(404, UNROUTED, True), (404, None, True), (405, None, True), (404, PRODUCT, False)],
)
def test_an_unknown_path_is_told_from_an_unknown_recording(
    status: int, json: Any, unrouted: bool
) -> None:
    error = fault(said(status, json))
    assert isinstance(error, RequestRejected)
    assert error.unrouted is unrouted


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (GATEWAY, "InvalidToken Invalid token passed"),
        (UNROUTED, "NOT_FOUND HTTP 404 Not Found"),
        (PRODUCT, "InvalidRequest no incident 5f0c-1"),
        ({"error": "invalid_grant", "error_description": "over"}, "invalid_grant over"),
        ({"errorCode": 17, "message": ["x"], "incident": "a\nb"}, "17"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_every_shape_of_complaint_is_understood(body: Any, told: str) -> None:
    assert str(complaint(body)) == told


def test_a_message_shows_no_address_no_token_and_no_control_character() -> None:
    text = "see https://a.example.test/x?sig=1\x1b[2J\u202e and eyJraWQiOiJhYmMifQ.eyJhIjoiYiJ9 now"
    assert harmless(text) == "see [address] [2J and […] now"


def test_a_message_is_short() -> None:
    assert len(harmless("word " * 1_000)) == 160


def test_a_refusal_does_not_blame_the_token_with_the_servers_words() -> None:
    answer = said(403, {"int_err_code": "InvalidToken", "msg": "Invalid token at-0001 passed"})
    assert "at-0001" not in str(fault(answer))


def test_only_an_operator_can_help_when_a_seat_is_missing() -> None:
    error = fault(said(401, {"description": "not entitled with a Remote Support seat"}))
    assert error is not None
    assert (error.remedy, "seat" in str(error)) == (Remedy.PAUSE, True)
