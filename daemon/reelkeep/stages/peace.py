"""Leave a host alone for as long as it asked."""

from __future__ import annotations

from collections import OrderedDict

import anyio

from reelkeep.errors import Parked, Throttled

LONGEST = 3600.0
"""Seconds: no host silences us for longer, whatever it says."""

SHORTEST = 1.0
"""Seconds: what we give a host that does not say how long."""

HOSTS = 1000
"""Hosts remembered at most."""


class Peace:
    """Remembers which hosts asked to slow down: the whole pool keeps away, not one worker."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def check(self, host: str) -> None:
        """Return at once while nobody asked for peace.

        Raises:
            Parked: `host` did; nothing was sent.
        """
        left = self._until.get(host, 0.0) - anyio.current_time()
        if left > 0:
            raise Parked("the download host asked for a pause", after=left)
        self._until.pop(host, None)

    def grant(self, host: str, error: Throttled) -> None:
        """Keep away from `host` for as long as `error` says, within reason; never for less long."""
        seconds = SHORTEST if error.after is None else min(error.after, LONGEST)
        self._until[host] = max(self._until.get(host, 0.0), anyio.current_time() + seconds)
        self._until.move_to_end(host)
        while len(self._until) > HOSTS:
            self._until.popitem(last=False)
