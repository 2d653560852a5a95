"""Everything about the simulated providers that a test may switch, with what is on by default.

The marks G1-G14 and Z1-Z19 name the behaviours of the project's provider knowledge.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from fnmatch import fnmatchcase
from random import Random

from reelkeep.simulator.world import Trouble


class Flaw(Enum):
    """What goes wrong with a reply. All but STATUS and RESET_EARLY are for file bodies only."""

    STATUS = "status"  #: `status`, `headers` and `body` replace the reply.
    RESET_EARLY = "reset-early"  #: The connection is reset before any reply.
    IGNORE_RANGE = "ignore-range"  #: 200 and everything, whatever range was asked for.
    WRONG_RANGE = "wrong-range"  #: 206 whose Content-Range, and bytes, begin `at` bytes off.
    LYING_RANGE = "lying-range"  #: 206 with the right Content-Range but bytes from the start.
    REFUSE_RANGE = "refuse-range"  #: 416 for any range.
    NEW_ETAG = "new-etag"  #: Another ETag from now on (the same bytes).
    TRUNCATE = "truncate"  #: Closed after `at` bytes of a body of declared length.
    CUT_SILENTLY = "cut-silently"  #: No length; closed after `at` bytes as if that were all.
    RESET = "reset"  #: TCP reset after `at` bytes.
    STALL = "stall"  #: Nothing for `seconds` after `at` bytes, then on.
    DRIP = "drip"  #: 512 bytes every `seconds`, from `at` on.
    CORRUPT = "corrupt"  #: The byte at `at` is inverted.
    GROW = "grow"  #: `at` bytes too many, or with a negative `at` too few, properly declared.
    GZIP = "gzip"  #: Content-Encoding: gzip.
    CHUNKED = "chunked"  #: No Content-Length, chunked.
    CLOSE = "close"  #: No Content-Length, closed at the end.
    HEADERS = "headers"  #: `headers` are added or replaced; an empty value removes one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One flaw of one reply, for the first `times` requests that meet it."""

    flaw: Flaw
    times: int | None = 1  #: None: for ever.
    at: int = 0  #: Bytes; negative counts from the end of the file.
    seconds: float = 0.0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Chaos:
    """Faults strewn by a seed: each request meets one of `faults` with probability `share`.

    Never two running for one file, so that a client with two attempts gets everything.
    """

    seed: int
    share: float
    faults: tuple[Fault, ...]

    def of(self, name: str, attempt: int) -> Fault | None:
        """Return the fault of the `attempt`-th request for `name`."""
        struck = self._strikes(name, attempt) and not (attempt and self._strikes(name, attempt - 1))
        return Random(f"{self.seed}/{name}/{attempt}").choice(self.faults) if struck else None

    def _strikes(self, name: str, attempt: int) -> bool:
        return Random(f"{self.seed}:{name}:{attempt}").random() < self.share


class Faults:
    """The script: faults by name, taken one a request.

    A name is the key of a file (its body on the download host), or `METHOD /path` of any
    other request, tokens and `/rec/download/` included; patterns of `fnmatch` work for both.
    """

    def __init__(self) -> None:
        self._scripts: list[tuple[str, list[Fault]]] = []
        self._taken: Counter[tuple[int, str]] = Counter()
        self._attempts: Counter[str] = Counter()
        self.chaos: Chaos | None = None  #: For bodies on the download host only.

    def add(self, pattern: str, *faults: Fault) -> None:
        """Let requests that match `pattern` meet `faults`, one after the other, each name anew."""
        self._scripts.append((pattern, list(faults)))

    def clear(self) -> None:
        """Forget all scripts and chaos."""
        self._scripts.clear()
        self._taken.clear()
        self.chaos = None

    def take(self, name: str, *, body: bool = False) -> Fault | None:
        """Return what the next request for `name` meets, and count it."""
        attempt = self._attempts[name]
        self._attempts[name] += 1
        for number, (pattern, script) in enumerate(self._scripts):
            if fnmatchcase(name, pattern) and (fault := self._next(number, name, script)):
                return fault
        return self.chaos.of(name, attempt) if body and self.chaos else None

    def _next(self, number: int, name: str, script: list[Fault]) -> Fault | None:
        taken = self._taken[number, name]
        self._taken[number, name] += 1
        left = itertools.accumulate(fault.times or 2**60 for fault in script)
        return next((fault for fault, end in zip(script, left, strict=True) if taken < end), None)


