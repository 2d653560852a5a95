"""A resolver for names that exist in tests only."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Knows the names in `book`, and counts how often it was asked."""

    def __init__(self, book: Mapping[str, Sequence[str]]) -> None:
        self.asked: list[str] = []
        self._book = book

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - part of the interface
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self._book:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._book[host]
        ]

    async def close(self) -> None:
        pass
