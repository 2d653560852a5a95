"""Decide which archived files are fetched again to be compared, and what the digests say.

A file is a suspect if no digest of its provider or host proved it when it was stored, and

* an attempt at it failed before the one that stored it: the last one may have been resumed; or
* it has 256 MiB or more: it may have been fetched by ranges, which are asked for again within
  one attempt, so that nothing of that is recorded; or
* it was taken over from the archive by a new catalog, so that nobody knows its attempts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from reelkeep.core.coverage import Scale
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Level

PROVEN = frozenset({Level.DIGEST, Level.ETAG_MD5, Level.CRC})
"""Levels of files whose bytes were compared with a digest or checksum of their origin."""

_DRAWS = 1 << 64


class Comparison(StrEnum):
    """What fetching an archived file again has shown."""

    MATCHES = "matches"  #: The archive has what the provider gives.
    DIFFERS = "differs"  #: Two fetches are equal, and the archive has something else.
    UNSTEADY = "unsteady"  #: Two fetches differ from each other, and from the archive.
    NOT_COMPARED = "not_compared"  #: It could not be fetched, or not be read here.


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of the archived files are meant; a file has to fit in everything that is given."""

    sample: Fraction | None = None  #: The share of them, at most 1.
    seed: str = ""  #: Another seed chooses another sample.
    since: datetime | None = None  #: Those stored at this time or later, or nobody knows when.
    suspects: bool = False

    def takes(self, file: HeldFile, key: str, *, attempted: bool, adopted: bool) -> bool:
        """Return whether `file` of the recording `key` is meant.

        `attempted`: an attempt at it has failed once; `adopted`: its attempts are not known.
        """
        return (
            file.state == FileState.STORED
            and (self.since is None or file.stored_at is None or file.stored_at >= self.since)
            and (not self.suspects or is_suspect(file, attempted=attempted, adopted=adopted))
            and (self.sample is None or is_drawn(self.sample, self.seed, key, file.id))
        )


def is_suspect(file: HeldFile, *, attempted: bool, adopted: bool) -> bool:
    """Return whether stored `file` may be the work of a resumed attempt that no digest proved."""
    if file.verified in {level.value for level in PROVEN}:
        return False
    large = file.size is None or file.size >= Scale().large
    return attempted or adopted or large or file.tries > 0


def is_drawn(share: Fraction, seed: str, key: str, file: str) -> bool:
    """Return whether a file is in the sample: the same ones each time, for the same `seed`.

    It depends on nothing but the seed and the identity of the file. A larger share with the same
    seed holds all of a smaller one.
    """
    digest = hashlib.sha256(f"{seed}\0{key}\0{file}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * _DRAWS


def parse_share(text: str) -> Fraction:
    """Return the share that a percentage such as `5%`, `5` or `0.5%` means.

    Raises:
        ValueError: It is none, or not above 0 and at most 100.
    """
    digits = text.strip().removesuffix("%").strip()
    if not digits.replace(".", "", 1).isdecimal() or not digits.isascii():
        raise ValueError(f"expected a percentage such as 5% or 0.5%, got {text!a}")
    share = Fraction(digits) / 100
    if not 0 < share <= 1:
        raise ValueError(f"expected more than 0% and at most 100%, got {text!a}")
    return share


def compare(archived: str, first: str, second: str | None = None) -> Comparison | None:
    """Return what the SHA-256 of the archived bytes and of one or two fetches say.

    None: the first fetch differs, and a second one has to decide.
    """
    if archived in (first, second):
        return Comparison.MATCHES
    if second is None:
        return None
    return Comparison.DIFFERS if first == second else Comparison.UNSTEADY
