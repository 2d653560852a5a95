"""Read a header field that may come in several lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def joined(headers: Mapping[str, str], name: str) -> str:
    """Return all lines of field `name` as the one list they are; empty if there is none.

    That is RFC 9110, section 5.3. It holds for fields that are lists only.
    """
    lines: Any = getattr(headers, "getall", None)  # multidict's keep the lines apart
    return headers.get(name, "") if lines is None else ", ".join(lines(name, ()))
