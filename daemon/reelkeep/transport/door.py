"""Let few threads receive at a time."""

from __future__ import annotations

from queue import SimpleQueue


class Door:
    """A semaphore whose inside is not Python: it is passed twice for each half mebibyte."""

    def __init__(self, width: int) -> None:
        """Let `width` threads in at a time."""
        self._tokens: SimpleQueue[None] = SimpleQueue()
        for _ in range(width):
            self._tokens.put(None)

    def enter(self) -> None:
        """Wait for a place inside. Blocking."""
        self._tokens.get()

    def leave(self) -> None:
        """Give the place to the next."""
        self._tokens.put(None)

    def __enter__(self) -> None:
        """Wait for a place inside."""
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()
