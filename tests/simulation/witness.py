"""Sees all that is asked and done, and raises `Violation` as soon as a promise is broken."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

import anyio

from reelkeep.core import resume
from reelkeep.core.integrity import Blemish, Mark
from reelkeep.core.media import HEAD_BYTES
from reelkeep.core.retry import LONGEST_RETRY_AFTER
from simulation.bodies import RESUMABLE, Said
from simulation.holdings import Books
from simulation.waits import Waits

SLACK = HEAD_BYTES
"""Bytes at the beginning of a file that are looked at before any is kept."""

RATES = {"goto": 6, "zoom": 40, "zoom sdk": 40}
"""Requests within a second that an API may see of us at most: what is configured, and one."""

UNTOUCHED = frozenset({"error", "login", "hang", "throttled", "expired", "refusal"})
"""Flaws of replies that bring nothing of a file, and do no harm to what is there of it."""

ANOTHER = RESUMABLE | {"whole", "changed"}
"""Flaws after which as much is to be built on as came of the last body: all of it begins anew."""

REFUSED = frozenset({"shifted", "packed"})
"""Flaws of replies that their heads tell: nothing of such a body is to be read."""

STORM = 40
"""Requests for one file within a minute that are too many, for each of the ranges side by side."""

TORN = 0.1
"""Seconds within which requests end that are torn away by a bad body beside them."""


TRANSITION = 16
"""Attempts that may be counted at each beginning and end of a trouble: the disk fails them, and by
the time that a small write is tried all is well again."""

LATELY = timedelta(minutes=1)
"""For how long after a trouble what it has done may be noticed."""

OWN = frozenset({"io_error", "disk_full"})
"""Reasons of failures that are our disk's fault."""

_OF_HOST = "are not those that the host has"
"""How the reason ends if it may be the host's, once that has sent other bytes."""


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(slots=True)
class _Account:
    """What was delivered of one file."""

    complete: bool = False  #: All of it came, and nothing has happened since that excuses more.
    resume_at: int = 0  #: Bytes from its start that came and are to be built on.
    lanes: bool = False  #: It is fetched by ranges side by side.
    validators: tuple[str | None, ...] = ()  #: Of what came last; empty: nobody knows.
    spoilt_at: float = -1.0  #: When a body came after which all is fetched anew.
    asked: deque[float] = field(default_factory=lambda: deque(maxlen=4 * STORM))


