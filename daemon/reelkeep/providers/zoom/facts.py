"""Keep of a provider's words what may be written down for good."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

_SECRET = re.compile(
    r"url|uri$|link|passcode|password|passwd|pwd|token|secret|jwt|authorization|credential|signature",
    re.IGNORECASE,
)
_LOCATOR = re.compile(r"://|\bwww\.|^eyJ[\w-]+\.[\w-]+", re.IGNORECASE)
_TEXT, _MEMBERS, _DEPTH = 1_000, 200, 6


def facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `said` without passcodes, tokens and addresses, bounded in every direction.

    Whatever is named like a secret or looks like an address is left out at any depth.
    """
    return _members(said, _DEPTH)


def _members(said: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {
        key: _kept(value, depth - 1)
        for key, value in list(said.items())[:_MEMBERS]
        if len(key) <= _TEXT and not (_is_secret(key) or _is_locator(value))
    }


def _kept(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value[:_TEXT]
    if isinstance(value, Decimal):
        return float(value) if math.isfinite(float(value)) else None
    if isinstance(value, dict | list) and depth <= 0:
        return None
    if isinstance(value, dict):
        return _members(value, depth)
    if isinstance(value, list):
        return [_kept(each, depth - 1) for each in value[:_MEMBERS] if not _is_locator(each)]
    return value


@lru_cache(maxsize=512)
def _is_secret(key: str) -> bool:
    """Return whether what has this name is left out; an API has few names, and repeats them."""
    return _SECRET.search(key) is not None or _is_locator(key)


def _is_locator(value: object) -> bool:
    return isinstance(value, str) and _LOCATOR.search(value) is not None
