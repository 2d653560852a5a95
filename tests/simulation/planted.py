"""Bugs that other downloaders had, planted into the daemon one at a time: each is to be found.

The numbers are those of the list of real bugs in the transfer notes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import anyio

from reelkeep.app import archive_access
from reelkeep.archive import local, part, part_file, verify
from reelkeep.archive.setup import ArchiveIdentity
from reelkeep.catalog import instants, queue
from reelkeep.core import resume, retry
from reelkeep.core.examination import Examination
from reelkeep.core.file_system import Room
from reelkeep.core.identity import Ruling
from reelkeep.core.instants import rules
from reelkeep.core.integrity import FOLDER_ITSELF, Checked, FolderVerdict, Mark
from reelkeep.core.model import Failed
from reelkeep.core.resume import Ask, Continue, Decision, Fresh, content_range, decide
from reelkeep.errors import ArchiveAbsent, DiskFull, IoFailed, Stalled, TransferError, Unreachable
from reelkeep.stages import stream
from reelkeep.stages.body import BodyWriter
from reelkeep.stages.download import Attempts
from reelkeep.stages.storage import DiskSpace, Storage
from reelkeep.stages.stream import Arrived
from simulation import connections
from simulation.disk import SimDisk

Plant = Callable[[], AbstractContextManager[Any]]


def _restarting() -> AbstractContextManager[Any]:
    """Begin at the first byte again after every break (8)."""
    return patch.object(stream, "missing", lambda *_: Ask(0))


def _unflushed() -> AbstractContextManager[Any]:
    """Take bytes for finished that were never flushed (16)."""
    return patch.object(SimDisk, "fdatasync", lambda *_: None)


def _sleepy() -> AbstractContextManager[Any]:
    """Sleep for hours before the third attempt (24)."""
    backoff = retry.backoff

    def careless(attempt: int, policy: retry.Policy, rng: float) -> timedelta:
        return backoff(attempt, policy, rng) if attempt < 2 else timedelta(seconds=9000)

    return patch.object(retry, "backoff", careless)


def _hasty() -> AbstractContextManager[Any]:
    """Tell the provider before the names are on disk (29)."""
    return patch.object(SimDisk, "fsync_directory", lambda *_: None)


@contextmanager
def _page() -> Iterator[None]:
    """Save a login page as the file (33): no look at its head, and none inside."""
    with (
        patch.object(stream, "content_problem", lambda *_, **__: None),
        patch.object(part, "examine", lambda *_, **__: Examination()),
        patch.object(part_file, "examine", lambda *_, **__: Examination()),
    ):
        yield


def _appending() -> AbstractContextManager[Any]:
    """Put the whole file behind the part of it that is here (1)."""

    def careless(asked: Ask, status: int, headers: Mapping[str, str], **held: Any) -> Decision:
        found = decide(asked, status, headers, **held)
        if not (isinstance(found, Fresh) and asked.offset and found.total is not None):
            return found
        return Continue(asked.start, found.total, asked.start + found.total)

    return patch.object(stream, "decide", careless)


def _shifted() -> AbstractContextManager[Any]:
    """Take a range for the one that was asked for, wherever it begins (4)."""

    def careless(asked: Ask, status: int, headers: Mapping[str, str], **held: Any) -> Decision:
        if status == 206:
            start, end, size = content_range(headers) or (0, 0, 0)
            last = asked.start + (end or 0) - (start or 0)
            headers = {**headers, "Content-Range": f"bytes {asked.start}-{last}/{size}"}
        return decide(asked, status, headers, **held)

    return patch.object(stream, "decide", careless)


def _stale() -> AbstractContextManager[Any]:
    """Ask for what is missing with the validator of bytes that are here no more (5)."""
    begin = stream.PartStream._begin

    async def careless(self: Any, part: Any, decision: Fresh | Continue, *more: Any) -> None:
        if isinstance(decision, Fresh):
            decision = replace(decision, validator=part.held.validator or decision.validator)
        await begin(self, part, decision, *more)

    return patch.object(stream.PartStream, "_begin", careless)


def _early() -> AbstractContextManager[Any]:
    """Take a body that breaks off for one that ends (15)."""
    every, drawn = BodyWriter.all, BodyWriter.drawn

    async def careless(self: Any, *what: Any) -> None:
        with suppress(Unreachable, Stalled):
            await every(self, *what)

    async def careless_too(self: Any, *what: Any) -> None:
        with suppress(Unreachable, Stalled):
            await drawn(self, *what)

    stack = ExitStack()
    stack.enter_context(patch.object(BodyWriter, "all", careless))
    stack.enter_context(patch.object(BodyWriter, "drawn", careless_too))
    stack.enter_context(
        patch.object(
            stream, "_result", lambda _part, _decision, reply, *_, **__: Arrived(reply.origin, True)
        )
    )
    return stack


def _stuck() -> AbstractContextManager[Any]:
    """Wait for ever for a file whose transfer ended with an error of a kind (21)."""
    attempt = Attempts.__call__

    async def careless(*what: Any) -> Any:
        outcome = await attempt(*what)
        if isinstance(outcome, Failed) and isinstance(outcome.error, DiskFull | Stalled):
            await anyio.sleep_forever()
        return outcome

    return patch.object(Attempts, "__call__", careless)


@contextmanager
def _unguarded() -> Iterator[None]:
    """Write into whatever is mounted where the archive was."""
    known = archive_access.require

    async def careless(*what: Any) -> Ruling:
        try:
            return await known(*what)
        except ArchiveAbsent:
            return Ruling.OPEN

    with (
        patch.object(archive_access, "require", careless),
        patch.object(ArchiveIdentity, "check", lambda *_: None),
    ):
        yield


def _burned() -> AbstractContextManager[Any]:
    """Count it against a file that nothing can be stored."""

    async def careless(_self: Storage, error: TransferError) -> TransferError:
        return IoFailed(str(error)) if isinstance(error, DiskFull | IoFailed) else error

    return patch.object(Storage, "examine", careless)


@contextmanager
def _believed() -> Iterator[None]:
    """Wait for a due time that a wrong clock has noted."""
    known = rules

    def careless(longest: Any) -> Mapping[Any, Any]:
        far = timedelta(days=3000)
        return {
            column: replace(each, longest=far) if column.name == "due_at" else each
            for column, each in known(longest).items()
        }

    with (
        patch.object(queue, "latest_due", lambda now, _longest: now + timedelta(days=3000)),
        patch.object(instants, "rules", careless),
    ):
        yield


def _blind() -> AbstractContextManager[Any]:
    """Take for missing what cannot be read: a file, or all of a folder."""
    known = verify.verification

    def careless(*what: Any) -> Generator[int, None, FolderVerdict]:
        verdict = yield from known(*what)
        seen = [each for each in verdict.checked if each.name != FOLDER_ITSELF]
        return replace(verdict, checked=tuple(map(_absent, seen)))

    return patch.object(local, "verification", careless)


def _absent(checked: Checked) -> Checked:
    unreadable = checked.mark is Mark.UNREADABLE
    return replace(checked, mark=Mark.MISSING) if unreadable else checked


def _crowded() -> AbstractContextManager[Any]:
    """Let one file that does not fit hold back all others."""
    measured = DiskSpace.room

    async def careless(self: Any) -> Room:
        room = await measured(self)
        too_large = await self._queue.too_large(self._names(), room, 1)
        return Room(urgent=-1, other=-1) if too_large else room

    return patch.object(DiskSpace, "room", careless)


def _lent() -> AbstractContextManager[Any]:
    """Read a large body by a thread from a connection that served a small one before."""
    stack = ExitStack()
    stack.enter_context(patch.object(connections, "has_own", lambda _request: False))
    stack.enter_context(patch.object(connections, "may_be_drawn", lambda _connection: True))
    return stack


def _lent_unseen() -> AbstractContextManager[Any]:
    """Do so, and compare nothing where a resume meets what is held."""
    stack = ExitStack()
    stack.enter_context(_lent())
    stack.enter_context(patch.object(resume, "SEAM", 0))
    return stack


PLANTS: Mapping[str, Plant] = {
    "appending": _appending,
    "shifted": _shifted,
    "stale": _stale,
    "early": _early,
    "stuck": _stuck,
    "restarting": _restarting,
    "unflushed": _unflushed,
    "sleepy": _sleepy,
    "hasty": _hasty,
    "page": _page,
    "unguarded": _unguarded,
    "burned": _burned,
    "believed": _believed,
    "blind": _blind,
    "crowded": _crowded,
    "lent": _lent,
    "lent-unseen": _lent_unseen,
}
