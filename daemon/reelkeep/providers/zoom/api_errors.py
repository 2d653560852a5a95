"""Judge an answer of the API: the table of section 2.8 of the provider notes.

    status  code                    verdict
    ------  ----------------------  ---------
    401     any                     RENEW
    any     124                     RENEW
    any     4711, 104               NO_ACCESS, naming the scope
    any     4700                    NO_ACCESS
    any     4717, 4738, 4741        NO_ACCESS
    429     any                     THROTTLED
    any     1001, 1010              NO_USER
    any     3301                    NOTHING
    any     3001                    NO_MEETING
    400     200                     NO_PLAN
    other   200                     FORBIDDEN
    any     300                     INVALID
    5xx     any                     OUTAGE
    2xx     none, a JSON object     FINE
    any     none, not JSON          OUTAGE; of a 404 MISPLACED
    403     none, JSON              FORBIDDEN
    404     any other, JSON         NOT_FOUND
    4xx     any other               INVALID

An error may come with status 200, and as JSON with unescaped quotes in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    Unavailable,
)
from reelkeep.providers.web import Answer
from reelkeep.providers.zoom.json_values import objects, quoted, text, whole


class ApiVerdict(Enum):
    """What an answer means for the one who asked."""

    FINE = "fine"
    RENEW = "renew"  #: A new token, once, and ask again.
    THROTTLED = "throttled"  #: Ask again later.
    OUTAGE = "outage"  #: Ask again soon.
    NO_ACCESS = "no access"  #: An operator must change the app.
    MISPLACED = "misplaced"  #: This is not the API.
    NO_USER = "no user"  #: The user is not, or no longer, on the account.
    NO_PLAN = "no plan"  #: The user has no cloud recording.
    NO_MEETING = "no meeting"  #: No such meeting; its id may want another encoding.
    NOTHING = "nothing"  #: There is no recording, or no longer.
    NOT_FOUND = "not found"  #: Nothing known is here; a listing means a wrong address.
    FORBIDDEN = "forbidden"  #: Not this one.
    INVALID = "invalid"  #: The question is wrong.


class Denied(BadAnswer):
    """One question was refused for good; others may not be. `verdict` says in which way."""

    def __init__(self, message: str, verdict: ApiVerdict, status: int, details: str = "") -> None:
        super().__init__(message)
        self.verdict = verdict
        self.status = status
        self.details = details  #: Status, code and the provider's words, in parentheses.


class CredentialsRejected(AuthFailed):
    """The credentials were refused for one question; whether for all, other answers show."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


class Misplaced(Misconfigured):
    """A 404 that does not read like the API's: mostly, this is not the API."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the error to raise once there is nothing left to try; None if all is fine."""

    verdict: ApiVerdict
    error: ProviderError | None = None


_BY_CODE: Final = {
    124: ApiVerdict.RENEW,
    104: ApiVerdict.NO_ACCESS,
    4700: ApiVerdict.NO_ACCESS,
    4711: ApiVerdict.NO_ACCESS,
    4717: ApiVerdict.NO_ACCESS,
    4738: ApiVerdict.NO_ACCESS,
    4741: ApiVerdict.NO_ACCESS,
    429: ApiVerdict.THROTTLED,
    1001: ApiVerdict.NO_USER,
    1010: ApiVerdict.NO_USER,
    3001: ApiVerdict.NO_MEETING,
    3301: ApiVerdict.NOTHING,
    300: ApiVerdict.INVALID,
}
_BY_STATUS: Final = {
    401: ApiVerdict.RENEW,
    403: ApiVerdict.FORBIDDEN,
    404: ApiVerdict.NOT_FOUND,
    408: ApiVerdict.OUTAGE,
    429: ApiVerdict.THROTTLED,
}
_REMEDIES: Final = {
    104: "the app lacks a scope; add it, and activate the app again",
    4700: "the API takes no token of this kind; use a server-to-server OAuth app",
    4711: "the app lacks a scope; add it, and activate the app again",
    4717: "the app is disabled; activate it in the Zoom App Marketplace",
    4738: "the app was disabled by an administrator of the account",
    4741: "the app's access was revoked; authorize it again",
}
_CODE = re.compile(r'"code"\s*:\s*"?(\d{1,9})')
_MESSAGE = re.compile(r'"message"\s*:\s*"(.*)', re.DOTALL)
_SCOPES = re.compile(r"scopes?\s*:?\s*\[([^\]]*)\]", re.IGNORECASE)
_TRACKING = re.compile(r"[A-Za-z0-9_.;:=-]{1,120}")


