"""What polls write: recordings made known, completed, filtered, transcoded, acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from reelkeep.catalog import follow_ups, merging
from reelkeep.catalog.database import Database
from reelkeep.catalog.merging import Later
from reelkeep.catalog.recording_state import Step, announce, restate, tellable
from reelkeep.catalog.remaining_work import Endangered, ask_again, endangered
from reelkeep.catalog.tables import NEVER, provider, recording, unread, write_rows
from reelkeep.core.instants import TOLERANCE
from reelkeep.core.layout import FileNames
from reelkeep.core.lifecycle import RecordingState
from reelkeep.core.model import ProviderName, Readiness, Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.core.unavailable import next_telling
from reelkeep.ports import Admission, Clock, Missed, Report, Scan, Traits

MOST: Final = 10_000
"""Recordings that are remembered; those that were longest not listed are forgotten first."""


class SeenCache:
    """The marks of recordings that the catalog holds just so, in memory only.

    No row of a recording is ever deleted, and only admitting it changes its mark: as long as one
    process admits, admitting the same mark again would change nothing. `forget` comes before
    admitting, so that nothing is believed of what was cut short.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._marks: LRUCache[tuple[ProviderName, RecordingId], str] = LRUCache(most)

    def knows(self, name: ProviderName, id_: RecordingId, mark: str) -> bool:
        """Return whether the catalog holds the recording with this mark."""
        return self._marks.get((name, id_)) == mark

    def forget(self, name: ProviderName, ids: Iterable[RecordingId]) -> None:
        """Note that these recordings are about to change."""
        for id_ in ids:
            self._marks.pop((name, id_), None)

    def remember(self, name: ProviderName, id_: RecordingId, mark: str) -> None:
        """Note that the catalog holds the recording with this mark; it was forgotten before."""
        self._marks[name, id_] = mark


ASK_AGAIN = timedelta(hours=1)
"""How long a request for a transcoding is left to work before it is made again."""


_SCAN = select(provider).where(provider.c.name == bindparam("of"))
_SCANNED = (
    update(provider)
    .where(provider.c.name == bindparam("of"))
    .values({field: bindparam(field) for field in Scan.__slots__})
)


_TRANSCODABLE = (
    select(recording.c.id)
    .where(
        recording.c.provider == bindparam("name"),
        recording.c.readiness == Readiness.TRANSCODABLE.value,
        recording.c.state.in_([RecordingState.WAITING, RecordingState.INCOMPLETE]),
        recording.c.transcode_asked.is_(None)
        | (recording.c.transcode_asked <= bindparam("ago", type_=recording.c.transcode_asked.type))
        | (recording.c.transcode_asked > bindparam("now", type_=recording.c.transcode_asked.type)),
    )
    .order_by(recording.c.deadline, recording.c.started)
    .limit(bindparam("most"))
)


_UNTEMPLATED = FileNames()


