"""What an operator asks the catalog: recordings by what people know of them, figures, attempts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from reelkeep.catalog.database import Database
from reelkeep.catalog.queue import claimable
from reelkeep.catalog.remaining_work import at_risk
from reelkeep.catalog.tables import (
    ADOPTED,
    NEVER,
    Instant,
    all_of_recording,
    attempt,
    chunks,
    file,
    holdings,
    milestone,
    provider,
    recording,
    unread,
)
from reelkeep.core.audit import AT_RISK
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import Holding, ProviderName, RecordingId, Window
from reelkeep.core.text import folded
from reelkeep.errors import DiskFull
from reelkeep.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a recording must have; what is empty is not asked for."""

    title: str = ""  #: A part of the title, in upper or lower case.
    user: str = ""  #: A part of the user's address or name, in upper or lower case.
    number: str = ""  #: The meeting number, digits only.
    began: Window | None = None  #: One of which nobody knows the start counts from first seen.


BEGAN: ColumnElement[Any] = func.coalesce(
    recording.c.started, recording.c.first_seen, type_=Instant
)
"""When a recording began, or was first seen: the order of `recording_began` of each provider."""


def selected(query: Select[Any], selection: Selection) -> Select[Any]:
    """Return `query` with the conditions of `selection`."""
    if selection.number:
        query = query.where(has_number(selection.number))
    for column, text in ((recording.c.title, selection.title), (recording.c.user, selection.user)):
        if text:
            query = query.where(func.instr(func.folded(column), folded(text)) > 0)
    if selection.began is not None:
        query = query.where((selection.began.since <= BEGAN) & (selection.began.until > BEGAN))
    return query


def has_number(number: str) -> ColumnElement[bool]:
    """Return the condition that a recording has this meeting number; the index is partial."""
    return (recording.c.meeting_id == number) & (recording.c.meeting_id != literal_column("''"))


def has_handle(text: str) -> ColumnElement[bool]:
    """Return the condition that it has this meeting number, or is of the session with this key."""
    has_key = (recording.c.session_key == text) & (recording.c.session_key != literal_column("''"))
    return has_number(text) | has_key


async def attempted(database: Database, rows: Iterable[int]) -> frozenset[int]:
    """Return those of the files `rows` at which an attempt has failed, ever."""

    def work(connection: Connection) -> frozenset[int]:
        found: set[int] = set()
        for some in chunks(rows):
            query = select(attempt.c.file).where(attempt.c.file.in_(some)).distinct()
            found |= set(connection.execute(query).scalars())
        return frozenset(found)

    return await database.read(work)


async def adopted_at(database: Database) -> datetime | None:
    """Return when the catalog took over what the archive held; None: it never did."""
    query = select(milestone.c.at).where(milestone.c.name == ADOPTED)
    return await database.read(lambda connection: connection.execute(query).scalar())


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How one provider stands in the catalog."""

    name: ProviderName
    polled_at: datetime | None = None
    broken_since: datetime | None = None
    reason: str | None = None
    recordings: Mapping[str, int] = field(default_factory=dict)  #: By state.
    files: Mapping[str, int] = field(default_factory=dict)  #: By state.
    stored_bytes: int = 0
    pending_bytes: int = 0  #: Promised bytes of files that are due.
    damaged: int = 0  #: Stored files that were not in order when they were last read.
    unpublished: int = 0  #: Recordings with files that are stored, but not in their folder yet.
    too_large: int = 0  #: Due files that do not fit in what is left of the disk.
    acknowledge_refused: int = 0  #: Archived recordings whose provider refuses to mark them.
    partly: bool = False  #: Single listings failed the last time; all others were served.
    unread_listings: int = 0  #: Listings that failed, and are read again by themselves.
    unread_users: int = 0  #: Users whose listings these are, where each has his own.
    at_risk: int = 0  #: Recordings that are not here, and deleted by the provider within days.


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed attempt at a file."""

    at: datetime
    code: str
    detail: str


ALL = Selection()
"""Whatever there is."""


