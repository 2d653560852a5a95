"""What people who browse the archive ask of the catalog: pages, days, failures, bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Select, String, func, or_, select, type_coerce, union_all

from reelkeep.catalog.database import Database
from reelkeep.catalog.operator import BEGAN, Selection, has_handle, recorded_names, selected
from reelkeep.catalog.tables import all_of_recording, chunks, file, holdings, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import Holding

PAGE: Final = 50
"""Recordings on a page."""

EXAMINED: Final = 10_000
"""Recordings that one request looks at, at most; a search goes on where it ended."""

SHOWN_FAILURES: Final = 25
"""Files that are shown for each reason."""

_WRITTEN = type_coerce(BEGAN, String)
"""When a recording began, as the catalog has it written: the order of its index."""

_CURSOR: Final = re.compile(r"([0-9: .-]{10,40})~([1-9]\d{0,17})", re.ASCII)

_BAD: Final = (FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE)

_DONE: Final = frozenset({RecordingState.ARCHIVED, RecordingState.ACKNOWLEDGED})


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last recording that was looked at: everything older comes after it."""

    began: str  #: As the catalog has it written.
    row: int

    def __str__(self) -> str:
        return f"{self.began}~{self.row}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor that `str` has written, None if `text` is none."""
        match = _CURSOR.fullmatch(text)
        return None if match is None else cls(match[1], int(match[2]))


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Some recordings, the newest first."""

    found: Sequence[Holding]
    after: Cursor | None  #: Where to go on; None: these were the last.
    is_full: bool  #: Otherwise so many were looked at that the search was interrupted.


@dataclass(frozen=True, slots=True)
class FailedFiles:
    """Files that could not be had, for one reason."""

    state: str
    code: str
    count: int
    files: Sequence[tuple[Holding, int]]  #: Some of them, the newest first: recording and row.


class CatalogBrowser:
    """Answers with few rows, or from few; it needs no place of its own in the catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        names: Sequence[str] = (),
        state: str = "",
        selection: Selection,
        after: Cursor | None = None,
    ) -> ResultPage:
        """Return the newest recordings that are meant, after a cursor.

        Title and user are looked for in at most `EXAMINED` recordings, however many there are.
        """
        if selection.number:
            return await self._database.read(lambda c: _numbered(c, names, state, selection))
        return await self._database.read(lambda c: _page(c, names, state, selection, after))

    async def names(self) -> Sequence[str]:
        """Return every provider that has recordings."""
        return await self._database.read(recorded_names)

    async def days(self, name: str, since: date) -> Mapping[date, Mapping[str, int]]:
        """Return how many recordings of a provider began on each day, by their states."""
        day = func.substr(_WRITTEN, 1, 10)
        query = (
            select(day, recording.c.state, func.count())
            .where(recording.c.provider == name, _midnight(since) <= BEGAN)
            .group_by(day, recording.c.state)
        )

        def work(connection: Connection) -> dict[date, dict[str, int]]:
            found: dict[date, dict[str, int]] = {}
            for text, state, count in connection.execute(query):
                found.setdefault(date.fromisoformat(text), {})[state] = count
            return found

        return await self._database.read(work)

    async def stored_bytes(self, since: date) -> Mapping[date, int]:
        """Return how many bytes were stored on each day. It reads every stored file."""
        day = func.substr(type_coerce(file.c.stored_at, String), 1, 10)
        query = (
            select(day, func.sum(file.c.size))
            .where(file.c.state == FileState.STORED, file.c.stored_at >= _midnight(since))
            .group_by(day)
        )

        def work(connection: Connection) -> dict[date, int]:
            return {date.fromisoformat(text): size for text, size in connection.execute(query)}

        return await self._database.read(work)

    async def failures(self) -> Sequence[FailedFiles]:
        """Return what could not be had, by state and reason, the most frequent first."""
        return await self._database.read(_failures)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _numbered(
    connection: Connection, names: Sequence[str], state: str, selection: Selection
) -> ResultPage:
    """Return the recordings with a meeting number or session key: never many."""
    query = all_of_recording().where(has_handle(selection.number))
    if names:
        query = query.where((recording.c.provider + "").in_(names))
    rest = Selection(title=selection.title, user=selection.user, began=selection.began)
    query = _in_state(selected(query, rest), state)
    query = query.order_by(BEGAN.desc(), recording.c.row.desc()).limit(EXAMINED)
    found = holdings(connection, query)
    return ResultPage(found[:PAGE], None, is_full=True)


