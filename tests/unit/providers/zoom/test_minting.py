from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

from fakes.zoom import NOW
from reelkeep.providers.zoom.auth import minted, own_token

VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJ2c2RrLWFwaS1rZXktMDAwMSIsImlhdCI6MTc2NjM2MTYwMCwiZXhwIjoxNzY2MzY1MjAwfQ."
    "0cSBgZrME0mQB2Y2aLD1Jh_-b_AyhBMNZv5xLHzEazQ"
)


def test_the_token_of_the_video_sdk_is_the_known_vector() -> None:
    assert (
        minted(
            "vsdk-api-key-0001",
            "vsdk-api-secret-0001",
            issued=datetime.fromtimestamp(1766361600, UTC),
            expires=datetime.fromtimestamp(1766365200, UTC),
        )
        == VECTOR
    )


def test_our_own_token_is_dated_back_and_lives_an_hour() -> None:
    token = own_token("key", "secret", lambda: NOW)
    claims = jwt.decode(token.value, options={"verify_signature": False})
    assert claims == {
        "iss": "key",
        "iat": int(NOW.timestamp()) - 30,
        "exp": int(NOW.timestamp()) + 3570,
    }
    assert token.expires_at == NOW + timedelta(seconds=3570)
