"""Connections of one process: those that are kept and shared, and those that one reader owns.

A body arrives whether it is read or not. A kept connection is free for the next request as soon as
the end of its body has *arrived*; its reader may come later. When a late reader has read, it
resumes the reading of the connection that it had, as aiohttp's flow control does, whosever body
comes on it by then. That does no harm where aiohttp reads that one, too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from reelkeep.ports import Request
from reelkeep.transport import client

AHEAD = 3 * (2 << 10)
"""Bytes that the loop takes at most when the reading of a connection is resumed."""


def has_own(request: Request) -> bool:
    """Return whether the reply to `request` comes on a connection of its own, as really decided."""
    return client._is_apart(request)


def may_be_drawn(connection: Connection) -> bool:
    """Return whether a thread may read what comes on `connection`."""
    return connection.owned


class Body(Protocol):
    """What comes on a connection."""

    @property
    def is_drawn(self) -> bool:
        """Whether a thread reads it from the connection."""
        ...

    def has_arrived(self) -> bool:
        """Return whether its end came, and left the connection in order."""
        ...

    def lose(self, most: int) -> int:
        """Give so many of the next bytes to nobody; return how many that were."""
        ...


@dataclass(eq=False)
class Connection:
    """One connection; `owned` by one reader, for one request."""

    owned: bool
    body: Body | None = None
    closed: bool = False
    asked: bool = True  #: A request was sent on it whose reply has not begun.
    served: int = 0
    lost: int = 0  #: Bytes that were meant for one reader and taken by another.

    @property
    def is_free(self) -> bool:
        """Whether it serves the next request."""
        if self.closed or self.asked or self.owned:
            return False
        return self.body is None or (self.body.has_arrived() and not self.body.is_drawn)

    def ask(self) -> None:
        self.asked, self.body = True, None

    def carry(self, body: Body) -> None:
        """Let `body` come on it."""
        assert not (self.owned and self.served), "an owned connection is used again"
        self.asked, self.body = False, body
        self.served += 1

    def resume(self, reader: Body) -> None:
        """Go on reading, because `reader` has read what it had."""
        if self.body is not None and self.is_drawn_by_another(reader):
            self.lost += self.body.lose(AHEAD)

    def is_drawn_by_another(self, reader: Body) -> bool:
        """Return whether a thread reads from it what is not for `reader`."""
        return self.body is not None and self.body is not reader and self.body.is_drawn

    def leave(self, body: Body) -> None:
        """Let `body` go: the connection is kept if that was read to its end, else closed.

        Nothing happens if it serves another one by now.
        """
        if self.body is body:
            self.body = None
            self.closed = self.closed or self.owned or not body.has_arrived()


@dataclass
class Pool:
    """The connections of one process."""

    _kept: defaultdict[str, list[Connection]] = field(default_factory=lambda: defaultdict(list))

    def connection(self, host: str, request: Request) -> Connection:
        """Return the connection that `request` to `host` is sent on."""
        if has_own(request):
            return Connection(owned=True)
        kept = self._kept[host] = [each for each in self._kept[host] if not each.closed]
        for each in kept:
            if each.is_free:
                each.ask()
                return each
        kept.append(Connection(owned=False))
        return kept[-1]

    def close(self) -> None:
        """Close all of them: the process ended."""
        for kept in self._kept.values():
            for each in kept:
                each.closed = True
        self._kept.clear()
