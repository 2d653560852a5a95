"""Let requests to Zoom's API pass or not: token, rate, scope (Z4, Z17, Z18)."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reelkeep.simulator.replies import ZoomProblem, bad_token, bearer, json_reply, lacks_scope
from reelkeep.simulator.signing import is_sdk_token, jwt_claims
from reelkeep.simulator.state import Bucket, next_day
from reelkeep.simulator.world import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from reelkeep.simulator.state import SimulatorState

_PAST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class GotoTokens:
    """The token endpoint of GoTo: refresh tokens in, access tokens out."""

    scene: SimulatorState
    _access: dict[str, datetime] = field(default_factory=dict)
    _refresh: dict[str, datetime] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        life = self.scene.switches.goto.refresh_life
        self._refresh[self.scene.accounts.goto.refresh_token] = self.scene.now() + life

    def alive(self, token: str) -> bool:
        """Tell whether an access token is good now."""
        if token == self.scene.accounts.goto.personal_token:
            return True
        return token in self._access and self.scene.now() < self._access[token]

    def expire(self) -> None:
        """Let every access token die at once."""
        self._access.clear()

    def grant(self, authorization: str, form: Mapping[str, Any]) -> web.Response:
        """Answer `POST /oauth/token`."""
        account, fault = self.scene.accounts.goto, self.scene.switches.goto.token_fault
        known = _is_basic(authorization, account.client_id, account.client_secret)
        if fault == "invalid_client" or not known:
            return _oauth_error(401, "invalid_client", "client not found")
        if form.get("grant_type") != "refresh_token":
            return _oauth_error(400, "unsupported_grant_type", "unsupported grant type")
        given = str(form.get("refresh_token", ""))
        if fault == "invalid_grant" or self.scene.now() >= self._refresh.get(given, _PAST):
            return _oauth_error(400, "invalid_grant", "invalid refresh token")
        return json_reply(self._issue(given))

    def _issue(self, given: str) -> dict[str, Any]:
        switches, now = self.scene.switches.goto, self.scene.now()
        self._count += 1
        self.scene.journal.grants["goto"] += 1
        token = f"at-{self._count:04}-{self.scene.signer.sign(str(self._count), None)}"
        self._access[token] = now + switches.access_life
        reply: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(switches.access_life.total_seconds()),
            "scope": "collab: identity:scim.me",
            "principal": "archivist@example.test",
        }
        if switches.rotate_every and self._count % switches.rotate_every == 0:
            del self._refresh[given]
            reply["refresh_token"] = f"rt-{self._count:04}"
            self._refresh[reply["refresh_token"]] = now + switches.refresh_life
        return reply


@dataclass(slots=True)
class ZoomTokens:
    """The token endpoint of Zoom, for server-to-server apps."""

    scene: SimulatorState
    _access: dict[str, tuple[datetime, frozenset[str]]] = field(default_factory=dict)
    _count: int = 0

    def scopes(self, token: str) -> frozenset[str] | None:
        """Return what a token may do; None if it is not good now."""
        until, scopes = self._access.get(token, (_PAST, frozenset()))
        return scopes if self.scene.now() < until else None

    def expire(self) -> None:
        """Let every access token die at once (Z11)."""
        self._access.clear()

    def grant(self, authorization: str, form: Mapping[str, Any]) -> web.Response:
        """Answer `POST /oauth/token`; `form` holds query and body."""
        account, fault = self.scene.accounts.zoom, self.scene.switches.zoom.token_fault
        known = _is_basic(authorization, account.client_id, account.client_secret)
        if fault == "invalid_client" or not known:
            return _zoom_error("invalid_client", "Invalid client_id or client_secret")
        if fault == "unsupported_grant_type" or form.get("grant_type") != "account_credentials":
            text = "The application does not support account_credentials"
            return _zoom_error("unsupported_grant_type", text)
        if fault == "invalid_grant" or form.get("account_id") != account.account_id:
            return _zoom_error("invalid_grant", "Invalid Token!")
        return json_reply(self._issue())

    def _issue(self) -> dict[str, Any]:
        switches = self.scene.switches.zoom
        self._count += 1
        self.scene.journal.grants["zoom"] += 1
        if switches.new_token_kills_old:
            self._access.clear()
        token = f"eyJ{self._count:04}.{self.scene.signer.sign(str(self._count), None)}"
        scopes = frozenset(switches.scopes)
        self._access[token] = (self.scene.now() + switches.access_life, scopes)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(switches.access_life.total_seconds()),
            "scope": " ".join(sorted(scopes)),
            "api_url": self.scene.zoom_url,
        }


def _is_basic(authorization: str, user: str, password: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    wanted = base64.b64encode(f"{user}:{password}".encode())
    return scheme.lower() == "basic" and hmac.compare_digest(given.strip().encode(), wanted)


def _oauth_error(status: int, error: str, description: str) -> web.Response:
    return json_reply({"error": error, "error_description": description}, status)


def _zoom_error(error: str, reason: str) -> web.Response:
    return json_reply({"reason": reason, "error": error}, 400)


_PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
_DAILY = (
    "You have reached the maximum daily rate limit for this API. Refer to the response header"
    " for details on when you can make another request."
)


@dataclass(slots=True)
class AccessCheck:
    """Checks requests in the order in which Zoom does."""

    scene: SimulatorState
    tokens: ZoomTokens
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def admit(self, request: web.BaseRequest, label: str, scope: str | None) -> None:
        """Let a request pass; `scope` is None for the Video SDK, whose tokens have none.

        Raises:
            Problem: it may not.
        """
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        self.scene.journal.schemes[scheme.lower()] += 1
        token = bearer(request)
        if scope is None:
            if not self.is_sdk(token):
                raise bad_token()
            scopes: frozenset[str] | None = None
        elif (scopes := self.tokens.scopes(token)) is None:
            raise bad_token()
        self._count("videosdk" if scope is None else "zoom", label)
        if scope is not None and scopes is not None and scope not in scopes:
            raise lacks_scope(scope)

    def is_sdk(self, token: str) -> bool:
        """Tell whether `token` is a good Video SDK API token."""
        account, switches = self.scene.accounts.videosdk, self.scene.switches.zoom
        return is_sdk_token(
            jwt_claims(token, account.api_secret.encode()),
            api_key=account.api_key,
            now=self.scene.now(),
            skew=switches.sdk_skew,
            longest=switches.sdk_longest,
        )

    def _count(self, account: str, label: str) -> None:
        switches, now = self.scene.switches.zoom, self.scene.now()
        self.scene.journal.calls[label] += 1
        per_second, per_day = switches.light if label == "light" else switches.medium
        bucket = self._buckets.setdefault((account, label), Bucket())
        refused = bucket.take(now, per_second=per_second, per_day=per_day)
        if refused is None:
            return
        self.scene.journal.throttled[label] += 1
        headers = {
            "X-RateLimit-Category": label.capitalize(),
            "X-RateLimit-Type": refused,
            "X-RateLimit-Limit": str(per_second if refused == "QPS" else per_day),
            "X-RateLimit-Remaining": "0",
        }
        if refused != "QPS":
            headers["Retry-After"] = stamp(next_day(now))
        text = _PER_SECOND if refused == "QPS" else _DAILY
        raise ZoomProblem(429, 429, text, headers=self._styled(headers))

    def _styled(self, headers: dict[str, str]) -> dict[str, str]:
        style = self.scene.switches.zoom.rate_headers
        if style == "none":
            return {}
        return {k.lower(): v for k, v in headers.items()} if style == "mixed" else headers
