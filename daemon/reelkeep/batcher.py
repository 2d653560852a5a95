"""Serve many callers at once: who comes while others are served waits for the next batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio
from anyio.lowlevel import checkpoint

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Request(Generic[Asked, Answer]):
    """What one caller asked for."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answers: list[Answer | Exception] = []  #: At most one.
        self.waits = True  #: No batch has it.
        self.is_wanted = True  #: Its caller is still there.
        self.woken = anyio.Event()  #: It was answered, or may serve the next batch.


class Batcher(Generic[Asked, Answer]):
    """Answers requests by `serve`, at most `most` in a batch and `at_once` batches at a time.

    One of the callers serves a batch. If it is cancelled meanwhile, the requests of the others
    wait again, and one of these serves the next batch: nobody depends on another's cancellation.
    """

    def __init__(
        self,
        serve: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        at_once: int = 1,
    ) -> None:
        """`serve` returns for each request, in order, the answer or the error to raise."""
        self._serve = serve
        self._most = most
        self._at_once = at_once
        self._batches = 0
        self._waiting: list[_Request[Asked, Answer]] = []

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer to `asked`, or raise the error that `serve` has returned for it.

        What `serve` raises itself is raised at each caller of the batch.
        """
        mine: _Request[Asked, Answer] = _Request(asked)
        self._waiting.append(mine)
        try:
            while not mine.answers:
                if mine.waits and self._batches < self._at_once:
                    await self._serve_next()
                else:
                    await mine.woken.wait()
                    mine.woken = anyio.Event()
        finally:
            mine.is_wanted = False
            if mine.waits:
                self._waiting.remove(mine)
            self._wake_next()  # we may have been woken to serve it
        answer = mine.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _serve_next(self) -> None:
        """Serve the first that wait, and those who come in this turn of the loop."""
        self._batches += 1
        batch: list[_Request[Asked, Answer]] = []
        try:
            await checkpoint()
            batch[:], self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            for each in batch:
                each.waits = False
            answers = await self._serve([each.asked for each in batch])
            for each, answer in zip(batch, answers, strict=True):
                each.answers.append(answer)
        except Exception as error:  # noqa: BLE001 - it is raised at each caller
            for each in batch:
                each.answers[:] = [error]
        finally:
            self._batches -= 1
            self._end(batch)

    def _end(self, batch: Sequence[_Request[Asked, Answer]]) -> None:
        """Wake those of `batch` that have an answer; the others wait again, before all others."""
        left = [each for each in batch if not each.answers and each.is_wanted]
        for each in left:
            each.waits = True
        self._waiting[:0] = left
        for each in batch:
            each.woken.set()
        self._wake_next()

    def _wake_next(self) -> None:
        if self._waiting and self._batches < self._at_once:
            self._waiting[0].woken.set()
