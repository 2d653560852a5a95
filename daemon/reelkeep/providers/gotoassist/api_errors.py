"""Judge the answers of the API (provider notes, section 1.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    Unavailable,
)
from reelkeep.providers.web import Answer

_ADDRESS = re.compile(r"\w+://\S+")
_TOKENLIKE = re.compile(r"[\w.~+/=-]{24,}")
_INCIDENT = re.compile(r"[\w-]{1,64}", re.ASCII)
_LONGEST = 160


class TokenRejected(AuthFailed):
    """The access token is missing, wrong or over; a new one may be accepted."""


class RequestRejected(Misconfigured):
    """This very request is refused for good; a part of it may not be."""

    code = "refused"

    def __init__(self, message: str, *, status: int, unrouted: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unrouted = unrouted  #: The API knows no such path at all.


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the body of an error says, in any of its three shapes."""

    code: str = ""
    message: str = ""
    incident: str = ""

    def __str__(self) -> str:
        incident = f"incident {self.incident}" if self.incident else ""
        return " ".join(part for part in (self.code, self.message, incident) if part)


def complaint(body: Any) -> Complaint:
    """Return what `body` complains of; all text is short, and free of addresses and tokens."""
    if not isinstance(body, dict):
        return Complaint()
    incident = body.get("incident")
    known = isinstance(incident, str) and _INCIDENT.fullmatch(incident)
    return Complaint(
        code=_first(body, "int_err_code", "errorCode", "error"),
        message=_first(body, "msg", "message", "description", "error_description"),
        incident=str(incident) if known else "",
    )


def fault(answer: Answer) -> ProviderError | None:
    """Return what is wrong with `answer`, `None` if it can be believed.

    A success with a body that is no JSON, such as a login page, is not one; neither is one that
    carries an error code.
    """
    said, status = complaint(answer.json), answer.status
    if status in (401, 403) and _is_about_token(answer, said):
        return TokenRejected(f"the access token is not accepted ({status} InvalidToken)")
    if 200 <= status < 300:
        return _lie(answer, said)
    return _failure(status, said)


def _failure(status: int, said: Complaint) -> ProviderError:
    told = f"{status} {said}".rstrip()
    if status == 401:
        return AuthFailed(f"the user is not entitled with a Remote Support seat ({told})")
    if status == 429:
        return RateLimited(f"too many requests ({told})")
    if status >= 500 or status in (408, 425):
        return Unavailable(f"the API is out of order ({told})")
    if status >= 400:
        unrouted = status == 405 or (status == 404 and said.code in ("", "NOT_FOUND"))
        return RequestRejected(
            f"the API refuses the request ({told})", status=status, unrouted=unrouted
        )
    return BadAnswer(f"the API answers with an unexpected status ({told})")


def _lie(answer: Answer, said: Complaint) -> BadAnswer | None:
    if said.code:
        return BadAnswer(f"the API reports success and an error at once ({answer.status} {said})")
    if answer.json is None and answer.text.strip() not in ("", "null"):
        return BadAnswer(f"the API answers {answer.status} with something that is not JSON")
    return None


def _is_about_token(answer: Answer, said: Complaint) -> bool:
    if said.code:
        return said.code.lower() == "invalidtoken"
    kind = answer.headers.get("x-amzn-errortype", "")
    return "UnauthorizedException" in kind or "InvalidToken" in answer.text


def _first(body: dict[str, Any], *keys: str) -> str:
    """Return the first text (or number) under one of `keys`, made harmless."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip(" 0"):
            return harmless(str(value))
    return ""


def harmless(text: str) -> str:
    """Return `text` in one short printable line, without addresses and what may be tokens."""
    line = "".join(char if char.isprintable() else " " for char in text[:2_000])
    masked = _TOKENLIKE.sub("[…]", _ADDRESS.sub("[address]", " ".join(line.split())))
    return masked if len(masked) <= _LONGEST else masked[: _LONGEST - 1] + "…"
