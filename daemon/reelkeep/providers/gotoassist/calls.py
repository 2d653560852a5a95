"""Spell the requests of the API, with ids in whichever syntax was configured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from reelkeep.core.model import RecordingId
from reelkeep.providers.gotoassist.options import GoToAssistOptions, IdSyntax
from reelkeep.providers.web import json_body

MOST = 500
"""Ids in one request, as documented."""

ROOM = 6_000
"""Characters of ids in one URL; many servers take lines of 8 KiB at most (provider notes, 1.5)."""

_ARCHIVE = "archive/recordings"
_ALMOST_A_SECOND = timedelta(microseconds=999_999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as the API knows it: relative to `base_url`, without credentials."""

    method: str = "GET"
    path: str = _ARCHIVE
    pairs: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A kind of call that names many recordings."""

    setting: str  #: Says how they are named.
    call: Callable[[Sequence[RecordingId]], Call]
    overhead: int = 1  #: Characters that each id costs in a URL, beside its own.


def listing(
    options: GoToAssistOptions,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    days: int | None = None,
    archived: bool = False,
) -> Call:
    """Return the call that lists what started in `since <= t <= until`, or in the last `days`."""
    session_type = {None: None, "attended": "0", "unattended": "1"}[options.session_type]
    pairs = (
        ("accountKey", options.account_key),
        ("userKey", options.user_key),
        ("companyId", options.company_id),
        ("sessionType", session_type),
        ("fromTime", None if since is None else stamp(since)),
        ("toTime", None if until is None else stamp(until + _ALMOST_A_SECOND)),
        ("timePeriod", None if days is None else str(days)),
        ("archived", "1" if archived else "0"),
    )
    return Call(pairs=tuple((name, value) for name, value in pairs if value is not None))


def urls(syntax: IdSyntax) -> Batch:
    """Return the call that asks for download addresses."""

    def call(ids: Sequence[RecordingId]) -> Call:
        values = [",".join(ids)] if syntax.urls == "csv" else ids
        pairs = tuple((syntax.urls_param, value) for value in values)
        return Call(path=f"{_ARCHIVE}/urls", pairs=pairs)

    overhead = 1 if syntax.urls == "csv" else len(syntax.urls_param) + 2
    return Batch("ids.urls and ids.urls_param", call, overhead)


def mark(syntax: IdSyntax) -> Batch:
    """Return the call that marks recordings as archived."""
    return Batch("ids.mark", _naming("PUT", f"{_ARCHIVE}/archived", syntax.mark))


def transcode(syntax: IdSyntax) -> Batch:
    """Return the call that asks for a transcoding."""
    return Batch("ids.transcode", _naming("POST", f"{_ARCHIVE}/transcode", syntax.transcode))


def batches(
    ids: Sequence[RecordingId], *, most: int, overhead: int = 1
) -> Iterator[Sequence[RecordingId]]:
    """Cut `ids` into batches of at most `most` (and `MOST`) that fit into a URL."""
    batch: list[RecordingId] = []
    room = ROOM
    for each in ids:
        cost = len(each) + overhead
        if batch and (len(batch) >= min(most, MOST) or cost > room):
            yield batch
            batch, room = [], ROOM
        batch.append(each)
        room -= cost
    if batch:
        yield batch


def stamp(time: datetime) -> str:
    """Return `time` as the API reads it: UTC, whole seconds, `Z` (provider notes, 1.4)."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _naming(method: str, path: str, style: str) -> Callable[[Sequence[RecordingId]], Call]:
    def in_path(ids: Sequence[RecordingId]) -> Call:
        return Call(method=method, path=f"{path}/{quote(','.join(ids), safe=',~')}")

    def in_body(ids: Sequence[RecordingId]) -> Call:
        numbers = [int(each) if re.fullmatch("[1-9][0-9]*", each) else each for each in ids]
        return Call(method=method, path=path, body=json_body({"recordingIds": numbers}))

    return in_path if style == "path" else in_body
