"""A disk on which one call fails as it is told, or at which the process dies."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from fakes.disk import EFFECTS
from reelkeep.disk import Disk


class Killed(BaseException):
    """The process is dead: nothing that it still does has any effect."""


class Fate(Enum):
    """What happens at the fatal call."""

    ENOSPC = "the disk is full"
    EIO = "the disk fails"
    SHORT = "half of the bytes are written, and no error is told"
    KILL = "the process dies before it"
    TORN = "the process dies in the middle of it"


_ERRORS = {Fate.ENOSPC: 28, Fate.EIO: 5}


class FatedDisk(Disk):
    """Does as `inner` does; the call numbered `at` meets its `fate`. `calls` are all so far."""

    def __init__(self, inner: Disk, fate: Fate | None = None, at: int = -1) -> None:
        self.inner = inner
        self.fate = fate
        self.at = at
        self.calls: list[str] = []
        self.dead = False
        self._turn = threading.Lock()

    def __getattribute__(self, name: str) -> Any:
        if name not in EFFECTS:
            return super().__getattribute__(name)
        effect = getattr(self.inner, name)

        def call(*args: Any) -> Any:
            return self._call(name, effect, *args)

        return call

    def _call(self, name: str, effect: Callable[..., Any], *args: Any) -> Any:
        with self._turn:
            number = len(self.calls)
            self.calls.append(name)
            fatal = number == self.at and not self.dead
            if fatal and self.fate in (Fate.KILL, Fate.TORN):
                self.dead = True
        if self.dead and name == "close":
            return effect(*args)
        if fatal and self.fate in _ERRORS:
            return self._fail(_ERRORS[self.fate], name, effect, *args)
        if fatal and name == "pwrite" and self.fate in (Fate.SHORT, Fate.TORN):
            count = self._half(effect, *args)
            if self.fate is Fate.SHORT:
                return count
        if self.dead:
            raise Killed
        return effect(*args)

    def _fail(self, error: int, name: str, effect: Callable[..., Any], *args: Any) -> None:
        if name == "close":
            effect(*args)
        raise OSError(error, os.strerror(error))

    def _half(
        self, effect: Callable[..., int], fd: int, pieces: Sequence[memoryview], offset: int
    ) -> int:
        data = b"".join(pieces)
        return effect(fd, [memoryview(data)[: len(data) // 2 or 1]], offset)
