"""Decide how each thing stands in an audit, and what is fetched again to be compared.

listed  state of the file            mark
------  ---------------------------  ------------------------------------------------
yes     none: it is not known        missing, or skipped if the filter does not want it
any     stored                       stored; missing if the archive has lost or altered it;
                                     unreadable if nobody can say whether it has
any     skipped, waived              skipped
yes     unavailable                  unavailable
yes     due, active                  pending
yes     failed, gone                 failed
no      anything else                vanished, if all was listed; else as if it were

What the provider has not finished yet has no file: a recording is `pending` for it until that takes
unreasonably long, and `failed` then.

A file is a suspect if no digest of its provider or host proved it when it was stored, and

* an attempt at it failed before the one that stored it: the last one may have been resumed; or
* it has 256 MiB or more: it may have been fetched by ranges, which are asked for again within
  one attempt, so that nothing of that is recorded; or
* it was taken over from the archive by a new catalog, so that nobody knows its attempts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from reelkeep.core.admission import UNLISTED, changes
from reelkeep.core.coverage import Scale
from reelkeep.core.filters import Filter
from reelkeep.core.integrity import Mark as Condition
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import FileId, HeldFile, Holding, Level, Readiness, Recording

AT_RISK = timedelta(days=7)
"""What its provider deletes within this time, and is not stored yet, is at risk."""

UNFINISHED = FileId("")
"""Stands for the files that the provider has not finished."""


class AuditMark(StrEnum):
    """How a thing stands."""

    STORED = "stored"  #: Verified, and in the archive.
    PENDING = "pending"  #: To be fetched, or still being made by the provider.
    FAILED = "failed"  #: Given up, though the provider has it.
    UNAVAILABLE = "unavailable"  #: Wanted and announced, but the provider gives no way to it.
    SKIPPED = "skipped"  #: Not wanted by the filter, waived, or on the account's own premises.
    MISSING = "missing"  #: The provider has it; we know nothing of it, or have lost or altered it.
    UNREADABLE = "unreadable"  #: It is stored, and the archive cannot be looked at there now.
    VANISHED = "vanished"  #: We knew of it and have it not, and the provider has it no longer.


LEFT = frozenset(AuditMark) - {AuditMark.STORED, AuditMark.SKIPPED}
"""Marks of what is not as it should be in the end."""

_RISKY = LEFT - {AuditMark.VANISHED, AuditMark.UNREADABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing and how it stands; `count` is above one for several unfinished files."""

    file: FileId
    mark: AuditMark
    count: int = 1
    name: str = ""  #: Its name in the archive, once it has one.
    reason: str | None = None  #: The code of what it failed for, or of its obstacle.
    detail: str | None = None  #: The same in a sentence.


