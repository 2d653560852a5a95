"""Decide what becomes of a file that its provider names and that cannot be had now.

The codes are a closed list: they stand in the catalog, in manifests and in the manual.

Nobody is at fault at first: no attempt is counted. The pauses double, so that such a file takes
little from those that can be had. After `SAID_AFTER` answers in a row it is said once. The wait is
over when it has lasted for `END` and for `LEAST` answers: a clock that jumps ends none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from reelkeep.errors import BadAnswer, NotYet, Untimely


class Obstacle(StrEnum):
    """What stands between a file and its download."""

    IN_TRASH = "in_trash"  #: In the provider's trash, without an address.
    EXTERNAL_STORAGE = "external_storage"  #: In the account's own storage.
    PARTICIPANT_AUDIO = "participant_audio"  #: Announced; perhaps audio that was not asked for.
    NOT_LISTED = "not_listed"  #: Announced, but not listed.
    ON_PREMISE = "on_premise"  #: On the account's own premises: never to be downloaded.


NOT_WANTED = frozenset({Obstacle.ON_PREMISE})
"""Obstacles of files that nobody expects: they are `skipped`. All others are `unavailable`."""

EXPLANATIONS: Mapping[Obstacle, str] = MappingProxyType(
    {
        Obstacle.IN_TRASH: (
            "it is in the provider's trash, which gives no address to download from; recover it in "
            "Zoom's trash, and it is fetched"
        ),
        Obstacle.EXTERNAL_STORAGE: (
            "it is in the account's own storage, and there is no address to download it from; copy "
            "it from there, or waive it"
        ),
        Obstacle.PARTICIPANT_AUDIO: (
            "the audio of participants was not asked for; set participant_audio: true, or exclude "
            "the recording type participant_audio"
        ),
        Obstacle.NOT_LISTED: (
            "look at the recording in the provider's web pages; retry asks for it again"
        ),
        Obstacle.ON_PREMISE: "on-premise: nothing to download",
    }
)
"""Each in a sentence, with what helps."""

_FORMER: Mapping[str, Obstacle] = MappingProxyType(
    {
        "external storage": Obstacle.EXTERNAL_STORAGE,
        "in the trash, without an address to download from": Obstacle.IN_TRASH,
        EXPLANATIONS[Obstacle.ON_PREMISE]: Obstacle.ON_PREMISE,
    }
)


def read_obstacle(text: str | None) -> Obstacle | None:
    """Return the obstacle that `text` names, also as earlier catalogs and manifests did."""
    if text is None or text in _FORMER:
        return None if text is None else _FORMER[text]
    return next((obstacle for obstacle in Obstacle if obstacle.value == text), None)


FIRST: Final = timedelta(seconds=30)
"""The pause after the first answer in vain."""

LONGEST: Final = timedelta(hours=1)
"""The longest pause."""

SAID_AFTER: Final = 8
"""Answers in vain after which it is said: an hour or two."""

END: Final = timedelta(days=3)
"""How long a file waits at the least before it is given up."""

LEAST: Final = 12
"""Answers in vain before it is given up, at the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWait:
    """One more answer in vain, and what follows."""

    count: int  #: Answers in vain in a row, this one included.
    since: datetime  #: When the first came.
    pause: timedelta  #: How long to leave the file alone now.
    said: bool  #: It is to be said now; true for one answer of a wait.
    over: bool  #: It is given up.


def waits(error: Exception) -> bool:
    """Return whether `error` says that a file cannot be had yet, and nothing against it."""
    return isinstance(error, NotYet | BadAnswer | Untimely)


def one_more(count: int, since: datetime | None, *, now: datetime, rng: float) -> NextWait:
    """Return what follows one more answer in vain after `count`, the first of them at `since`.

    `rng` in [0, 1) makes the pause up to a tenth shorter.
    """
    began = now if since is None or since > now else since
    count += 1
    pause = min(LONGEST, FIRST * 2 ** min(count - 1, 20))
    return NextWait(
        count=count,
        since=began,
        pause=pause * (1 - rng / 10),
        said=count == SAID_AFTER,
        over=count >= LEAST and now - began >= END,
    )


FIRST_TELLING: Final = timedelta(hours=1)
"""How long a refused acknowledgement is put off at first."""

LONGEST_TELLING: Final = timedelta(days=7)
"""How long it is put off at most."""

LAST_TELLING: Final = timedelta(days=30)
"""How long after it was archived a recording that is refused again is told no more."""


def next_telling(
    archived_at: datetime | None, *, refused_before: bool, now: datetime
) -> datetime | None:
    """Return when to tell a provider again that refused to be told; None: never.

    It waits for a quarter of the time since the recording was archived, so that one which is gone
    over there is asked about ever more rarely, and at last no more.
    """
    age = max(timedelta(), now - (archived_at or now))
    if refused_before and age >= LAST_TELLING:
        return None
    return now + min(LONGEST_TELLING, max(FIRST_TELLING, age / 4))
