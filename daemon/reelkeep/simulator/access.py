"""Let requests to Zoom's API pass or not: token, rate, scope (Z4, Z17, Z18)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reelkeep.simulator.answers import Problem, bad_token, lacks_scope
from reelkeep.simulator.limits import Bucket, next_day
from reelkeep.simulator.replying import bearer
from reelkeep.simulator.signing import is_sdk_token, jwt_claims
from reelkeep.simulator.times import stamp

if TYPE_CHECKING:
    from aiohttp import web

    from reelkeep.simulator.state import Scene
    from reelkeep.simulator.tokens import ZoomTokens

_PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
_DAILY = (
    "You have reached the maximum daily rate limit for this API. Refer to the response header"
    " for details on when you can make another request."
)


@dataclass(slots=True)
class Gate:
    """Checks requests in the order in which Zoom does."""

    scene: Scene
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
        raise Problem(429, 429, text, headers=self._styled(headers))

    def _styled(self, headers: dict[str, str]) -> dict[str, str]:
        style = self.scene.switches.zoom.rate_headers
        if style == "none":
            return {}
        return {k.lower(): v for k, v in headers.items()} if style == "mixed" else headers