class OperatorCatalog:
    """Answers questions about the catalog, and takes the operator's decisions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def summaries(
        self, names: Sequence[ProviderName], *, free: int | None = None
    ) -> list[Summary]:
        """Return one summary a name, in the order of `names`.

        `free` are the bytes that may still be written to the archive; None: not known.
        """
        now = self._clock()
        return await self._database.read(lambda c: [_summary(c, name, now, free) for name in names])

    async def names(self) -> list[ProviderName]:
        """Return every provider that the catalog ever heard of."""
        return await self._database.read(recorded_names)

    async def listing(
        self, *, names: Sequence[str] = (), states: Sequence[str] = (), span: Window | None = None,
        selection: Selection = ALL, after: int = 0, limit: int = 500,
    ) -> list[Holding]:  # fmt: skip
        """Return up to `limit` recordings whose row is above `after`, oldest rows first.

        `states` may be of recordings, or of files: then those with such a file are meant. Of what
        did not begin in `span`, only what nobody knows the beginning of is returned.
        """
        query = all_of_recording().where(recording.c.row > after)
        if span is not None:
            began = recording.c.started
            within = (began >= span.since) & (began < span.until)
            query = query.where(within | began.is_(None))
        query = selected(_narrowed(query, names, states), selection)
        query = query.order_by(recording.c.row).limit(limit)
        return await self._database.read(lambda c: holdings(c, query))

    async def newest(
        self, *, names: Sequence[str] = (), states: Sequence[str] = (),
        selection: Selection = ALL, before: Holding | None = None, limit: int = 500,
    ) -> list[Holding]:  # fmt: skip
        """Return up to `limit` recordings, those that began last first, after `before`.

        One of which nobody knows the beginning has the place of when it was first seen. `states`
        are as in `listing`.
        """

        def after(query: Select[Any]) -> Select[Any]:
            query = selected(_narrowed(query, (), states), selection)
            if before is not None:
                last = _began_of(before)
                query = query.where((last > BEGAN) | (recording.c.row < before.row), last >= BEGAN)
            return query.order_by(BEGAN.desc(), recording.c.row.desc()).limit(limit)

        def work(connection: Connection) -> list[Holding]:
            if selection.number:  # few have it, and only its own index finds them
                of_names = (recording.c.provider + "").in_(names) if names else true()
                return holdings(connection, after(all_of_recording().where(of_names)))
            mine = list(dict.fromkeys(names)) or recorded_names(connection)
            return holdings(connection, _merged([after(_began_at(name)) for name in mine], limit))

        return await self._database.read(work)

    async def find(self, text: str) -> list[Holding]:
        """Return the recordings whose id or key is `text`."""
        query = all_of_recording().where((recording.c.id == text) | (recording.c.key == text))
        return await self._database.read(lambda c: holdings(c, query))

    async def numbered(self, number: str) -> list[Holding]:
        """Return the recordings of the meetings with this number, those that began last first.

        So are those of sessions of which it is the key.
        """
        query = all_of_recording().where(has_handle(number))
        query = query.order_by(BEGAN.desc(), recording.c.row.desc())
        return await self._database.read(lambda c: holdings(c, query))

    async def again(self, found: Sequence[Holding]) -> list[Holding]:
        """Return recordings as the catalog has them now."""

        def work(connection: Connection) -> list[Holding]:
            rows = [holding.row for holding in found]
            queries = [all_of_recording().where(recording.c.row.in_(some)) for some in chunks(rows)]
            return [each for query in queries for each in holdings(connection, query)]

        return await self._database.read(work)

    async def known(self, name: ProviderName, ids: Sequence[RecordingId]) -> dict[str, Holding]:
        """Return those recordings of a provider that the catalog knows, by their ids."""

        def work(connection: Connection) -> dict[str, Holding]:
            found: dict[str, Holding] = {}
            for some in chunks(ids):
                query = all_of_recording().where(
                    recording.c.provider == name, recording.c.id.in_(some)
                )
                found |= {each.id: each for each in holdings(connection, query)}
            return found

        return await self._database.read(work)

    async def beginning(self, text: str, limit: int) -> list[Holding]:
        """Return up to `limit` recordings whose key begins with `text`, which is hexadecimal."""
        within = (recording.c.key >= text) & (recording.c.key < f"{text}g")
        query = all_of_recording().where(within).limit(limit)
        return await self._database.read(lambda c: holdings(c, query))

    async def unfinished(self) -> frozenset[str]:
        """Return the keys of recordings of which something may still come."""
        done = [RecordingState.ARCHIVED, RecordingState.ACKNOWLEDGED]
        query = select(recording.c.key).where(recording.c.state.not_in(done))
        return await self._database.read(lambda c: frozenset(c.execute(query).scalars()))

    async def attempts(self, rows: Sequence[int]) -> dict[int, list[Attempt]]:
        """Return the failed attempts at the files `rows`, oldest first."""

        def work(connection: Connection) -> dict[int, list[Attempt]]:
            found: dict[int, list[Attempt]] = {}
            for some in chunks(rows):
                query = select(attempt).where(attempt.c.file.in_(some)).order_by(attempt.c.row)
                for row in connection.execute(query).mappings():
                    entry = Attempt(row["at"], row["code"], row["detail"])
                    found.setdefault(row["file"], []).append(entry)
            return found

        return await self._database.read(work)


def recorded_names(connection: Connection) -> list[ProviderName]:
    """Return every provider that has recordings; each costs one step in an index."""
    found: list[ProviderName] = []
    query = select(func.min(recording.c.provider)).where(recording.c.provider > bindparam("last"))
    while name := connection.execute(query, {"last": found[-1] if found else ""}).scalar():
        found.append(ProviderName(name))
    return found


def _began_at(name: str) -> Select[Any]:
    """Return a query of a provider's recordings: which, and when they began."""
    query = select(recording.c.row, BEGAN.label("began"))
    return query.where(recording.c.provider == name)


