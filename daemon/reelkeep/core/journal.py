"""Write and read the journal of a part: whose bytes it holds, and how many survive what.

A part without a readable journal of its own file starts over; nothing in a journal is ever a
reason to fail (rule 47 of the transfer notes). A locator is not part of the identity (rule 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reelkeep.core.coverage import Extent, cut, joints, merged
from reelkeep.core.model import Download

_FORMAT = 3
_READABLE = (1, 2, _FORMAT)
"""The first one knew neither marks nor extents; those before 3 said which boot they were of."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The one file that a part may be continued for."""

    provider: str
    recording: str
    file: str
    size: int | None  #: Bytes promised by the provider.


@dataclass(frozen=True, slots=True, kw_only=True)
class PartJournal:
    """What is known of a part beside its bytes."""

    identity: Identity
    validator: str | None = None
    total: int | None = None  #: Bytes of the whole, as its server announced it.
    promises: Mapping[str, str] = field(default_factory=dict)
    durable: int = 0  #: So many bytes from the start are known to survive a power cut.
    marks: tuple[str, ...] = ()  #: SHA-256 of the first 64 MiB, 128 MiB and so on (rule 34).
    extents: tuple[Extent, ...] | None = None
    """Durable bytes of a part that is filled out of order; None: it grows at its end only."""


def identity_of(download: Download) -> Identity:
    """Return what a part of `download` must belong to."""
    return Identity(download.provider, download.recording, download.file, download.size)


def usable(journal: PartJournal | None, identity: Identity, *, size: int) -> int:
    """Return how many bytes of a part of `size` bytes can be built on.

    Only those that were durable when the journal was written: by then all of them had been
    accounted for, against what the kernel received. What a process wrote before it died, and did
    not account for, is worth nothing, though the kernel may have it (rule 43, ADR 23).
    """
    if journal is None or journal.identity != identity:
        return 0
    return min(journal.durable, size)


def usable_extents(journal: PartJournal, *, size: int) -> tuple[Extent, ...]:
    """Return which bytes of a part that is filled out of order can be built on.

    The part's size says nothing (rule 44). Where two meet, what lies before is to be proven.
    """
    extents = [extent for extent in journal.extents or () if extent[1] <= size]
    return tuple(cut(merged(extents), joints(extents)))


def encode(journal: PartJournal) -> bytes:
    """Return `journal` as JSON."""
    return json.dumps({"format": _FORMAT} | asdict(journal), separators=(",", ":")).encode()


def decode(content: bytes) -> PartJournal | None:
    """Return the journal in `content`; None if there is none that could be trusted."""
    try:
        document = json.loads(content)
        return _journal(document) if document["format"] in _READABLE else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _journal(document: dict[str, Any]) -> PartJournal:
    identity = document["identity"]
    return PartJournal(
        identity=Identity(
            provider=_text(identity["provider"]),
            recording=_text(identity["recording"]),
            file=_text(identity["file"]),
            size=_count_or_none(identity["size"]),
        ),
        validator=None if document["validator"] is None else _text(document["validator"]),
        total=_count_or_none(document["total"]),
        promises=_texts(document["promises"]),
        durable=_count(document["durable"]),
        marks=tuple(_text(mark) for mark in document.get("marks", ())),
        extents=_extents(document.get("extents")),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return {name: _text(text) for name, text in value.items()}


def _extents(value: Any) -> tuple[Extent, ...] | None:
    return None if value is None else tuple((_count(a), _count(b)) for a, b in value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("expected a number of bytes")
    return value


def _count_or_none(value: Any) -> int | None:
    return None if value is None else _count(value)
