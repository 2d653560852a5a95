"""Decide which files an operator asked for.

A file is wanted if it matches every key given under `include` and none given under `exclude`, and
if its recording did not start before `since`. What is not known of a file never speaks against it:
a recording is not lost because a provider forgot a field.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum

TOPIC_LIMIT = 1000
"""Characters of a topic that are compared: topics are foreign text, and patterns can be slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a file is compared with; an empty or absent key is not given, and so decides nothing.

    `topic` is a regular expression that may match anywhere; types are compared without case;
    `min_duration` matches a recording at least that long.
    """

    file_types: frozenset[str] = frozenset()
    recording_types: frozenset[str] = frozenset()
    meeting_ids: frozenset[str] = frozenset()
    topic: str | None = None
    min_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is wanted of one provider. `since` is aware; what started before it is ignored."""

    include: Criteria = Criteria()
    exclude: Criteria = Criteria()
    since: datetime | None = None


class _Match(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  #: The file does not say, or nobody asked.


def wanted(
    filter_: Filter,
    *,
    file_type: str | None,
    recording_type: str | None,
    meeting_id: str | None,
    topic: str | None,
    duration: timedelta | None,
    started: datetime | None,
) -> bool:
    """Return whether the operator asked for a file of which this much is known."""
    if filter_.since is not None and started is not None and started < filter_.since:
        return False

    def matches(criteria: Criteria) -> list[_Match]:
        return [
            _is_one_of(file_type, criteria.file_types),
            _is_one_of(recording_type, criteria.recording_types),
            _is_exactly_one_of(meeting_id, criteria.meeting_ids),
            _is_about(topic, criteria.topic),
            _lasts(duration, criteria.min_duration),
        ]

    included = _Match.NO not in matches(filter_.include)
    return included and _Match.YES not in matches(filter_.exclude)


def fingerprint(filter_: Filter) -> str:
    """Return 16 hex digits that change exactly when the filter decides differently.

    Order and case of types do not matter, so that tidying a configuration changes nothing.
    """
    asked = {
        "include": _canonical(filter_.include),
        "exclude": _canonical(filter_.exclude),
        "since": filter_.since.timestamp() if filter_.since else None,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _canonical(criteria: Criteria) -> dict[str, object]:
    return asdict(criteria) | {
        "file_types": sorted(kind.casefold() for kind in criteria.file_types),
        "recording_types": sorted(kind.casefold() for kind in criteria.recording_types),
        "meeting_ids": sorted(criteria.meeting_ids),
        "min_duration": criteria.min_duration and criteria.min_duration.total_seconds(),
    }


def _answer(claim: bool) -> _Match:  # noqa: FBT001 - the claim is the whole argument
    return _Match.YES if claim else _Match.NO


def _is_one_of(kind: str | None, kinds: frozenset[str]) -> _Match:
    if not kinds or not kind:
        return _Match.UNKNOWN
    return _answer(kind.casefold() in {given.casefold() for given in kinds})


def _is_exactly_one_of(meeting_id: str | None, meeting_ids: frozenset[str]) -> _Match:
    if not meeting_ids or not meeting_id:
        return _Match.UNKNOWN
    return _answer(meeting_id in meeting_ids)


def _is_about(topic: str | None, pattern: str | None) -> _Match:
    if pattern is None or topic is None:
        return _Match.UNKNOWN
    return _answer(re.search(pattern, topic[:TOPIC_LIMIT]) is not None)


def _lasts(duration: timedelta | None, least: timedelta | None) -> _Match:
    if least is None or duration is None:
        return _Match.UNKNOWN
    return _answer(duration >= least)
