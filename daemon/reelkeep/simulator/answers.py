"""Word Zoom's error answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelkeep.simulator.replying import json_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web


class Problem(Exception):
    """The request gets this error of Zoom instead of what it asked for."""

    def __init__(
        self, status: int, code: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def reply(self) -> web.Response:
        """Return it as JSON."""
        body = {"code": self.code, "message": self.message} | self.extra()
        return json_reply(body, self.status, self.headers)

    def extra(self) -> dict[str, Any]:
        """Return what the body holds beside code and message."""
        return {}


class Invalid(Problem):
    """400/300, naming the field."""

    def __init__(self, field: str) -> None:
        super().__init__(400, 300, "Validation Failed.")
        self.field = field

    def extra(self) -> dict[str, Any]:
        """Name the field."""
        return {"errors": [{"field": self.field, "message": "Invalid field."}]}


def bad_token() -> Problem:
    """401/124: the token is missing, unknown or too old."""
    return Problem(401, 124, "Invalid access token.")


def lacks_scope(scope: str) -> Problem:
    """400/4711: asking for a new token does not help."""
    plain = scope.removesuffix(":admin")
    text = f"Invalid access token, does not contain scopes:[{plain}, {scope}]."
    return Problem(400, 4711, text)


def no_user(name: str) -> Problem:
    """404/1001."""
    return Problem(404, 1001, f"User does not exist: {name}.")


def no_meeting(name: str) -> Problem:
    """404/3001: also what a wrongly encoded uuid gets."""
    return Problem(404, 3001, f"Meeting does not exist: {name}.")


def no_recording() -> Problem:
    """404/3301."""
    return Problem(404, 3301, "There is no recording for this meeting.")
