"""Read what the API answers, believing as little as possible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from reelkeep.core.model import RecordingId
from reelkeep.errors import BadAnswer

CAP = 500
"""Ids in each list at most, and nothing says so when there are more (provider notes, 1.3)."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_COMPARED = 100  # entries of one recording; nobody but an attacker gives more
_LARGEST = 2**63 - 1
_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,15}):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListingReply:
    """One answer to a listing; ids without repeats, in the API's order."""

    transcodable: tuple[RecordingId, ...]
    ready: tuple[RecordingId, ...]
    full: bool  #: A list has reached the cap, so there may be more.
    unreadable: int = 0  #: Entries that cannot be ids.


@dataclass(frozen=True, slots=True)
class Unusable:
    """An address that was given and from which nothing can ever be fetched."""

    reason: str  #: In words, without the address itself.


Address = str | Unusable | None
"""An address, what is wrong with it, or None if none was given."""


@dataclass(frozen=True, slots=True)
class Links:
    """What `/urls` says of one recording. The addresses are bearer secrets."""

    id: RecordingId
    video: Address = field(repr=False)
    events: Address = field(repr=False)
    thumbnail: Address = field(repr=False)
    started: datetime | None
    size: int | None  #: Bytes of the video.
    others: tuple[Links, ...] = ()  #: Further entries of this id, which say something else.


def read_listing(body: Any) -> ListingReply:
    """Return the listing in `body`.

    Raises:
        BadAnswer: There is none.
    """
    if not isinstance(body, dict):
        raise BadAnswer("expected an object with two lists of ids, got something else")
    lists = [body.get(key) for key in ("readyForTranscode", "readyForDownload")]
    if any(each is not None and not isinstance(each, list) for each in lists):
        raise BadAnswer("expected two lists of ids, got something else in place of one")
    if body and lists == [None, None]:
        raise BadAnswer("expected readyForTranscode and readyForDownload, got neither")
    waiting, ready = (each or [] for each in lists)
    ready_ids = _ids(ready)
    return ListingReply(
        transcodable=tuple(each for each in _ids(waiting) if each not in set(ready_ids)),
        ready=ready_ids,
        full=max(len(waiting), len(ready)) >= CAP,
        unreadable=sum(identifier(each) is None for each in [*waiting, *ready]),
    )


def read_links(body: Any) -> Mapping[RecordingId, Links]:
    """Return what `body` says of each recording.

    Entries of one recording that do not contradict each other are one; others are kept apart.
    The outer shape is not documented: a bare list, or an object that holds exactly one.

    Raises:
        BadAnswer: It is neither.
    """
    entries: dict[RecordingId, list[Links]] = {}
    for entry in _only_list(body):
        if isinstance(entry, dict) and (id_ := identifier(entry.get("recordingId"))) is not None:
            _add(entries.setdefault(id_, []), _links(id_, entry))
    return {id_: replace(first, others=tuple(others)) for id_, (first, *others) in entries.items()}


def path_of(address: Address) -> str | None:
    """Return what of an address stays when it is signed anew, None if it is none."""
    if not isinstance(address, str):
        return None
    try:
        return urlsplit(address).path
    except ValueError:
        return address


def _add(known: list[Links], entry: Links) -> None:
    """Add what an entry says to one that it does not contradict, else beside them."""
    for number, each in enumerate(known[:_COMPARED]):
        if _agree(each, entry):
            known[number] = replace(
                each,
                video=_either(each.video, entry.video),
                events=_either(each.events, entry.events),
                thumbnail=_either(each.thumbnail, entry.thumbnail),
                started=each.started or entry.started,
                size=each.size or entry.size,
            )
            return
    known.append(entry)


def _agree(one: Links, other: Links) -> bool:
    """Return whether nothing that both say differs; how addresses are signed does not matter."""
    return all(
        mine is None or theirs is None or mine == theirs
        for mine, theirs in zip(_said(one), _said(other), strict=True)
    )


def _said(links: Links) -> tuple[object, ...]:
    addresses = (links.video, links.events, links.thumbnail)
    return (*map(path_of, addresses), links.started, links.size)


def _either(one: Address, other: Address) -> Address:
    return other if one is None or (isinstance(one, Unusable) and isinstance(other, str)) else one


def identifier(value: Any) -> RecordingId | None:
    """Return `value` as a recording's id, `None` if it cannot be one.

    Integers of any size and text are taken as they are; other numbers only if they are whole.
    Floats never come: they would have lost digits.
    """
    text = value.strip() if isinstance(value, str) else _digits(value)
    return RecordingId(text) if text and _IDENTIFIER.fullmatch(text) else None


def size(value: Any) -> int | None:
    """Return a positive number of bytes, `None` if `value` is no such thing."""
    text = value.strip() if isinstance(value, str) else _digits(value)
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return int(text) if 0 < int(text) <= _LARGEST else None


def moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time, in UTC if it has no zone; `None` if `value` is no such thing.

    Nor is a time of another century than this one or the last: it is a placeholder.
    """
    try:
        time = datetime.fromisoformat(value.strip())
        if not 1900 <= time.year < 2100:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError):
        return None


def _links(id_: RecordingId, entry: Mapping[str, Any]) -> Links:
    return Links(
        id=id_,
        video=_address(entry, "recordingUrl"),
        events=_address(entry, "eventsUrl"),
        thumbnail=_address(entry, "thumbnailUrl"),
        started=moment(entry.get("recordingStartTime")),
        size=size(entry.get("recordingSize")),
    )


def _only_list(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    lists = [each for each in body.values() if isinstance(each, list)] if _is_object(body) else []
    if len(lists) != 1:
        raise BadAnswer("expected a list of recordings, or an object with one, got something else")
    return lists[0]


def _is_object(body: Any) -> bool:
    return isinstance(body, dict)


def _ids(entries: Iterable[Any]) -> tuple[RecordingId, ...]:
    ids = (identifier(each) for each in entries)
    return tuple(dict.fromkeys(each for each in ids if each is not None))


def _digits(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if 0 <= value < 10**64 else None
    if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**64:
        return str(int(value)) if value == value.to_integral_value() else None
    return None


def _address(entry: Mapping[str, Any], member: str) -> Address:
    """Return the address under `member`; nothing and a blank text are no address yet."""
    value = entry.get(member)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return Unusable(f"{member} is no text")
    text = value.strip()
    if _ADDRESS.fullmatch(text):
        return text
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        return Unusable(f"{member} is a {scheme[1].lower()}: address; only https can be fetched")
    return Unusable(f"{member} is not an address that can be fetched")
