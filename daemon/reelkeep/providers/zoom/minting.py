"""Make access tokens for the Video SDK ourselves."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from typing import Final

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from reelkeep.ports import Clock
from reelkeep.providers.tokens import Token

_LIFE: Final = timedelta(hours=1)
_SKEW: Final = timedelta(seconds=30)  # our clock may be ahead of theirs


def minted(key: str, secret: str, *, issued: datetime, expires: datetime) -> str:
    """Return the token of the Video SDK's API; whole seconds count.

    `key` is the API key: the SDK key makes tokens for sessions, which are refused here.
    """
    claims = {"iss": key, "iat": int(issued.timestamp()), "exp": int(expires.timestamp())}
    with warnings.catch_warnings():
        # how long secrets are is the provider's choice, and nothing we could change
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.encode(claims, secret, algorithm="HS256")


def own_token(key: str, secret: str, clock: Clock) -> Token:
    """Return a fresh token of the Video SDK's API, dated back against a slow clock over there."""
    issued = clock() - _SKEW
    expires = issued + _LIFE
    return Token(minted(key, secret, issued=issued, expires=expires), expires)
