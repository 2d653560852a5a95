"""Whether the process under test lives, and when it dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import anyio


class Killed(BaseException):
    """The process is no more: nothing it does has any effect."""


@dataclass(slots=True)
class Fate:
    """The life of one process. Every effect on the world asks `tick` first."""

    left: int | None = None  #: Ticks until it dies; None: it may live.
    dead: bool = False
    ticks: int = 0
    die: Callable[[], None] = field(default=lambda: None)  #: Called once, when it does.

    def tick(self) -> None:
        """Come to the next effect.

        Raises:
            Killed: It is not reached.
        """
        if not self.dead:
            self.ticks += 1
            if self.left is None or self.left > 0:
                self.left = None if self.left is None else self.left - 1
                return
            self.kill()
        raise Killed

    async def reach(self) -> None:
        """Come to the next effect, or be torn away; who is shielded from that is `Killed`."""
        try:
            self.tick()
        except Killed:
            if anyio.current_effective_deadline() == -inf:
                await anyio.sleep_forever()
            raise

    def kill(self) -> None:
        if not self.dead:
            self.dead = True
            self.die()
