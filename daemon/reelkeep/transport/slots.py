"""Limit how many requests are at one host at a time."""

from __future__ import annotations

from weakref import WeakValueDictionary

from anyio import Semaphore


class Slots:
    """A semaphore for each host and port in use; it is forgotten with its last holder."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: WeakValueDictionary[tuple[str, int], Semaphore] = WeakValueDictionary()

    def at(self, host: str, port: int) -> Semaphore:
        """Return the semaphore to hold while talking to `host`."""
        semaphore = self._hosts.get((host, port))
        if semaphore is None:
            semaphore = self._hosts[host, port] = Semaphore(self._per_host, fast_acquire=True)
        return semaphore
