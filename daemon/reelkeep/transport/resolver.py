"""Look names up, and forget every answer that the address policy forbids.

This is the one place between a name and a connection, so what is checked is what is connected to,
and an answer that changes between check and use (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.urls import Origin
from reelkeep.errors import Refused


class PolicyResolver(AbstractResolver):
    """Resolves for connections of one scheme; the pool of connections keeps schemes apart too."""

    def __init__(self, inner: AbstractResolver, policy: AddressPolicy, scheme: str) -> None:
        self._inner = inner
        self._policy = policy
        self._scheme = scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the permitted addresses of `host`.

        Raises:
            Refused: It has addresses, and none may be used.
        """
        origin = Origin(self._scheme, host.lower(), port)
        results = await self._inner.resolve(host, port, family)
        objections = [
            self._policy.objection(origin, ip_address(result["host"])) for result in results
        ]
        permitted = [
            result
            for result, objection in zip(results, objections, strict=True)
            if objection is None
        ]
        if results and not permitted:
            raise Refused(f"{origin}: {objections[0]}")
        return permitted

    async def close(self) -> None:
        await self._inner.close()