def status(code: int, *, times: int | None = 1, retry_after: str | None = None) -> Fault:
    """Return a bare error; `retry_after` in any of its three forms."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers)


def page(code: int = 502, *, times: int | None = 1) -> Fault:
    """Return an HTML page, as an edge sends it (Z14)."""
    body = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Bad gateway</body></html>"
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers, body=body)


def answer(body: bytes, code: int = 200, *, times: int | None = 1) -> Fault:
    """Return `body` as JSON, valid or not (Z14)."""
    headers = {"Content-Type": "application/json"}
    return Fault(flaw=Flaw.STATUS, times=times, status=code, headers=headers, body=body)


NO_RIGHTS = b'{"code":200,"message":"You do not have the right permissions"}'
"""Comes with status 200 (Z14)."""

MALFORMED = (
    b'{"code":4711,"message":"Invalid access token, does not contain scopes:["a:read","a:write"]"}'
)
"""Comes with status 400 and is no JSON, having bare quotes (Z14)."""

FORBIDDEN = b'{"status":false,"errorCode":401,"errorMessage":"Forbidden","result":null}'
"""What a download may answer instead of the file (Z8)."""


ALL_SCOPES = frozenset(
    {
        "cloud_recording:read:list_account_recordings:admin",
        "cloud_recording:read:list_user_recordings:admin",
        "cloud_recording:read:list_recording_files:admin",
        "cloud_recording:delete:meeting_recording:admin",
        "cloud_recording:delete:recording_file:admin",
        "user:read:list_users:admin",
        "user:read:user:admin",
    }
)


@dataclass(slots=True, kw_only=True)
class GotoSwitches:
    """How GoToAssist Remote Support behaves."""

    access_life: timedelta = timedelta(hours=1)  #: G2
    refresh_life: timedelta = timedelta(days=30)
    rotate_every: int = 5  #: Every n-th refresh answers with a new refresh token; 0 never (G2).
    token_fault: str | None = None  #: `invalid_client` or `invalid_grant`, whatever is sent.
    cap: int = 500  #: Ids in each list (G3).
    url_life: timedelta = timedelta(hours=48)  #: G5
    transcode_takes: timedelta = timedelta(seconds=2)  #: G4
    urls_form: str | None = None  #: Strict (G6): csv, repeat or literal; None takes all.
    urls_param: str | None = None  #: Strict (G6): the only name of the pair; None takes any.
    mark_form: str | None = None  #: Strict (G6): path or body.
    transcode_form: str | None = None  #: Strict (G6): path or body.
    batch_cap: int = 500  #: More ids are 400 (G8).
    per_second: int = 10  #: More requests are 429 without any header (G7); 0 is no limit.
    wrapped: bool = False  #: Urls in `{"recordings": [...]}` rather than bare (G9).
    schemes: frozenset[str] = frozenset({"bearer", "oauth"})  #: Lower case (G11).
    refuse_ids: set[int] = field(default_factory=set)  #: A batch that names one is 403.
    seat: bool = True  #: Without one every call is 403, "no seat".


@dataclass(slots=True, kw_only=True)
class ZoomSwitches:
    """How Zoom behaves, meetings and Video SDK alike."""

    access_life: timedelta = timedelta(seconds=3599)  #: Z1
    new_token_kills_old: bool = False  #: Z1
    token_fault: str | None = None  #: invalid_client, unsupported_grant_type or invalid_grant.
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES))  #: Of new tokens (Z18).
    clamp: bool = True  #: Move `from` of a span over a month (Z2).
    page_life: timedelta = timedelta(minutes=15)  #: Z3
    expired_page: str = "error"  #: or `empty` (Z3).
    page_cap: int = 300
    repeat_pages: bool = (
        False  #: Answer each page but the first with the one before it, once (Z13).
    )
    light: tuple[int, int] = (30, 0)  #: Requests a second and a day; 0 is no limit (Z4).
    medium: tuple[int, int] = (20, 0)
    rate_headers: str = "full"  #: full, none or mixed (case) (Z4).
    numeric_type: bool = True  #: Meeting `type` as a number rather than a string (Z6).
    me_listed: bool = True  #: `me` is the owner in `/users/me/recordings`; False: 400/4700.
    dates_with_time: bool = True  #: What follows the day in `from` and `to` is ignored.
    processing_addresses: bool = True  #: Unfinished files have addresses, no extension, size 0.
    user_host_email: bool = False  #: `host_email` in a user's listing; captured ones lack it.
    broken_users: dict[str, Trouble] = field(default_factory=dict)  #: By address, for ever.
    invited_ids: bool = False  #: An `id` for users who are pending; documented not to have one.
    ignore_page_size: bool = False  #: Pages of 30 whatever is asked.
    delete_status: int = 204  #: or 200 (Z15).
    unfinished: bool = False  #: Deleting answers 400/3303 (Z15).
    trash_life: timedelta = timedelta(days=30)
    trash_addresses: bool = True  #: False: what is in the trash has neither address nor type.
    count_audio: bool = True  #: What is counted includes the audio of participants.
    sdk_unwrapped: bool = False  #: The seed's bare session, for one-session answers (Z17).
    sdk_skew: timedelta = timedelta(seconds=5)  #: How far in the future `iat` may lie (Z17).
    sdk_longest: timedelta = timedelta(hours=48)  #: From `iat` to `exp`.
    download_token_life: timedelta = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class DownloadSwitches:
    """How downloads behave, on the web host and on the download host."""

    url_life: timedelta = timedelta(minutes=30)  #: Of the signed target (Z7).
    locator_life: timedelta | None = None  #: Of `download_url` itself; None: for ever.
    refuse_authorization: bool = True  #: 403 on the download host when it is sent too (Z7).
    require_authorization: bool = False  #: 403 on the download host when it is not sent (Z7).
    query_token: bool = True  #: Accept `?access_token=` (Z17).
    bad_answer: str = "html"  #: To a bad token: html, json, 401, 403 or 404 (Z8).
    trashed: bool = True  #: Whether files in Zoom's trash can be downloaded; else 404.
    fresh_for: timedelta = timedelta(0)  #: 401 for so long after completion (Z12).
    fresh_status: int = 401  #: or 404.
    length: str = "sent"  #: sent, chunked or close: what tells the end of a body (Z7).
    ranges: str = "honour"  #: honour, ignore (200) or refuse (416) (Z9).
    etag: bool = True
    last_modified: bool = True
    digests: frozenset[str] = frozenset()  #: Of repr-digest, content-md5, zoom-file-sha256.
    rate: int = 0  #: Bytes a second each connection gets; 0 is no limit.
    latency: float = 0.0  #: Seconds before the first byte of a body.


@dataclass(slots=True, kw_only=True)
class Switches:
    """All switches together."""

    goto: GotoSwitches = field(default_factory=GotoSwitches)
    zoom: ZoomSwitches = field(default_factory=ZoomSwitches)
    downloads: DownloadSwitches = field(default_factory=DownloadSwitches)

    def unlimited(self) -> Switches:
        """Lift every rate limit, and return these switches."""
        self.goto.per_second = 0
        self.zoom.light = self.zoom.medium = (0, 0)
        return self
