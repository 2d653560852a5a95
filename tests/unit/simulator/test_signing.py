"""What only the simulator can have signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reelkeep.simulator.signing import Signer, is_sdk_token, jwt, jwt_claims

NOW = datetime.fromtimestamp(1766361600, UTC)
ISSUED = 1766361600
CLAIMS: dict[str, Any] = {"iss": "vsdk-api-key-0001", "iat": ISSUED, "exp": ISSUED + 3600}
SECRET = b"vsdk-api-secret-0001"


def good(claims: dict[str, Any] | None, now: datetime = NOW) -> bool:
    return is_sdk_token(
        claims,
        api_key="vsdk-api-key-0001",
        now=now,
        skew=timedelta(seconds=5),
        longest=timedelta(hours=48),
    )


def test_a_token_is_written_as_the_provider_documents_it() -> None:
    assert jwt(CLAIMS, SECRET) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        ".eyJpc3MiOiJ2c2RrLWFwaS1rZXktMDAwMSIsImlhdCI6MTc2NjM2MTYwMCwiZXhwIjoxNzY2MzY1MjAwfQ"
        ".0cSBgZrME0mQB2Y2aLD1Jh_-b_AyhBMNZv5xLHzEazQ"
    )


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "ä.ö.ü", jwt(CLAIMS, b"another secret")])
def test_only_tokens_of_the_secret_have_claims(token: str) -> None:
    assert jwt_claims(token, SECRET) is None


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True),
        ({"iss": "another"}, False),
        ({"iat": ISSUED + 60}, False),
        ({"iat": ISSUED + 3}, True),
        ({"exp": ISSUED}, False),
        ({"exp": ISSUED + 50 * 3600}, False),
        ({"exp": "tomorrow"}, False),
        ({"app_key": "session", "tpc": "x"}, False),
    ],
)
def test_a_video_sdk_token_is_judged_by_its_claims(change: dict[str, Any], accepted: bool) -> None:
    assert good(CLAIMS | change) is accepted


def test_a_signature_ends_at_its_time() -> None:
    signer = Signer(7)
    signature = signer.sign("key", NOW)
    moments = [NOW - timedelta(seconds=1), NOW]
    assert [signer.check("key", signature, moment) for moment in moments] == [True, False]


@pytest.mark.parametrize("forged", ["", "zz-00", "ffffffff-00", "ffffffff-ü"])
def test_a_signature_cannot_be_made_up(forged: str) -> None:
    assert not Signer(7).check("key", forged, NOW)
