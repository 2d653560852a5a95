from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.telemetry.redaction import LONGEST_TEXT, MASK, Redactor

SECRET = 'p@ss/wörd "&=+%'


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(SECRET, id="itself"),
        pytest.param(quote(SECRET), id="in-a-path"),
        pytest.param(quote(SECRET, safe=""), id="percent-encoded"),
        pytest.param(quote_plus(SECRET), id="form-encoded"),
        pytest.param(json.dumps(SECRET)[1:-1], id="json"),
        pytest.param(repr(SECRET)[1:-1], id="repr"),
    ],
)
def test_a_known_secret_is_masked_in_every_form(form: str) -> None:
    assert Redactor([SECRET]).clean(f"<{form}>") == f"<{MASK}>"


@given(
    st.text("abcXYZ019+/~ü", min_size=8),
    st.text(max_size=7),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_a_known_secret_is_masked_within_base64(secret: str, user: str, encode: object) -> None:
    """Whatever stands before it (`client_id:secret`) shifts how it is written."""
    assert callable(encode)
    written = encode(f"{user}:{secret}".encode("utf-8", "surrogatepass")).decode()

    cleaned = Redactor([secret]).clean(f"<{written}>")

    start = (len(f"{user}:".encode("utf-8", "surrogatepass")) + 2) // 3 * 4
    assert MASK in cleaned
    assert written[start : start + 8] not in cleaned


def test_a_learned_secret_is_masked_from_then_on() -> None:
    redactor = Redactor()
    redactor.learn("token-of-today")

    assert redactor.clean("got token-of-today.") == f"got {MASK}."


def test_only_so_many_learned_secrets_are_remembered() -> None:
    """A daemon that runs for years learns a token every hour."""
    redactor = Redactor(["given-secret"])
    for number in range(10_000):
        redactor.learn(f"token-number-{number:05}")

    assert len(redactor._known) < 1_000
    assert redactor.clean("given-secret token-number-09999") == f"{MASK} {MASK}"


def test_learning_the_same_again_forgets_nothing() -> None:
    redactor = Redactor()
    redactor.learn("the-first-token")
    for _ in range(100):
        redactor.learn("the-other-token")

    assert redactor.clean("the-first-token") == MASK


@pytest.mark.parametrize("secret", ["", " ", "abc"])
def test_what_is_too_short_for_a_secret_leaves_the_log_readable(secret: str) -> None:
    assert Redactor([secret]).clean("abc d e f") == "abc d e f"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("https://u:p@h.example/a", "https://***@h.example/a"),
        ("see https://h.example/a?X-Amz-Signature=1&b=2#c now", "see https://h.example/a?*** now"),
        ("'https://h.example/#access_token=abc'", "'https://h.example/?***'"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("authorization: bearer zzz", "authorization: bearer ***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("OAuth oauth_token=abcdef", "OAuth ***"),
        ("OAuth 0123456789abcdef", "OAuth ***"),
        ("got eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl!", "got ***!"),
        ("half a token: eyJhbGciOiJIUzI1NiJ9", "half a token: ***"),
        ("grant_type=x&refresh_token=abc&a=b", "grant_type=x&refresh_token=***&a=b"),
        ("/rec/1?access_token=abc", "/rec/1?access_token=***"),
        ("u%3Faccess_token%3Dabc", "u%3Faccess_token%3D***"),
        ('{"client_secret": "abc", "a": "b"}', '{"client_secret": "***", "a": "b"}'),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '***'}"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, cleaned: str) -> None:
    assert Redactor().clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "the bearer token is refused",
        "a basic account has no recordings",
        "https://h.example:8443/a/b: 404",
        "zoom asked for 3 tokens a minute: wait",
        "Weekly: budget = 3",
        "2026-01-02T03:04:05Z",
    ],
)
def test_prose_stays(text: str) -> None:
    assert Redactor().clean(text) == text


def test_nested_values_and_keys_are_cleaned() -> None:
    value = {"a": ["x", ("the-secret", {"the-secret": 7})]}

    cleaned = Redactor(["the-secret"]).redact(value)

    assert cleaned == {"a": ["x", [MASK, {MASK: 7}]]}


def test_a_secret_across_the_cut_does_not_show_its_beginning() -> None:
    text = "x" * (LONGEST_TEXT - 6) + "the-secret"

    assert "the-s" not in Redactor(["the-secret"]).clean(text)


@pytest.mark.parametrize(
    "piece", ["://", "eyJ", "://a@", "Bearer ", "token=", "'token':'", "oauth ", "a.", "Basic a"]
)
def test_hostile_text_takes_no_longer_than_other_text(piece: str) -> None:
    began = time.process_time()
    Redactor().clean(piece * 100_000)

    assert time.process_time() - began < 1