def _merged(parts: Sequence[Select[Any]], limit: int) -> Select[Any]:
    """Return a query of the newest `limit` recordings of `parts`, each of which is in order."""
    if not parts:
        return all_of_recording().where(false())
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    newest = select(found.c.row).order_by(found.c.began.desc(), found.c.row.desc()).limit(limit)
    query = all_of_recording().where(recording.c.row.in_(newest))
    return query.order_by(BEGAN.desc(), recording.c.row.desc())


def _began_of(holding: Holding) -> ColumnElement[Any]:
    """Return when a recording began as the catalog has it written, which may be in another form."""
    written = select(BEGAN).where(recording.c.row == holding.row).scalar_subquery()
    return func.coalesce(written, holding.started or holding.first_seen)


def _narrowed(query: Any, names: Sequence[str], states: Sequence[str]) -> Any:
    """Return `query` for these providers, and for recordings or files in these states."""
    if names:
        query = query.where(recording.c.provider.in_(names))
    if states:
        with_file = select(file.c.recording).where(file.c.state.in_(states))
        query = query.where(or_(recording.c.state.in_(states), recording.c.row.in_(with_file)))
    return query


_REFUSED = select(func.count()).where(
    recording.c.state == RecordingState.ARCHIVED,
    recording.c.acknowledge_after.is_not(None),
    recording.c.acknowledge_after < NEVER,
)
"""Recordings that a provider was told of, refused to mark, and is to be told of again."""


def _summary(
    connection: Connection, name: ProviderName, now: datetime, free: int | None
) -> Summary:
    mine = recording.c.provider == name
    states = dict(_counts(connection, recording.c.state, mine))
    sums = (
        select(
            file.c.state,
            func.count(),
            func.coalesce(func.sum(func.coalesce(file.c.size, file.c.promised)), 0),
            func.count(file.c.fault),
        )
        .join(recording, recording.c.row == file.c.recording)
        .where(mine)
        .group_by(file.c.state)
    )
    rows = connection.execute(sums).all()
    query = select(provider).where(provider.c.name == name)
    scan = connection.execute(query).mappings().first()
    pending = {FileState.DUE.value, FileState.ACTIVE.value}
    behind = select(func.count()).where(mine, recording.c.behind.is_(True))
    left = select(func.count(), func.count(func.nullif(unread.c.part, "").distinct()))
    listings, users = connection.execute(left.where(unread.c.provider == name)).one()
    return Summary(
        name=name,
        polled_at=scan["polled_at"] if scan else None,
        broken_since=scan["broken_since"] if scan else None,
        reason=scan["reason"] if scan else None,
        partly=bool(scan and scan["partly"]),
        unread_listings=listings,
        unread_users=users,
        recordings={state.value: states.get(state.value, 0) for state in RecordingState},
        files={
            state.value: next((n for s, n, _, _ in rows if s == state.value), 0)
            for state in FileState
        },
        stored_bytes=sum(size for state, _, size, _ in rows if state == FileState.STORED),
        pending_bytes=sum(size for state, _, size, _ in rows if state in pending),
        damaged=sum(damaged for _, _, _, damaged in rows),
        unpublished=connection.execute(behind).scalar_one(),
        too_large=_too_large(connection, name, free),
        acknowledge_refused=connection.execute(_REFUSED.where(mine)).scalar_one(),
        at_risk=at_risk(connection, name, now + AT_RISK),
    )


def _too_large(connection: Connection, name: ProviderName, free: int | None) -> int:
    """Return how many due files do not fit in `free` bytes, or did not when they came."""
    if free is None:
        return 0
    query = (
        select(func.count())
        .select_from(recording)
        .join(file, file.c.recording == recording.c.row)
        .where(claimable(name), file.c.state == FileState.DUE)
        .where((file.c.promised > max(free, 0)) | (file.c.reason == DiskFull.code))
    )
    return connection.execute(query).scalar_one()


def _counts(connection: Connection, column: Any, where: Any) -> Iterator[tuple[str, int]]:
    query = select(column, func.count()).where(where).group_by(column)
    for value, number in connection.execute(query):
        yield str(value), int(number)
