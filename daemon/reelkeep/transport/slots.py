"""Limit how many requests are at one host at a time."""

from __future__ import annotations

from types import TracebackType
from weakref import WeakValueDictionary

from anyio import Semaphore, WouldBlock


class Slots:
    """A semaphore for each host and port in use; it is forgotten with its last holder."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: WeakValueDictionary[tuple[str, int], Counter] = WeakValueDictionary()

    def at(self, host: str, port: int) -> Counter:
        """Return the semaphore to hold while talking to `host`."""
        counter = self._hosts.get((host, port))
        if counter is None:
            counter = self._hosts[host, port] = Counter(self._per_host)
        return counter

    def resize(self, per_host: int) -> None:
        """Let another number in from now on; those inside stay."""
        for counter in list(self._hosts.values()):
            counter.grow(per_host - self._per_host)
        self._per_host = per_host


class Counter:
    """A semaphore whose size may change while it is held."""

    def __init__(self, size: int) -> None:
        self._semaphore = Semaphore(size, fast_acquire=True)
        self._surplus = 0  # places that are gone as soon as they are given back

    def grow(self, by: int) -> None:
        """Let so many more in, or fewer."""
        for _ in range(by):
            self._give()
        for _ in range(-by):
            try:
                self._semaphore.acquire_nowait()
            except WouldBlock:
                self._surplus += 1

    async def __aenter__(self) -> None:
        """Wait for a place inside."""
        await self._semaphore.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._give()

    def _give(self) -> None:
        if self._surplus:
            self._surplus -= 1
        else:
            self._semaphore.release()
