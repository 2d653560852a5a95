"""Hold what is claimed of one provider until its turn comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from reelkeep.core.model import Claim
from reelkeep.stages.signals import Bell


class Backlog:
    """Claims that wait in memory: fewer than `size`, and what one more claiming brings."""

    def __init__(self, size: float) -> None:
        self._claims: deque[Claim] = deque()
        self._size = size
        self._moved = Bell()

    def __len__(self) -> int:
        return len(self._claims)

    async def room(self) -> None:
        """Return once there is room for more."""
        while len(self._claims) >= self._size:
            await self._moved.wait()

    def add(self, claims: Iterable[Claim]) -> None:
        """Put `claims` at the end."""
        self._claims.extend(claims)

    def put_back(self, claim: Claim) -> None:
        """Put `claim`, or what is left of it, at the beginning: it was taken too early."""
        self._claims.appendleft(claim)

    def take(self) -> Claim | None:
        """Return the first claim, None if there is none."""
        self._moved.ring()
        return self._claims.popleft() if self._claims else None

    def resize(self, size: float) -> None:
        """Hold another number from now on; what is here stays."""
        self._size = size
        self._moved.ring()

    def clear(self) -> Sequence[Claim]:
        """Give back everything."""
        claims = tuple(self._claims)
        self._claims.clear()
        return claims
