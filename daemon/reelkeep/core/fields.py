"""Read a header field that may come in several lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class _Lines(Protocol):
    """A mapping that keeps the lines of a field apart, as multidict's do."""

    def getall(self, name: str, default: Iterable[str], /) -> Iterable[str]: ...


def joined(headers: Mapping[str, str], name: str) -> str:
    """Return all lines of field `name` as the one list they are; empty if there is none.

    That is RFC 9110, section 5.3. It holds for fields that are lists only.
    """
    if isinstance(headers, _Lines):
        return ", ".join(headers.getall(name, ()))
    return headers.get(name, "")
