"""Answer requests for the page: the pages themselves, and their forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from reelkeep.catalog.browsing import Cursor
from reelkeep.core.lifecycle import FileState, sources
from reelkeep.core.model import Holding
from reelkeep.errors import CatalogError, TransferError
from reelkeep.page import charts, transcript, views
from reelkeep.page.access import Access
from reelkeep.page.gate import COOKIE, Gate, Visit
from reelkeep.page.live import LiveEvents, TimedAnswers
from reelkeep.page.media import MediaSender
from reelkeep.page.responses import Refusal, Renderer, form_of, protect, redirect, unless_known
from reelkeep.page.source import PageSource

CHART_LIFE: Final = timedelta(minutes=10)
"""How long the chart is good: it reads much of the catalog."""

COVERAGE_LIFE: Final = timedelta(minutes=1)
"""How long the calendar is good."""

MOST_LINES: Final = 500
"""Lines of the log that are shown."""

_MISSED: Final = frozenset({FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})
_CHANGED: Final = {
    "retried": "It is fetched again.",
    "waived": "It is waived.",
    "unchanged": "Nothing changed: it is in another state by now.",
}

Page = Callable[[Visit], Awaitable[web.StreamResponse]]


class Site:
    """Everything below the base path. What fails is answered, and ends nothing."""

    def __init__(
        self,
        source: PageSource,
        access: Access,
        *,
        base: str = "/",
        actions: bool = True,
        loopback: bool = True,
        zone: ZoneInfo,
    ) -> None:
        self._source = source
        self._access = access
        self._base = f"/{base.strip('/')}/".replace("//", "/")
        self._actions = actions and source.decisions is not None
        self._zone = zone
        self._media = None if source.media is None else MediaSender(source.media)
        self._render = Renderer(self._base)
        self._answers = TimedAnswers(source.clock)
        self._gate = Gate(access, self._render, source.report, base=self._base, loopback=loopback)
        self._pages: Mapping[str, Page] = {
            "": self._overview,
            "coverage": self._coverage,
            "recordings": self._recordings,
            "failures": self._failures,
            "log": self._log,
            "events": LiveEvents(source, self._answers).stream,
            "chart/stored.svg": self._chart,
        }

    async def answer(
        self, request: web.BaseRequest, release: Callable[[], None]
    ) -> web.StreamResponse:
        """Return the answer to a request; `release` lets its connection last.

        Only a connection that breaks raises.
        """
        try:
            response = await self._answer(request, release)
        except Refusal as refusal:
            response = self._render.message(refusal.status, str(refusal))
        except (CatalogError, TransferError) as error:
            response = self._render.message(503, f"This cannot be shown now: {error}")
        if not response.prepared:
            protect(response)
        return response

    async def _answer(
        self, request: web.BaseRequest, release: Callable[[], None]
    ) -> web.StreamResponse:
        self._gate.require_known_host(request)
        path = request.path.removeprefix(self._base.rstrip("/")).lstrip("/")
        if request.method not in ("GET", "HEAD", "POST"):
            raise Refusal(405, "Only GET, HEAD and POST are answered.")
        if path.startswith("static/"):
            return self._render.static(request, path.removeprefix("static/"))
        if path == "sign-in":
            return await self._gate.sign_in(request)
        visit = await self._gate.admit(request, path)
        if isinstance(visit, web.StreamResponse):
            return visit
        if request.method == "POST":
            return await self._posted(visit)
        if path == "events" or path.startswith("media/"):
            release()
        return await self._page(visit)

    async def _page(self, visit: Visit) -> web.StreamResponse:
        parts = visit.path.split("/")
        match parts:
            case ["recordings", key]:
                return await self._recording(visit, key)
            case ["media", key, number] if number.isascii() and number.isdigit():
                return await self._send(visit, key, int(number[:9]))
        page = self._pages.get(visit.path)
        if page is None:
            raise Refusal(404, "There is no such page.")
        return await page(visit)

    async def _posted(self, visit: Visit) -> web.StreamResponse:
        self._gate.require_own_origin(visit.request)
        form = await form_of(visit.request)
        if not self._access.is_form_token(visit.cookie, form["form"]):
            raise Refusal(403, "The form is too old; load the page again.")
        if visit.path == "sign-out":
            response = redirect(f"{self._base}sign-in")
            response.del_cookie(COOKIE, path=self._base)
            return response
        if not self._actions:
            raise Refusal(403, "Nothing can be changed from the page: see server.page.actions.")
        if visit.path == "failures":
            holding = await self._holding(form["key"])
            changed = await self._decide(visit, holding, form["action"], form["file"])
            return redirect(f"{self._base}failures?changed={changed}")
        first, _, key = visit.path.partition("/")
        if first != "recordings" or not key:
            raise Refusal(404, "There is nothing to change here.")
        holding = await self._holding(key)
        changed = await self._decide(visit, holding, form["action"], "")
        return redirect(f"{self._base}recordings/{holding.key}?changed={changed}")

    async def _decide(self, visit: Visit, holding: Holding, action: str, number: str) -> str:
        """Do what the command would; return the word that says what became of it."""
        decisions = self._source.decisions
        if action not in ("retry", "waive") or decisions is None:
            raise Refusal(400, "There is no such action.")
        files = [file for file in holding.files if file.state in _MISSED]
        if number:
            files = [file for file in files if str(views.number_of(holding, file)) == number]
        if action == "waive":
            files = [file for file in files if file.state in sources(FileState.WAIVED)]
        rows = [file.row for file in files]
        if not rows:
            return "unchanged"
        change = decisions.retry if action == "retry" else decisions.waive
        await change(rows)
        self._source.report(
            "page.decided",
            action=action,
            provider=holding.provider,
            recording=holding.id,
            files=[file.name for file in files],
            by="page",
            address=visit.request.remote or "unix",
        )
        return "retried" if action == "retry" else "waived"

    async def _overview(self, visit: Visit) -> web.StreamResponse:
        status = await self._source.status()
        return self._html(
            visit,
            "overview.html",
            "Overview",
            problems=self._source.problems(),
            providers=status["providers"],
            transfers=self._source.transfers(),
            free=status["free_bytes"],
            min_free=status["min_free"],
        )

    async def _coverage(self, visit: Visit) -> web.StreamResponse:
        today = self._source.clock().date()

        async def read() -> list[tuple[str, list[charts.Month]]]:
            browser, since = self._source.browser, charts.first_day(today)
            return [
                (name, charts.calendar(views.day_counts(await browser.days(name, since)), today))
                for name in await browser.names()
            ]

        found = await self._answers.recall("coverage", read, COVERAGE_LIFE)
        return self._html(visit, "coverage.html", "Coverage", providers=found)

    async def _chart(self, visit: Visit) -> web.StreamResponse:
        today = self._source.clock().date()

        async def read() -> Mapping[date, int]:
            return await self._source.browser.stored_bytes(today - timedelta(days=charts.DAYS))

        drawn = charts.stored_chart(await self._answers.recall("stored", read, CHART_LIFE), today)
        response = web.Response(text=drawn, content_type="image/svg+xml")
        return unless_known(visit.request, response)

    async def _recordings(self, visit: Visit) -> web.StreamResponse:
        asked = visit.asked("q", "user", "number", "provider", "state", "from", "to", "after")
        try:
            selection = views.selection(asked, self._zone)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        after = Cursor.parse(asked["after"])
        if asked["after"] and after is None:
            raise Refusal(400, "This is no place in the list; begin at its first page.")
        browser = self._source.browser
        names = [asked["provider"]] if asked["provider"] else []
        page = await browser.page(
            names=names, state=asked["state"], selection=selection, after=after
        )
        found = list(page.found)
        if asked["q"] and after is None:  # an id or a key is meant as well
            known = {each.row for each in found}
            named = await self._source.operator.find(asked["q"].strip())
            found = [*(each for each in named if each.row not in known), *found]
        more = ""
        if page.after is not None:
            rest = {key: value for key, value in asked.items() if value and key != "after"}
            more = f"{self._base}recordings?{urlencode({**rest, 'after': str(page.after)})}"
        return self._html(
            visit,
            "recordings.html",
            "Recordings",
            asked=asked,
            names=await browser.names(),
            states=views.STATES,
            found=[
                views.summary(each, self._base, media=self._media is not None) for each in found
            ],
            complete=page.is_full,
            until=page.after and datetime.fromisoformat(page.after.began),
            more=more,
        )

    async def _recording(self, visit: Visit, key: str) -> web.StreamResponse:
        holding = await self._holding(key)
        media = self._media is not None
        attempts = await self._source.operator.attempts([file.row for file in holding.files])
        return self._html(
            visit,
            "recording.html",
            views.title_of(holding),
            recording=views.summary(holding, self._base, media=media),
            changed=_CHANGED.get(visit.request.query.get("changed", ""), ""),
            player=views.player(holding, self._base) if media else None,
            transcript=await self._transcript(holding) if media else [],
            missing=views.missing(holding),
            actions=self._actions and any(file.state in _MISSED for file in holding.files),
            files=views.file_lines(holding, self._base, media=media),
            attempts=views.attempt_lines(holding, attempts),
            details=views.details(holding),
        )

    async def _transcript(self, holding: Holding) -> list[transcript.Line]:
        """Return the lines of the first transcript; none if there is none that can be shown."""
        file = next(
            (
                each
                for each in holding.files
                if each.state == FileState.STORED and views.extension(each.name) in views.CAPTIONS
            ),
            None,
        )
        if file is None or self._source.media is None or (file.size or 0) > transcript.MOST_BYTES:
            return []
        async with self._source.media.open(holding, file) as media:
            if media is None:
                return []
            return transcript.lines(await media.read(0, media.size))

    async def _failures(self, visit: Visit) -> web.StreamResponse:
        groups = await self._source.browser.failures()
        return self._html(
            visit,
            "failures.html",
            "Failures",
            groups=[views.failure_group(group) for group in groups],
            actions=self._actions,
            changed=_CHANGED.get(visit.request.query.get("changed", ""), ""),
        )

    async def _log(self, visit: Visit) -> web.StreamResponse:
        asked = visit.asked("level", "provider", "recording")
        lines = self._source.lines(0)
        return self._html(
            visit,
            "log.html",
            "Log",
            asked=asked,
            levels=views.LEVELS,
            most=MOST_LINES,
            last=lines[-1][0] if lines else 0,
            lines=[
                views.log_line(line) for _, line in reversed(lines) if views.is_meant(line, asked)
            ],
        )

    async def _send(self, visit: Visit, key: str, number: int) -> web.StreamResponse:
        if self._media is None:
            raise Refusal(403, "Recordings are not shown: see server.page.media.")
        holding = await self._holding(key)
        download = visit.request.query.get("download") == "1"
        found = await self._media.send(visit.request, holding, number, download=download)
        if found is None:
            raise Refusal(404, "This file is not here; `reelkeep verify` says more.")
        return found

    async def _holding(self, key: str) -> Holding:
        found = [each for each in await self._source.operator.find(key) if each.key == key]
        if not found:
            raise Refusal(404, "There is no such recording.")
        return found[0]

    def _html(self, visit: Visit, template: str, title: str, **values: Any) -> web.Response:
        form_token = self._access.form_token(visit.cookie)
        response = self._render.page(template, title, form_token=form_token, **values)
        return unless_known(visit.request, response)