@dataclass(slots=True)
class Tally:
    """How many things stand how, on one day or altogether."""

    listed: int = 0  #: By the provider, now.
    stored: int = 0
    pending: int = 0
    failed: int = 0
    unavailable: int = 0
    skipped: int = 0
    missing: int = 0
    unreadable: int = 0
    vanished: int = 0
    at_risk: int = 0  #: Of those pending, failed, unavailable and missing.

    def count(self, item: Item, *, listed: bool, at_risk: bool) -> None:
        """Count `item`."""
        self.listed += item.count if listed else 0
        self.at_risk += item.count if at_risk else 0
        setattr(self, item.mark.value, getattr(self, item.mark.value) + item.count)

    def add(self, other: Tally) -> None:
        """Count what `other` counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def left(self) -> int:
        """How many things are not as they should be in the end."""
        return sum(getattr(self, mark.value) for mark in LEFT)


_OF_ARRIVALS = {
    FileState.DUE: AuditMark.MISSING,
    FileState.UNAVAILABLE: AuditMark.UNAVAILABLE,
    FileState.SKIPPED: AuditMark.SKIPPED,
}


def unknown(
    recording: Recording, holding: Holding | None, rules: Filter, *, whole: bool = True,
    changed: bool = True,
) -> Iterator[Item]:  # fmt: skip
    """Yield what `recording` lists that the catalog does not know; `whole` as for `changes`.

    Unless the sighting is `changed`, what is unfinished is known, or was waived.
    """
    known = () if holding is None else holding.files
    for arrival in changes(recording, known, rules, whole=whole).arrivals:
        mark = _OF_ARRIVALS[arrival.state]
        yield Item(file=arrival.file.id, mark=mark, reason=arrival.reason, detail=arrival.detail)
    in_the_making = recording.unfinished > 0 or recording.readiness is not Readiness.READY
    if holding is None and in_the_making:
        count = max(1, recording.unfinished)
        yield Item(file=UNFINISHED, mark=AuditMark.MISSING, count=count)
    elif holding is not None and changed and recording.unfinished > _unfinished(holding):
        count = recording.unfinished - _unfinished(holding)
        yield Item(file=UNFINISHED, mark=AuditMark.MISSING, count=count)


def known(
    holding: Holding, *, listed: frozenset[int], complete: bool, lost: Mapping[int, Condition],
) -> Iterator[tuple[Item, bool]]:  # fmt: skip
    """Yield what the catalog knows of a recording, and whether the provider lists it.

    By the rows of files: `listed` is what the provider lists, `lost` how that is which the archive
    should have and does not show. Unless the listing was `complete`, not being listed proves
    nothing.
    """
    for file in holding.files:
        is_listed = file.row in listed
        mark = _mark(file, gone=complete and not is_listed, lost=lost.get(file.row))
        why = (file.reason, file.detail) if mark in _EXPLAINED else (None, None)
        yield (
            Item(file=file.id, mark=mark, name=file.name, reason=why[0], detail=why[1]),
            is_listed,
        )
    if count := _unfinished(holding):
        mark = AuditMark.FAILED if holding.state == RecordingState.INCOMPLETE else AuditMark.PENDING
        yield Item(file=UNFINISHED, mark=mark, count=count), False


def is_at_risk(item: Item, deadline: datetime | None, now: datetime) -> bool:
    """Return whether `item` may be deleted before it is here."""
    return item.mark in _RISKY and deadline is not None and deadline - now < AT_RISK


def total(days: Mapping[date | None, Tally]) -> Tally:
    """Return what was counted on all `days`."""
    summed = Tally()
    for tally in days.values():
        summed.add(tally)
    return summed


def _unfinished(holding: Holding) -> int:
    """Return how many files are known to be unfinished, or one if nothing is known of any."""
    is_bare = not holding.files and holding.state in _BARE
    return max(1, holding.unfinished) if holding.unfinished or is_bare else 0


_BARE = frozenset({RecordingState.WAITING, RecordingState.INCOMPLETE})
_EXPLAINED = frozenset({AuditMark.FAILED, AuditMark.UNAVAILABLE})


def _mark(file: HeldFile, *, gone: bool, lost: Condition | None) -> AuditMark:
    match FileState(file.state):
        case FileState.STORED:
            return _mark_of_stored(file, lost)
        case FileState.SKIPPED | FileState.WAIVED:
            return AuditMark.SKIPPED
        case FileState.UNAVAILABLE if not gone or file.id == UNLISTED:
            return AuditMark.UNAVAILABLE
        case _ if gone:
            return AuditMark.VANISHED
        case FileState.DUE | FileState.ACTIVE:
            return AuditMark.PENDING
        case _:
            return AuditMark.FAILED


def _mark_of_stored(file: HeldFile, lost: Condition | None) -> AuditMark:
    if lost is Condition.MISSING or file.fault == Condition.ALTERED:
        return AuditMark.MISSING
    is_closed = Condition.UNREADABLE in (lost, file.fault)
    return AuditMark.UNREADABLE if is_closed else AuditMark.STORED


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
