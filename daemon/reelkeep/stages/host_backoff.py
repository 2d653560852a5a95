"""Leave a host alone for as long as it asked."""

from __future__ import annotations

from datetime import timedelta

import anyio
from cachetools import LRUCache

from reelkeep.errors import Parked, Throttled

LONGEST = 3600.0
"""Seconds: no host silences us for longer, whatever it says."""

SHORTEST = 1.0
"""Seconds: what we give a host that does not say how long."""

HOSTS = 1000
"""Hosts remembered at most."""


class HostBackoff:
    """Remembers which hosts asked to slow down: the whole pool keeps away, not one worker."""

    def __init__(self) -> None:
        self._until: LRUCache[str, float] = LRUCache(HOSTS)

    def check(self, host: str) -> None:
        """Return at once, or say for how long `host` is still left alone.

        Raises:
            Parked: It does; nothing was sent.
        """
        left = self._left(host)
        if left > 0:
            raise Parked("the download host asked for a pause", after=left)

    def grant(self, host: str, error: Throttled) -> timedelta | None:
        """Keep away from `host` for as long as `error` says, within reason, and never for less.

        Return for how long, unless the host was being spared already.
        """
        known = host in self._until
        seconds = SHORTEST if error.after is None else min(error.after, LONGEST)
        self._until[host] = anyio.current_time() + max(seconds, self._left(host))
        return None if known else timedelta(seconds=seconds)

    def is_over(self, host: str) -> bool:
        """Return whether `host`, which answered as it should, was left alone so far; True once."""
        if host not in self._until or self._left(host) > 0:
            return False
        del self._until[host]
        return True

    def _left(self, host: str) -> float:
        return self._until.get(host, 0.0) - anyio.current_time()
