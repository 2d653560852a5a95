from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from reelkeep.errors import RateLimited, Unavailable
from reelkeep.providers.web import Answer
from reelkeep.providers.zoom.api_errors import (
    ApiVerdict,
    CredentialsRejected,
    Denied,
    Misplaced,
    judge,
    scopes,
)

MALFORMED = '{"code":4711,"message":"Invalid access token, does not contain scopes:["a:b","a:c"]"}'
HTML = "<html><body>502 Bad Gateway</body></html>"


def answer(status: int, json_: Any = None, text: str = "", **headers: str) -> Answer:
    return Answer(status, CIMultiDict(headers), json_, text or json.dumps(json_))


def error(status: int, code: int | str, message: str = "") -> Answer:
    return answer(status, {"code": code, "message": message})


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (answer(200, {"meetings": []}), ApiVerdict.FINE),
        (error(401, 124), ApiVerdict.RENEW),
        (answer(401, {}), ApiVerdict.RENEW),
        (answer(401, None, HTML), ApiVerdict.RENEW),
        (error(200, 124), ApiVerdict.RENEW),
        (error(400, 4711), ApiVerdict.NO_ACCESS),
        (error(401, 4711), ApiVerdict.NO_ACCESS),
        (error(400, 104), ApiVerdict.NO_ACCESS),
        (error(400, 4700), ApiVerdict.NO_ACCESS),
        (error(400, 4741), ApiVerdict.NO_ACCESS),
        (error(200, 200), ApiVerdict.FORBIDDEN),
        (error(400, 200), ApiVerdict.NO_PLAN),
        (error(400, 300), ApiVerdict.INVALID),
        (error(200, 300), ApiVerdict.INVALID),
        (error(400, 1010), ApiVerdict.NO_USER),
        (error(404, 1001), ApiVerdict.NO_USER),
        (error(404, "1001"), ApiVerdict.NO_USER),
        (error(404, 3301), ApiVerdict.NOTHING),
        (error(404, 3001), ApiVerdict.NO_MEETING),
        (error(404, 404), ApiVerdict.NOT_FOUND),
        (answer(404, {"message": "?"}), ApiVerdict.NOT_FOUND),
        (answer(404, None, HTML), ApiVerdict.MISPLACED),
        (answer(403, {"message": "?"}), ApiVerdict.FORBIDDEN),
        (answer(403, None, HTML), ApiVerdict.OUTAGE),
        (answer(409, {"code": 9999}), ApiVerdict.INVALID),
        (answer(200, {"code": 9999}), ApiVerdict.INVALID),
        (error(429, 429), ApiVerdict.THROTTLED),
        (error(200, 429), ApiVerdict.THROTTLED),
        (answer(429, None, ""), ApiVerdict.THROTTLED),
        (answer(502, None, HTML), ApiVerdict.OUTAGE),
        (error(500, 124), ApiVerdict.OUTAGE),
        (answer(200, None, HTML), ApiVerdict.OUTAGE),
        (answer(200, None, ""), ApiVerdict.OUTAGE),
        (answer(200, []), ApiVerdict.OUTAGE),
        (answer(400, None, MALFORMED), ApiVerdict.NO_ACCESS),
        (answer(200, None, '{"code":200,"message":"say "hi""}'), ApiVerdict.FORBIDDEN),
    ],
)
def test_every_answer_has_its_verdict(given: Answer, verdict: ApiVerdict) -> None:
    assert judge(given).verdict is verdict


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error(401, 124), CredentialsRejected),
        (error(400, 4711), CredentialsRejected),
        (error(429, 429), RateLimited),
        (answer(502, None, HTML), Unavailable),
        (answer(404, None, HTML), Misplaced),
        (error(404, 3301), Denied),
        (error(400, 300), Denied),
    ],
)
def test_every_verdict_has_its_error(given: Answer, kind: type[Exception]) -> None:
    assert type(judge(given).error) is kind


@pytest.mark.parametrize(
    "given",
    [
        error(400, 4711, "Invalid access token, does not contain scopes:[a:b, a:c]."),
        answer(400, None, MALFORMED),
    ],
)
def test_a_missing_scope_is_named(given: Answer) -> None:
    assert "(a:b or a:c)" in str(judge(given).error)


def test_scopes_are_words_only() -> None:
    assert scopes("scopes:[a:b, <script>, user:read:list_users:admin]") == [
        "a:b",
        "user:read:list_users:admin",
    ]


def test_the_field_of_an_invalid_question_is_named() -> None:
    said = {"code": 300, "message": "Validation Failed.", "errors": [{"field": "from"}]}
    assert "[from: ]" in str(judge(answer(400, said)).error)


def test_the_providers_number_of_an_answer_is_in_the_message() -> None:
    headers = {"X-Zm-TrackingId": "v=2.0;clid=us02;rid=WEB_0123"}
    assert str(judge(answer(404, {"code": 3301}, **headers)).error).endswith(
        "[v=2.0;clid=us02;rid=WEB_0123]"
    )


def test_a_message_holds_no_secret_and_no_control_character() -> None:
    said = "\x1b]0;x\x07 https://zoom.us/?t=secret eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ2.secret"
    message = str(judge(error(400, 300, said)).error)
    assert "secret" not in message
    assert message.isprintable()
