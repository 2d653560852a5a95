"""Make the replies that all simulated hosts have in common."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelkeep.simulator.faults import Fault


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
