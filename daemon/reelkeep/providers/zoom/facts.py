"""Keep of a provider's words what may be written down for good.

What is left out, and what is kept, at any depth:

    name speaks of a secret           left out, unless it is true, false or null
    name speaks of an address         left out if it is a text; where a file lies in the account's
                                      own storage is kept, without query, user and fragment
    text with an address in it        the address is replaced, the other words stay
    text that is an address           left out; one of an object store (`s3://`) is kept as above
    text that looks like a token      replaced
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

_SECRET = re.compile(
    r"passcode|password|passwd|pwd|token|secret|jwt|authorization|credential|signature|"
    r"api_?key|access_?key",
    re.IGNORECASE,
)
_ADDRESS_WORD = re.compile(r"(?:url|uri|link|href)s?$", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*|[0-9]+")
_STORAGE_NAME = re.compile(r"(?:^|_)(?:external_)?storage(?:_|$)", re.IGNORECASE)
_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "wasb", "wasbs"}
)
_ADDRESS = re.compile(r"\b[A-Za-z][\w+.-]*://\S*|\bwww\.\S+|(?<=\s)//\S+|^//\S+")
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]+")
_SIGNED = re.compile(
    r"\b(?:access_token|token|signature|sig|passcode|password|pwd|pass|secret|credential|"
    r"key-pair-id|policy|x-(?:amz|goog)-[\w-]+)=[^\s&]+",
    re.IGNORECASE,
)
_TEXT, _MEMBERS, _DEPTH = 1_000, 200, 6
_LEFT_OUT: Any = object()


def facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `said` without passcodes, tokens and addresses that open anything; bounded."""
    return _members(said, _DEPTH)


def _members(said: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in list(said.items())[:_MEMBERS]:
        if len(key) > _TEXT or _ADDRESS.search(key):
            continue
        kept = _kept(key, value, depth - 1)
        if kept is not _LEFT_OUT:
            found[key] = kept
    return found


def _kept(key: str, value: Any, depth: int) -> Any:
    """Return what may be kept of a member, or `_LEFT_OUT`."""
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(key):
        return _LEFT_OUT
    if isinstance(value, str):
        return _text(key, value)
    if isinstance(value, Decimal):
        return float(value) if math.isfinite(float(value)) else None
    return _nested(key, value, depth) if isinstance(value, dict | list) else value


def _nested(key: str, value: dict[str, Any] | list[Any], depth: int) -> Any:
    if depth <= 0:
        return None
    if isinstance(value, dict):
        return _members(value, depth)
    items = (_kept(key, each, depth - 1) for each in value[:_MEMBERS])
    return [each for each in items if each is not _LEFT_OUT]


def _text(key: str, value: str) -> Any:
    whole = value.strip()
    stored = _in_storage(whole, anywhere=_is_storage(key))
    if stored is not None:
        return stored
    if _is_address(key) or _ADDRESS.fullmatch(whole) or _TOKEN.fullmatch(whole):
        return _LEFT_OUT
    return _redacted(value)[:_TEXT]


def _redacted(value: str) -> str:
    for pattern, stand_in in ((_ADDRESS, "(address)"), (_TOKEN, "(token)"), (_SIGNED, "(secret)")):
        value = pattern.sub(stand_in, value)
    return value


def _in_storage(value: str, *, anywhere: bool) -> str | None:
    """Return where something lies in the account's own storage, without what could open it.

    With `anywhere`, any address is one of a storage; else only one of an object store.
    """
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    known = parts.scheme.lower() in _OBJECT_STORES or (anywhere and bool(parts.scheme))
    if not known or not host or not (anywhere or value.split() == [value]):
        return None
    return f"{parts.scheme}://{host}{parts.path}"[:_TEXT]


@lru_cache(maxsize=512)
def _is_secret(key: str) -> bool:
    """Return whether what has this name is left out; an API has few names, and repeats them."""
    return _SECRET.search(key) is not None


@lru_cache(maxsize=512)
def _is_address(key: str) -> bool:
    return any(_ADDRESS_WORD.search(word) for word in _WORDS.findall(key))


@lru_cache(maxsize=512)
def _is_storage(key: str) -> bool:
    return _STORAGE_NAME.search(key) is not None and _is_address(key)
