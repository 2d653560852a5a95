"""Keep open pages up to date by server-sent events (HTML Standard, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import anyio
from aiohttp import web

from reelkeep.page import views
from reelkeep.page.gate import Visit
from reelkeep.page.responses import Refusal, protect
from reelkeep.page.source import PageSource
from reelkeep.ports import Clock

MOST_EVENTS: Final = 64
"""Pages that are kept up to date at once."""

TICK: Final = 1.0
"""Seconds between two live events."""


class TimedAnswers:
    """Remembers for a while what many ask for; it is asked for once, whoever wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[datetime, Any]] = {}
        self._locks: dict[str, anyio.Lock] = {}

    async def recall(self, name: str, read: Callable[[], Awaitable[Any]], life: timedelta) -> Any:
        """Return what `read` returns, or returned less than `life` ago."""
        async with self._locks.setdefault(name, anyio.Lock()):
            now = self._clock()
            known = self._known.get(name)
            if known is not None and timedelta(0) <= now - known[0] < life:
                return known[1]
            found = await read()
            self._known[name] = (now, found)
            return found


class LiveEvents:
    """Sends the numbers of the overview, or lines of the log, once a second."""

    def __init__(self, source: PageSource, answers: TimedAnswers) -> None:
        self._source = source
        self._answers = answers
        self._listeners = 0
        self._done: Mapping[tuple[str, str], int] = {}  #: Bytes of each transfer, a tick ago.

    async def stream(self, visit: Visit) -> web.StreamResponse:
        """Send events until the browser goes away."""
        if self._listeners >= MOST_EVENTS:
            raise Refusal(503, "Too many pages are kept up to date already.")
        asked = visit.asked("level", "provider", "recording", "last")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        protect(response)
        await response.prepare(visit.request)
        if visit.request.method == "HEAD":
            return response
        last = int(asked["last"]) if asked["last"].isascii() and asked["last"].isdigit() else 0
        self._listeners += 1
        try:
            while True:
                news = b"" if asked["last"] else await self._news()
                for number, line in self._source.lines(last):
                    last = number
                    if asked["last"] and views.is_meant(line, asked):
                        news += _event("log", views.log_line(line))
                with anyio.fail_after(10 * TICK):
                    await response.write(news or b": still here\n\n")
                await anyio.sleep(TICK)
        finally:
            self._listeners -= 1

    async def _news(self) -> bytes:
        """Return the live numbers of the overview, made once a tick for all who look."""
        return bytes(
            await self._answers.recall("news", self._overview_news, timedelta(seconds=TICK))
        )

    async def _overview_news(self) -> bytes:
        status = await self._source.status()
        before = self._done
        under_way = [dict(each) for each in self._source.transfers()]
        done = {(each["recording"], each["file"]): each["done"] for each in under_way}
        for each in under_way:
            earlier = before.get((each["recording"], each["file"]))
            average = each["done"] / each["seconds"] if each["seconds"] else 0
            each["rate"] = round(average if earlier is None else max(0, each["done"] - earlier))
        self._done = done
        return _event(
            "overview",
            {
                "transfers": under_way,
                "free_bytes": status["free_bytes"],
                "providers": [
                    {
                        key: line[key]
                        for key in (
                            "name", "stored", "pending", "failed", "unavailable", "at_risk",
                            "stored_bytes",
                        )
                    }
                    for line in status["providers"]
                ],
            },
        )  # fmt: skip


def _event(name: str, news: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(news)}\n\n".encode()
