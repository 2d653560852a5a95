"""One question to a JSON API, and its answer: bounded, exact, and never believed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from reelkeep.core.replies import encoding_problem
from reelkeep.errors import BadAnswer, Misconfigured, Refused, TransferError, Unavailable
from reelkeep.ports import Reply, Request, Transport

EXCERPT = 2_000
"""Characters of an answer that are kept as text."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API said. Whether the status is good news is for the caller to judge."""

    status: int
    headers: Mapping[str, str] = field(repr=False)  #: Looking one up ignores case.
    json: Any | None = field(repr=False)  #: The parsed body; `None` if it is not JSON.
    text: str = field(repr=False)  #: How the body begins, unprintables blanked; for messages only.


async def ask(transport: Transport, request: Request, *, limit: int = 64 * 2**20) -> Answer:
    """Send `request` and read the answer of at most `limit` bytes.

    Integers stay exact and other numbers become `Decimal`s, so that no id goes through a float.

    Raises:
        Misconfigured: The address is against the policy.
        Unavailable: The API cannot be reached, or broke off.
        BadAnswer: The body is too long, too deep, or encoded although identity was asked for.
    """
    try:
        async with transport.open(request) as reply:
            body = await _body(reply, limit)
            status, headers = reply.status, reply.headers
    except Refused as error:
        raise Misconfigured(str(error)) from error
    except TransferError as error:
        raise Unavailable(str(error)) from error
    text = body.decode("utf-8-sig", errors="replace")
    return Answer(status, headers, parse(body), _UNPRINTABLE.sub(" ", text[:EXCERPT]))


def parse(body: bytes) -> Any | None:
    """Return what the JSON in `body` says, `None` if it is not JSON in UTF-8.

    Half a surrogate pair, which JSON can spell but nothing can store, becomes U+FFFD.

    Raises:
        BadAnswer: It is nested too deeply to be an honest answer.
    """
    try:
        text = body.decode("utf-8-sig")
        value = _JSON.decode(text)
        return _mended(value) if _SURROGATE_ESCAPE.search(text) else value
    except RecursionError as error:
        raise BadAnswer("the answer is nested too deeply") from error
    except (ValueError, ArithmeticError):  # not UTF-8, not JSON, or a number beyond all bounds
        return None


def json_body(value: object) -> bytes:
    """Return `value` as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `pairs` as the query of a URL; commas and colons stay readable (RFC 3986 §3.4)."""
    return urlencode(list(pairs), safe=",:", quote_via=quote)


async def _body(reply: Reply, limit: int) -> bytes:
    if encoding_problem(reply.headers) is not None:
        raise BadAnswer("the answer is compressed although identity was asked for")
    body = bytearray()
    async for chunk in reply.chunks():
        body += chunk
        if len(body) > limit:
            raise BadAnswer(f"the answer is longer than {limit} bytes")
    return bytes(body)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    return value