class SqlIntake:
    """See `ports.Intake`."""

    def __init__(
        self, database: Database, clock: Clock, report: Report, naming: FileNames = _UNTEMPLATED
    ) -> None:
        self._naming = naming
        self._database = database
        self._clock = clock
        self._report = report
        self._familiar = SeenCache()

    async def scan(self, name: ProviderName) -> Scan:
        """Return what was read of the provider so far."""
        row = await self._database.read(lambda c: c.execute(_SCAN, {"of": name}).mappings().first())
        return Scan() if row is None else Scan(**{k: v for k, v in row.items() if k != "name"})

    async def scanned(self, name: ProviderName, scan: Scan) -> None:
        """Replace what was noted of the provider."""
        values: dict[str, Any] = {field: getattr(scan, field) for field in scan.__slots__}

        def work(connection: Connection) -> None:
            if not connection.execute(_SCANNED, {"of": name, **values}).rowcount:
                connection.execute(insert(provider).values(name=name, **values))

        await self._database.write(work)

    async def unread(self, name: ProviderName) -> Sequence[Unread]:
        """Return what could not be read of single parts of the account, in order."""
        query = select(unread).where(unread.c.provider == name).order_by(unread.c.row)
        rows = await self._database.read(lambda c: c.execute(query).mappings().all())
        return [Unread(row["part"], Window(row["since"], row["until"])) for row in rows]

    async def left_unread(self, name: ProviderName, left: Sequence[Unread]) -> None:
        """Replace what could not be read of single parts of the account."""
        rows = [
            {
                "provider": name,
                "part": each.part,
                "since": each.window.since,
                "until": each.window.until,
            }
            for each in left
        ]

        def work(connection: Connection) -> None:
            connection.execute(delete(unread).where(unread.c.provider == name))
            if rows:
                connection.execute(insert(unread), rows)

        await self._database.write(work)

    async def admit(
        self, name: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Make `recordings` known; idempotent. What was admitted just so costs no transaction.

        What is listed several times in one batch is admitted as often, one after the other.
        """
        found = [await self._admit(name, traits, each) for each in in_turns(recordings)]
        return Admission(
            new=tuple(id_ for each in found for id_ in each.new),
            changed=tuple(dict.fromkeys(id_ for each in found for id_ in each.changed)),
            undescribed=tuple(dict.fromkeys(id_ for each in found for id_ in each.undescribed)),
        )

    async def _admit(
        self, name: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        listed = {recording.id: recording for recording in recordings}
        marks = {id_: _mark(traits, found) for id_, found in listed.items()}
        familiar = self._familiar
        distinct = {
            id_: found for id_, found in listed.items() if not familiar.knows(name, id_, marks[id_])
        }
        if not distinct:
            return Admission()
        familiar.forget(name, distinct)
        work = partial(
            _admit, name=name, traits=traits, seen=distinct, now=self._clock(), naming=self._naming
        )
        admission, steps, later = await self._database.write(work)
        for id_ in distinct.keys() - set(admission.undescribed):
            familiar.remember(name, id_, marks[id_])
        for id_ in admission.new:
            self._report(
                "recording.discovered",
                provider=name,
                recording=id_,
                started=distinct[id_].started,
                files=len(distinct[id_].files) or None,
            )
        self._say_later(name, later)
        announce(self._report, steps)
        return admission

    async def describe(
        self, name: ProviderName, traits: Traits, recordings: Sequence[Recording]
    ) -> Admission:
        """Complete admitted recordings; they become open."""
        for each in in_turns(recordings):
            told = {recording.id: recording for recording in each}
            work = partial(
                _describe,
                name=name,
                traits=traits,
                told=told,
                now=self._clock(),
                naming=self._naming,
            )
            steps, later = await self._database.write(work)
            self._say_later(name, later)
            announce(self._report, steps)
        return Admission(changed=tuple(dict.fromkeys(each.id for each in recordings)))

    async def missed(self, name: ProviderName) -> Sequence[Missed]:
        """Return recordings with unavailable files, those longest not asked for first."""
        return await self._database.read(lambda c: follow_ups.missed(c, name))

    async def reviewed(
        self,
        name: ProviderName,
        traits: Traits,
        found: Sequence[Recording],
        absent: Sequence[RecordingId],
        *,
        gone: bool,
    ) -> bool:
        """Note what became of unavailable recordings; return whether anything became due.

        Of the `absent`, what was unavailable is gone, if `gone`; else it stays as it is.
        """
        now = self._clock()

        def work(
            connection: Connection,
        ) -> tuple[list[tuple[RecordingId, str]], list[Step], list[Later]]:
            told = {each.id: each for each in found}
            steps, later = _describe(
                connection, name=name, traits=traits, told=told, now=now, naming=self._naming
            )
            rows = {
                id_: row["row"]
                for id_, row in merging.known(connection, name, [*told, *absent]).items()
            }
            follow_ups.note_asked(connection, list(rows.values()), now)
            ids = {row: id_ for id_, row in rows.items()}
            missing = [rows[id_] for id_ in absent if id_ in rows] if gone else []
            lost, more = follow_ups.vanish(connection, missing, now)
            return [(ids[row], file) for row, file in lost], [*steps, *more], later

        lost, steps, later = await self._database.write(work)
        for id_, file in lost:
            self._report("recording.vanished", provider=name, recording=id_, file=file)
        self._say_later(name, later)
        announce(self._report, steps)
        return any(step.after is RecordingState.OPEN for step in steps)

    def _say_later(self, name: ProviderName, later: Sequence[Later]) -> None:
        for each in later:
            before = each.arrival.supersedes
            self._report(
                "file.changed",
                provider=name,
                recording=each.recording,
                file=each.arrival.name,
                before=None if before is None else before.name,
                bytes=each.arrival.file.size,
            )

    async def undescribed(
        self, name: ProviderName, reasons: Mapping[RecordingId, str | None]
    ) -> None:
        """Note why admitted recordings could not be described; they go on waiting."""
        now = self._clock()

        def work(connection: Connection) -> list[Step]:
            known = merging.known(connection, name, list(reasons)).values()
            rows = [row for row in known if not row["described"]]
            changed = [
                {"row": row["row"], "reason": reasons[row["id"]]}
                for row in rows
                if row["reason"] != reasons[row["id"]]
            ]
            write_rows(connection, recording, changed)
            return restate(connection, [row["row"] for row in rows], now)

        announce(self._report, await self._database.write(work))

    async def refilter(self, name: ProviderName, traits: Traits) -> int:
        """Decide anew which known files are wanted; return how many changed."""
        work = partial(merging.refilter, name=name, rules=traits.filter, now=self._clock())
        changed, steps = await self._database.write(work)
        announce(self._report, steps)
        return changed

    async def watch(self, name: ProviderName, within: timedelta) -> bool:
        """Point out what is deleted within that time; return whether anything became due."""
        now = self._clock()

        def work(connection: Connection) -> tuple[list[Endangered], list[Step] | None]:
            return endangered(connection, name, now + within), ask_again(connection, name, now)

        soon, steps = await self._database.write(work)
        for each in soon:
            self._report(
                "recording.at_risk", provider=name, recording=each.id, deadline=each.deadline
            )
        announce(self._report, steps or ())
        return steps is not None

    async def transcodable(self, name: ProviderName, limit: int) -> Sequence[RecordingId]:
        """Return recordings to ask a transcoding for, first or again; the most endangered first."""
        now = self._clock()
        values = {"name": name, "ago": now - ASK_AGAIN, "now": now + TOLERANCE, "most": limit}
        return await self._database.read(lambda c: _ids(c, _TRANSCODABLE, values))

    async def transcoding(
        self, name: ProviderName, ids: Sequence[RecordingId], patience: timedelta
    ) -> None:
        """Note that a transcoding was asked for; the first time starts the clock."""
        now = self._clock()

        def work(connection: Connection) -> None:
            rows = [
                {
                    "row": row["row"],
                    "transcode_asked": now,
                    "overdue_at": (row["transcode_asked"] and row["overdue_at"]) or now + patience,
                }
                for row in merging.known(connection, name, ids).values()
            ]
            write_rows(connection, recording, rows)
            restate(connection, [row["row"] for row in rows], now)

        await self._database.write(work)
        for id_ in ids:
            self._report("recording.transcode_requested", provider=name, recording=id_)

    async def acknowledgeable(self, name: ProviderName, limit: int) -> Sequence[RecordingId]:
        """Return archived recordings of which the provider was not told."""
        query = (
            select(recording.c.id)
            .where(recording.c.provider == name, tellable(self._clock()))
            .order_by(recording.c.deadline, recording.c.started)
            .limit(limit)
        )
        return await self._database.read(lambda c: _ids(c, query))

    async def acknowledged(
        self,
        name: ProviderName,
        accepted: Sequence[RecordingId],
        refused: Sequence[RecordingId],
    ) -> None:
        """Commit what the provider answered; what it refused is asked again later.

        A recording that is refused is reported the first time, and then when it is accepted.
        """
        now = self._clock()

        def work(connection: Connection) -> tuple[list[RecordingId], list[RecordingId]]:
            told = [row["row"] for row in merging.known(connection, name, accepted).values()]
            _mark_told(connection, told, now)
            later = merging.known(connection, name, refused)
            again = {id_: _told_again(row, now) for id_, row in later.items()}
            rows = [
                {"row": later[id_]["row"], "acknowledge_after": at or NEVER}
                for id_, at in again.items()
            ]
            write_rows(connection, recording, rows)
            restate(connection, told, now)
            news = [id_ for id_, row in later.items() if row["acknowledge_after"] is None]
            return news, [id_ for id_, at in again.items() if at is None]

        news, over = await self._database.write(work)
        for id_ in accepted:
            self._report("recording.acknowledged", provider=name, recording=id_)
        for id_ in news:
            self._report("recording.acknowledge_refused", provider=name, recording=id_)
        for id_ in over:
            self._report("recording.acknowledge_abandoned", provider=name, recording=id_)


def _told_again(row: RowMapping, now: datetime) -> datetime | None:
    return next_telling(
        row["archived_at"], refused_before=row["acknowledge_after"] is not None, now=now
    )


def _mark(traits: Traits, found: Recording) -> str:
    """Return what tells whether admitting `found` would change anything."""
    return merging.mark(traits, found) + ("told" if found.told else "")


def _ids(
    connection: Connection, query: Any, values: Mapping[str, Any] | None = None
) -> list[RecordingId]:
    return [RecordingId(id_) for id_ in connection.execute(query, values).scalars()]


def _admit(
    connection: Connection,
    *,
    name: ProviderName,
    traits: Traits,
    seen: Mapping[RecordingId, Recording],
    now: datetime,
    naming: FileNames,
) -> tuple[Admission, list[Step], list[Later]]:
    known = merging.known(connection, name, list(seen))
    new = {id_: found for id_, found in seen.items() if id_ not in known}
    changed = {
        id_: found
        for id_, found in seen.items()
        if id_ in known and known[id_]["fingerprint"] != merging.mark(traits, found)
    }
    rows = {id_: row["row"] for id_, row in known.items()}
    if new:
        fresh = [merging.new_row(name, traits, found, now) for found in new.values()]
        connection.execute(insert(recording), fresh)
        made = merging.known(connection, name, list(new))
        rows |= {id_: row["row"] for id_, row in made.items()}
    write_rows(
        connection,
        recording,
        [merging.changed_row(traits, known[id_], found, now) for id_, found in changed.items()],
    )
    told = [row["row"] for id_, row in known.items() if seen[id_].told and not row["told"]]
    _mark_told(connection, told, now)
    touched = new | changed
    later = merging.merge(
        connection, rows, touched, traits.filter, whole=not traits.describes, naming=naming
    )
    steps = restate(connection, [*told, *(rows[id_] for id_ in touched)], now)
    undescribed = [
        id_
        for id_, found in seen.items()
        if traits.describes
        and found.readiness is Readiness.READY
        and (id_ in touched or not known[id_]["described"])
    ]
    admission = Admission(new=tuple(new), changed=tuple(changed), undescribed=tuple(undescribed))
    return admission, steps, later


def _describe(
    connection: Connection,
    *,
    name: ProviderName,
    traits: Traits,
    told: Mapping[RecordingId, Recording],
    now: datetime,
    naming: FileNames,
) -> tuple[list[Step], list[Later]]:
    known = merging.known(connection, name, list(told))
    present = {id_: found for id_, found in told.items() if id_ in known}
    rows = [merging.described_row(known[id_], found) for id_, found in present.items()]
    write_rows(connection, recording, rows)
    places = {id_: row["row"] for id_, row in known.items()}
    later = merging.merge(connection, places, present, traits.filter, whole=True, naming=naming)
    return restate(connection, places.values(), now), later


def in_turns(recordings: Sequence[Recording]) -> list[list[Recording]]:
    """Return `recordings` in lists in which none is named twice, so that no word of any is lost."""
    turns: list[list[Recording]] = []
    often: Counter[RecordingId] = Counter()
    for each in recordings:
        if often[each.id] == len(turns):
            turns.append([])
        turns[often[each.id]].append(each)
        often[each.id] += 1
    return turns


def _mark_told(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    marks = {"told": True, "acknowledged_at": now}
    write_rows(connection, recording, [{"row": row, **marks} for row in rows])
