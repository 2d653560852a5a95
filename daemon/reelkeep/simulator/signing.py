"""Sign what only the simulator may have handed out: URLs, page tokens, JSON web tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

_NEVER = 0xFFFFFFFF


class Signer:
    """Signs texts until a time; whoever holds the signature proves nothing but that."""

    def __init__(self, seed: int) -> None:
        self.secret = f"simulator/{seed}".encode()

    def sign(self, text: str, until: datetime | None) -> str:
        """Return a signature of `text` that is good until then; None: for ever."""
        expiry = _NEVER if until is None else int(until.timestamp())
        return f"{expiry:x}-{self._digest(text, expiry)}"

    def check(self, text: str, signature: str, now: datetime) -> bool:
        """Tell whether `signature` belongs to `text` and is still good at `now`."""
        head, _, digest = signature.partition("-")
        try:
            expiry = int(head, 16)
        except ValueError:
            return False
        good = hmac.compare_digest(digest.encode(), self._digest(text, expiry).encode())
        return good and (expiry == _NEVER or now.timestamp() < expiry)

    def _digest(self, text: str, expiry: int) -> str:
        message = f"{text}\0{expiry}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:40]


def jwt(claims: dict[str, Any], secret: bytes) -> str:
    """Return a compact HS256 JSON web token (RFC 7519)."""
    head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
    body = head + "." + _encode(json.dumps(claims, separators=(",", ":")).encode())
    return body + "." + _encode(hmac.new(secret, body.encode(), hashlib.sha256).digest())


def jwt_claims(token: str, secret: bytes) -> dict[str, Any] | None:
    """Return the claims of a properly signed HS256 token; None for anything else."""
    try:
        head, body, signature = token.split(".")
        header, claims = json.loads(_decode(head)), json.loads(_decode(body))
        given = _decode(signature)
    except ValueError:
        return None
    wanted = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    good = isinstance(header, dict) and header.get("alg") == "HS256" and isinstance(claims, dict)
    return claims if good and hmac.compare_digest(given, wanted) else None


def is_sdk_token(
    claims: dict[str, Any] | None,
    *,
    api_key: str,
    now: datetime,
    skew: timedelta,
    longest: timedelta,
) -> bool:
    """Tell whether these are claims of a Video SDK API token, and not of a session (Z17)."""
    if claims is None or claims.get("iss") != api_key or "app_key" in claims:
        return False
    issued, expires = claims.get("iat"), claims.get("exp")
    if not (isinstance(issued, (int, float)) and isinstance(expires, (int, float))):
        return False
    moment = now.timestamp()
    early = issued > moment + skew.total_seconds()
    return not early and moment < expires <= issued + longest.total_seconds()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