def _page(
    connection: Connection,
    names: Sequence[str],
    state: str,
    selection: Selection,
    after: Cursor | None,
) -> ResultPage:
    narrowing = Selection(title=selection.title, user=selection.user)
    most = PAGE + 1 if narrowing == Selection() and not state else EXAMINED
    parts = [_of_one(name, selection, after, most) for name in names or recorded_names(connection)]
    looked_at = _newest(connection, parts, most)
    found: list[tuple[str, int]] = []
    for some in chunks(looked_at):
        query = select(recording.c.row).where(recording.c.row.in_([row for _, row in some]))
        rows = set(connection.execute(_in_state(selected(query, narrowing), state)).scalars())
        found += [each for each in some if each[1] in rows]
        if len(found) > PAGE:
            break
    shown = found[:PAGE]
    query = all_of_recording().where(recording.c.row.in_([row for _, row in shown]))
    by_row = {each.row: each for each in holdings(connection, query)}
    page = [by_row[row] for _, row in shown if row in by_row]
    if len(found) > PAGE:
        return ResultPage(page, Cursor(*shown[-1]), is_full=True)
    if len(looked_at) < most:
        return ResultPage(page, None, is_full=True)
    return ResultPage(page, Cursor(*looked_at[-1]), is_full=False)


def _newest(
    connection: Connection, parts: Sequence[Select[Any]], most: int
) -> list[tuple[str, int]]:
    """Return when the newest recordings of `parts` began, and their rows."""
    if not parts:
        return []
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    query = select(found.c.began, found.c.row)
    query = query.order_by(found.c.began.desc(), found.c.row.desc()).limit(most)
    return [(began, row) for began, row in connection.execute(query)]


def _of_one(name: str, selection: Selection, after: Cursor | None, most: int) -> Select[Any]:
    """Return a query of the newest recordings of a provider after `after`, in their index."""
    query = select(_WRITTEN.label("began"), recording.c.row).where(recording.c.provider == name)
    query = selected(query, Selection(began=selection.began))
    if after is not None:
        query = query.where(
            after.began >= _WRITTEN,
            or_(after.began > _WRITTEN, recording.c.row < after.row),
        )
    return query.order_by(BEGAN.desc(), recording.c.row.desc()).limit(most)


def _in_state(query: Any, state: str) -> Any:
    """Return `query` for recordings in a state, or with a file in it."""
    if not state:
        return query
    with_file = select(file.c.row).where(file.c.recording == recording.c.row, file.c.state == state)
    return query.where(or_(recording.c.state == state, with_file.exists()))


def _failures(connection: Connection) -> list[FailedFiles]:
    counts = connection.execute(
        select(file.c.state, func.coalesce(file.c.reason, ""), func.count())
        .where(file.c.state.in_(_BAD))
        .group_by(file.c.state, file.c.reason)
    ).all()
    return [
        FailedFiles(state, code, count, list(_some(connection, state, code)))
        for state, code, count in sorted(counts, key=lambda each: -each[2])
    ]


def _some(connection: Connection, state: str, code: str) -> Iterator[tuple[Holding, int]]:
    query = (
        select(file.c.recording, file.c.row)
        .where(file.c.state == state, func.coalesce(file.c.reason, "") == code)
        .order_by(file.c.recording.desc(), file.c.row)
        .limit(SHOWN_FAILURES)
    )
    rows = [(row, of_file) for row, of_file in connection.execute(query)]
    asked = all_of_recording().where(recording.c.row.in_({row for row, _ in rows}))
    by_row = {each.row: each for each in holdings(connection, asked)}
    for row, group in groupby(rows, key=lambda each: each[0]):
        for _, of_file in group:
            if row in by_row:
                yield by_row[row], of_file


def is_done(state: str) -> bool:
    """Return whether a recording in this state is wholly here."""
    return state in _DONE
