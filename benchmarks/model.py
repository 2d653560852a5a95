"""What a benchmark has measured, and how it is kept in a file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import date

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of one contender took."""

    wall: float  #: Seconds, from the start of the process to its end.
    cpu: float  #: CPU seconds, user and system, of the process and its children.
    peak: int  #: Resident bytes of the largest of these processes.
    resent: int = 0  #: Bytes that were sent although they had been sent before.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A run of ours, and a run of a rival right before or right after it."""

    ours: Run
    theirs: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """All pairs against one rival."""

    rival: str
    variant: str = ""  #: Under which circumstances, where a case has several.
    pairs: tuple[Pair, ...] = ()
    failed: str = ""  #: Why the rival could not take part, or did no more.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A quantity that was measured of reelkeep alone, once a round."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that one case has brought."""

    case: str
    day: date
    rounds: int
    seconds: float  #: How long the case took, preparations included.
    files: int = 0
    size: int = 0  #: Bytes that a run brings home.
    server: float | None = None  #: CPU seconds of the server for each GB that it served.
    duels: tuple[Duel, ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All cases, and where they were measured."""

    machine: dict[str, str]
    versions: dict[str, str]
    cases: tuple[Measured, ...]
    load: float | None = None  #: Of the machine before the first case; busy ones mislead.

    def case(self, key: str) -> Measured | None:
        """Return what the case `key` has brought, if it was measured."""
        return next((each for each in self.cases if each.case == key), None)

    def merged(self, newer: Results) -> Results:
        """Return these results with the cases of `newer` in place of the same ones here.

        Raises:
            ValueError: They are of another machine, or of other versions.
        """
        if (self.machine, self.versions) != (newer.machine, newer.versions):
            raise ValueError("the kept results are of another machine or other versions")
        fresh = {each.case for each in newer.cases}
        kept = tuple(each for each in self.cases if each.case not in fresh)
        return replace(newer, cases=kept + newer.cases)


_RESULTS = TypeAdapter(Results)


def loads(text: str) -> Results:
    """Return the results that `text` holds."""
    return _RESULTS.validate_json(text)


def dumps(results: Results) -> str:
    """Return `results` as JSON, with each run in a line."""
    spread = json.dumps(asdict(results), indent=1, default=str, ensure_ascii=False)
    return re.sub(r"[{\[][^{}\[\]]*[}\]]", _in_a_line, spread) + "\n"


def _in_a_line(found: re.Match[str]) -> str:
    line = re.sub(r"\s*\n\s*", " ", found[0])
    return line if len(line) < 200 else found[0]