@dataclass
class Witness:
    """Watches network and log; `books` know catalog, archive and truth."""

    clock: Callable[[], datetime]
    books: Books
    flaws: int = 0  #: Requests that went wrong, whoever did it.
    requests: Counter[str] = field(default_factory=Counter)
    tight: bool = False  #: The disk is full: what came may not have found room.
    deaths: int = 0
    lives: int = 0  #: Processes that began.
    waits: Waits = field(default_factory=Waits)
    well_since: datetime | None = None  #: When the last trouble of the host ended.
    trouble: str | None = None  #: That of the host, now.
    trouble_since: datetime | None = None
    is_of_place: bool = False  #: In this trouble nothing at all can be stored.
    transitions: int = 0
    burned: int = 0  #: Attempts that were counted, and that our own disk failed.
    at_retry: Callable[[], None] | None = None  #: Called when an attempt has failed.
    spoilt: bool = False  #: A host has sent other bytes than those of its file.
    broken: Violation | None = None  #: The first promise that was; whoever raises it may be caught.
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _backoff: dict[str, float] = field(default_factory=dict)
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    # --- the network ------------------------------------------------------------------------------

    def asks(self, whom: str) -> None:
        """See that `whom` may be asked now."""
        now = anyio.current_time()
        self.requests[whom] += 1
        if now < self._backoff.get(whom, 0.0) - 0.001:
            left = self._backoff[whom] - now
            self._object(f"{whom} was asked {left:.1f} s before its pause is over")
        recent = self._recent.setdefault(whom, deque())
        recent.append(now)
        while now - recent[0] >= 1.0:
            recent.popleft()
        if len(recent) > RATES.get(whom, 1000):
            self._object(f"{whom} was asked {len(recent)} times within a second")

    def throttled(self, whom: str, seconds: float) -> None:
        """Note that `whom` asked for peace."""
        until = anyio.current_time() + min(seconds, LONGEST_RETRY_AFTER.total_seconds())
        if "tokens" not in whom:
            self._backoff[whom] = max(until, self._backoff.get(whom, 0.0))

    def delivered(self, said: Said, received: int, *, ended: bool, began: float) -> None:
        """See that what was asked of a file had to be asked, and note what came since `began`."""
        if said.flaw in REFUSED and received:
            self._object(f"{said.key} was read from a reply that is {said.flaw}")
        account = self._accounts.setdefault(said.key, _Account())
        account.asked.append(anyio.current_time())
        self._see_no_storm(said.key, account)
        if account.complete and not self.excused(said.key):
            self._object(f"{said.key} was fetched again although all of it had come")
        first, _, last = (said.asked or "bytes=0-").removeprefix("bytes=").partition("-")
        account.lanes = account.lanes or bool(last)
        if not (account.lanes or self.excused(said.key)):
            self._see_resumed(said, int(first), account)
        if ended or began > account.spoilt_at:  # else it goes with what spoilt it
            self._note(account, said, received, ended=ended)

    def _see_resumed(self, said: Said, first: int, account: _Account) -> None:
        if first < account.resume_at - SLACK - resume.SEAM:
            self._object(f"{said.key} was asked for from {first}, {account.resume_at} were here")
        if said.condition and account.validators and said.condition not in account.validators:
            self._object(f"{said.key} was asked for with a validator of other bytes")

    def _note(self, account: _Account, said: Said, received: int, *, ended: bool) -> None:
        if said.flaw in UNTOUCHED:
            return
        if said.status == 416:  # ranges cannot be trusted there
            account.resume_at, account.validators = 0, ()
            return
        is_lane = bool(said.asked and not said.asked.endswith("-"))
        if said.flaw is not None and said.flaw not in (RESUMABLE if is_lane else ANOTHER):
            self._accounts[said.key] = _Account(asked=account.asked, spoilt_at=anyio.current_time())
            return
        if not ended and anyio.current_time() - account.spoilt_at < TORN:
            return
        validators = (said.headers.get("ETag"), said.headers.get("Last-Modified"))
        if said.status == 200:
            account.lanes, account.resume_at = bool(said.asked and account.lanes), 0
        if said.start <= account.resume_at and not account.lanes:
            end = said.start + received
            account.complete = ended and SLACK < end == self.books.size(said.key)
            kept = any(validators) and end > SLACK and not self.excused(said.key)
            account.resume_at = end if kept else 0
            account.validators = validators if kept else ()

    def _see_no_storm(self, key: str, account: _Account) -> None:
        lately = [at for at in account.asked if anyio.current_time() - at < 60]
        if len(lately) >= STORM * (4 if account.lanes else 1):
            self._object(f"{key} was asked for {len(lately)} times within a minute")

    def _object(self, what: str) -> NoReturn:
        self.broken = self.broken or Violation(what)
        raise self.broken

    # --- the process ------------------------------------------------------------------------------

    def excused(self, key: str) -> bool:
        """Whether what came of a file may not have found its place."""
        return self.tight or self.trouble is not None or key == self.books.nature.large

    @property
    def is_troubled(self) -> bool:
        """Whether the host is in trouble, or was a moment ago."""
        lately = self.well_since is not None and self.clock() - self.well_since < LATELY
        return self.tight or self.trouble is not None or lately

    def trouble_began(self, kind: str, *, of_place: bool) -> None:
        """Note what has happened to the host."""
        self.trouble, self.trouble_since, self.is_of_place = kind, self.clock(), of_place
        self.transitions += 1

    def trouble_ended(self) -> None:
        """Note that the host is well again."""
        self.trouble, self.well_since, self.is_of_place = None, self.clock(), False
        self.transitions += 1
        self.excuse_all()

    def reported(self, event: str, keys: dict[str, object]) -> None:
        """See that what the log says is what may be."""
        if (wrong := self.waits.reported(event, keys)) is not None:
            self._object(wrong)
        if event in ("file.missing", "file.altered"):
            self._object(f"{event} was said of {keys.get('file')}, which nobody has touched")
        if event == "file.retry" and self.at_retry is not None:
            self.at_retry()
        of_host = self.spoilt and str(keys.get("reason")).endswith(_OF_HOST)
        if event in ("file.retry", "file.failed") and keys.get("code") in OWN and not of_host:
            self.burned += 1
            allowed = self.books.disk.refusals.single + TRANSITION * (
                self.transitions + self.deaths
            )
            if self.burned > allowed:
                self._object(f"{self.burned} attempts were counted that the disk has failed")
        delay = keys.get("delay")
        if event == "file.retry" and isinstance(delay, float | int):
            longest = LONGEST_RETRY_AFTER + timedelta(seconds=1)
            if delay > longest.total_seconds():
                self._object(f"a file is not tried again for {delay} s")
        if event == "file.discarded" and not self.spoilt:
            self._object(f"bytes of {keys.get('file')} were lost here: {keys.get('reason')}")

    def verified(self, blemishes: Sequence[Blemish]) -> None:
        """See that `verify` calls nothing damaged: nobody touches a file."""
        damaged = [each for each in blemishes if each.mark in (Mark.MISSING, Mark.ALTERED)]
        if damaged:
            each = damaged[0]
            self._object(f"{each.folder}/{each.file} is called {each.mark.value} by verify")

    def died(self) -> None:
        """Note that a process ended without a word: whatever it held in memory is lost."""
        self.deaths += 1
        self.excuse_all()
        self._backoff.clear()
        self._recent.clear()

    def started(self) -> None:
        """Note that another process begins, which cannot know of pauses."""
        self.lives += 1
        self.waits.clear()
        self._backoff.clear()
        self._recent.clear()

    def excuse_all(self) -> None:
        """Let everything be fetched anew."""
        self._accounts.clear()

    def told(self, marked: list[int]) -> None:
        """See that what is marked as archived is durable, every file of it."""
        for id_ in marked:
            lacking = self.books.not_durable("support", str(id_))
            if lacking:
                self._object(f"{id_} was marked as archived, but {lacking} is not durable")
