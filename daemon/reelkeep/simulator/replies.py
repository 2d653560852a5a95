"""Make the replies that all simulated hosts have in common, and word Zoom's errors."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelkeep.simulator.switches import Fault


def json_reply(
    payload: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return `payload` as JSON in UTF-8."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return web.Response(
        body=text.encode("utf-8", "surrogatepass"),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def scripted(fault: Fault) -> web.Response:
    """Return the reply that a STATUS fault puts in the place of the right one."""
    return web.Response(status=fault.status, headers=fault.headers, body=fault.body)


def reset(request: web.BaseRequest) -> None:
    """End the connection with a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    if (sock := transport.get_extra_info("socket")) is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def bearer(request: web.BaseRequest) -> str:
    """Return the bearer token of a request, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class ZoomProblem(Exception):
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


class Invalid(ZoomProblem):
    """400/300, naming the field."""

    def __init__(self, field: str) -> None:
        super().__init__(400, 300, "Validation Failed.")
        self.field = field

    def extra(self) -> dict[str, Any]:
        """Name the field."""
        return {"errors": [{"field": self.field, "message": "Invalid field."}]}


def bad_token() -> ZoomProblem:
    """401/124: the token is missing, unknown or too old."""
    return ZoomProblem(401, 124, "Invalid access token.")


def lacks_scope(scope: str) -> ZoomProblem:
    """400/4711: asking for a new token does not help."""
    plain = scope.removesuffix(":admin")
    text = f"Invalid access token, does not contain scopes:[{plain}, {scope}]."
    return ZoomProblem(400, 4711, text)


def no_user(name: str) -> ZoomProblem:
    """404/1001."""
    return ZoomProblem(404, 1001, f"User does not exist: {name}.")


def no_meeting(name: str) -> ZoomProblem:
    """404/3001: also what a wrongly encoded uuid gets."""
    return ZoomProblem(404, 3001, f"Meeting does not exist: {name}.")


def no_recording() -> ZoomProblem:
    """404/3301."""
    return ZoomProblem(404, 3301, "There is no recording for this meeting.")
