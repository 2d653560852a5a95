"""Decide whether what lies at `archive.path` is the archive of this catalog.

Catalog and archive share an identity: a random text, written to both before anything is stored.
An empty folder, such as the mount point of a disk that is not mounted, has none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

IDENTITY_BYTES: Final = 4096
"""The longest file of an identity that is read."""

_IDENTITY = re.compile(r"[0-9a-f]{32}")


class Ruling(StrEnum):
    """What follows for whoever wants to write to the archive."""

    OPEN = "open"  #: Go on: it is the archive.
    BEGIN = "begin"  #: Give both a new identity, then go on.
    TAKE = "take"  #: Let the catalog take the identity of the archive, then go on.
    ABSENT = "absent"  #: Write nothing: the archive is not there.
    OTHER = "other"  #: Write nothing: another archive is there.


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known before the first byte is written."""

    catalog: str | None  #: The identity that the catalog knows.
    archive: str | None  #: The identity that lies in the archive.
    holds: bool  #: The catalog calls files stored.
    recognised: bool  #: One of these files lies there, where it should and of its size.


def rule(found: Evidence) -> Ruling:
    """Return what follows from `found`.

    A catalog without an identity is new, or of a version that had none, or a backup from then. If
    it knows stored files, one of them must be there: an empty folder is never taken for the
    archive. An identity in the catalog is believed alone.
    """
    if found.catalog is not None and found.catalog == found.archive:
        return Ruling.OPEN
    if found.catalog is not None or (found.holds and not found.recognised):
        return Ruling.ABSENT if found.archive is None else Ruling.OTHER
    return Ruling.BEGIN if found.archive is None else Ruling.TAKE


def refusal(ruling: Ruling, place: str) -> str | None:
    """Return why nothing may be written at `place`, and what to do; None if it may."""
    if ruling is Ruling.ABSENT:
        return (
            f"the archive is not at {place}: nothing there shows that it is the one that the "
            "catalog knows. Is its disk mounted? If that disk is lost for good, "
            "`reelkeep archive init` begins an empty archive there"
        )
    if ruling is Ruling.OTHER:
        return (
            f"another archive is at {place}: its identity is not the one that the catalog knows. "
            "See that archive.path, catalog.url and the mounted disk belong together"
        )
    return None


def encode_identity(identity: str) -> bytes:
    """Return the content of the file that holds `identity`."""
    return json.dumps({"identity": identity}).encode() + b"\n"


def decode_identity(content: bytes) -> str:
    """Return the identity that a file holds.

    Raises:
        ValueError: It holds none.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    identity = found.get("identity") if isinstance(found, dict) else None
    if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
        raise ValueError("it holds no identity")
    return identity