def judge(answer: Answer) -> Judgement:
    """Return what `answer` means. Error messages hold nothing that must not be logged."""
    code, message = said(answer)
    verdict = _verdict(answer, code)
    if verdict is ApiVerdict.FINE:
        return Judgement(verdict)
    return Judgement(verdict, _error(verdict, answer, code, message))


def said(answer: Answer) -> tuple[int | None, str]:
    """Return code and message of an error, (None, '') if the answer is none."""
    if isinstance(answer.json, dict):
        return whole(answer.json.get("code")), _message(answer.json)
    code = _CODE.search(answer.text) if answer.json is None else None
    message = _MESSAGE.search(answer.text)
    return (int(code[1]) if code else None), (message[1].rstrip('"}\n ') if message else "")


def scopes(message: str) -> list[str]:
    """Return the scopes that a message says are missing."""
    match = _SCOPES.search(message)
    names = (name.strip(" \"'\\") for name in match[1].split(",")) if match else ()
    return [name for name in names if re.fullmatch(r"[a-z0-9_:.-]{1,100}", name)]


def is_daily(answer: Answer, message: str) -> bool:
    """Return whether a 429 is about the limit of a day, not of a second."""
    kind = answer.headers.get("x-ratelimit-type", "") or message
    return "daily" in kind.lower()


def limit(answer: Answer, message: str) -> str:
    """Return which limit a 429 is about, and what to do."""
    if is_daily(answer, message):
        return (
            "the daily limit of the account is used up, which all its apps share; set `plan` to "
            "the account's plan, a longer `interval`, or `users: account`"
        )
    return "too many requests for the account's limit per second, which all its apps share"


def tracking(answer: Answer) -> str:
    """Return the provider's own number of the answer, for its support, as an addition."""
    value = answer.headers.get("x-zm-trackingid", "")
    return f" [{value}]" if _TRACKING.fullmatch(value) else ""


def _verdict(answer: Answer, code: int | None) -> ApiVerdict:
    if answer.status >= 500:
        return ApiVerdict.OUTAGE
    if code == 200:
        return ApiVerdict.NO_PLAN if answer.status == 400 else ApiVerdict.FORBIDDEN
    if code in _BY_CODE:
        return _BY_CODE[code]
    if answer.json is None and answer.status not in (401, 429):
        return ApiVerdict.MISPLACED if answer.status == 404 else ApiVerdict.OUTAGE
    if answer.status < 300 and code is None:
        return ApiVerdict.FINE if isinstance(answer.json, dict) else ApiVerdict.OUTAGE
    return _BY_STATUS.get(answer.status, ApiVerdict.INVALID)


def _error(verdict: ApiVerdict, answer: Answer, code: int | None, message: str) -> ProviderError:
    about = f"{answer.status}{f'/{code}' if code is not None else ''}"
    words = f": {quoted(message)}" if quoted(message) else ""
    details = f"({about}{words}){tracking(answer)}"
    match verdict:
        case ApiVerdict.RENEW:
            return CredentialsRejected(
                f"even a new access token is not accepted {details}", details
            )
        case ApiVerdict.NO_ACCESS:
            missing = " or ".join(scopes(message))
            named = f" ({missing})" if missing else ""
            return CredentialsRejected(f"{_REMEDIES[code or 4711]}{named} {details}", details)
        case ApiVerdict.THROTTLED:
            return RateLimited(f"{limit(answer, message)} {details}")
        case ApiVerdict.OUTAGE:
            return Unavailable(f"the API is out of order {details}")
        case ApiVerdict.MISPLACED:
            return Misplaced(f"there is no such API here; is api_url right? {details}", details)
        case _:
            text = f"{_DENIALS[verdict]} {details}"
            return Denied(text, verdict, answer.status, details)


_DENIALS: Final = {
    ApiVerdict.NO_USER: "the user is not on this account",
    ApiVerdict.NO_PLAN: "passed over: no cloud recording in the user's plan, or a right is missing",
    ApiVerdict.NO_MEETING: "there is no such meeting",
    ApiVerdict.NOTHING: "there is no recording",
    ApiVerdict.NOT_FOUND: "there is nothing of that name",
    ApiVerdict.FORBIDDEN: "the app may not read this",
    ApiVerdict.INVALID: "the API refused the question",
}


def _message(json: dict[str, Any]) -> str:
    fields = ", ".join(
        f"{text(each.get('field'))}: {text(each.get('message'))}"
        for each in objects(json.get("errors"))
    )
    return " ".join(filter(None, (text(json.get("message")), f"[{fields}]" if fields else "")))
