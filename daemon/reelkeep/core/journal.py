"""Write and read the journal of a part: whose bytes it holds, and how many survive what.

A part without a readable journal of its own file starts over; nothing in a journal is ever a
reason to fail (rule 47 of the transfer notes). A locator is not part of the identity (rule 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reelkeep.core.model import Download

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """The one file that a part may be continued for."""

    provider: str
    recording: str
    file: str
    size: int | None  #: Bytes promised by the provider.


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What is known of a part beside its bytes."""

    identity: Identity
    validator: str | None = None
    total: int | None = None  #: Bytes of the whole, as its server announced it.
    promises: Mapping[str, str] = field(default_factory=dict)
    durable: int = 0  #: So many bytes are known to survive a power cut.
    boot: str = ""  #: The run of the kernel that wrote this; empty: not known.


def identity_of(download: Download) -> Identity:
    """Return what a part of `download` must belong to."""
    return Identity(download.provider, download.recording, download.file, download.size)


def usable(journal: Journal | None, identity: Identity, *, size: int, boot: str) -> int:
    """Return how many bytes of a part of `size` bytes can be built on.

    A process that dies leaves the kernel's cache, so the part's own size holds for as long as
    the machine runs; after another boot only what had been flushed does (rule 43).
    """
    if journal is None or journal.identity != identity:
        return 0
    same_boot = boot != "" and journal.boot == boot
    return size if same_boot else min(journal.durable, size)


def encode(journal: Journal) -> bytes:
    """Return `journal` as JSON."""
    return json.dumps({"format": _FORMAT} | asdict(journal), separators=(",", ":")).encode()


def decode(content: bytes) -> Journal | None:
    """Return the journal in `content`; None if there is none that could be trusted."""
    try:
        document = json.loads(content)
        return _journal(document) if document["format"] == _FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _journal(document: dict[str, Any]) -> Journal:
    identity = document["identity"]
    return Journal(
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
        boot=_text(document["boot"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return {name: _text(text) for name, text in value.items()}


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("expected a number of bytes")
    return value


def _count_or_none(value: Any) -> int | None:
    return None if value is None else _count(value)
