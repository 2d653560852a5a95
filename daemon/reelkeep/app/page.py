"""Put the web page together from what the daemon has open."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import anyio

from reelkeep.app.archive_access import stored_files
from reelkeep.app.catalog_access import read_catalog, utc_now
from reelkeep.catalog.browsing import CatalogBrowser
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.core.addresses import Endpoint
from reelkeep.core.events import EVENTS
from reelkeep.page.access import Access
from reelkeep.page.site import Site
from reelkeep.page.source import ActiveCondition, PageSource
from reelkeep.settings.model import Settings
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.logs import Log
from reelkeep.telemetry.runbook import advice
from reelkeep.telemetry.server import PageHandler

REST = 100
"""How many times longer than a status took the catalog is left alone by the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """What a page needs of a daemon that works, or waits for its archive."""

    report: Conditions
    log: Log
    status: Callable[[], Awaitable[Mapping[str, Any]]]
    transfers: Callable[[], Sequence[Mapping[str, Any]]]
    decisions: OperatorDecisions | None  #: None while there is no archive.


@asynccontextmanager
async def open_page(settings: Settings, parts: PageParts) -> AsyncIterator[PageHandler | None]:
    """Open the page that the configuration asks for; None if it asks for none.

    It reads the catalog on a connection of its own: a slow question of a browser holds up nobody.

    Raises:
        ConfigError: The token cannot be read.
    """
    options = settings.server.page
    if options is None:
        yield None
        return
    access = Access(options.token.reveal(), clock=utc_now, nonce=lambda: secrets.token_urlsafe(12))
    async with read_catalog(settings) as database:
        source = PageSource(
            browser=CatalogBrowser(database),
            operator=OperatorCatalog(database, utc_now),
            decisions=parts.decisions,
            media=stored_files(settings) if options.media else None,
            status=_RestingStatus(parts.status).get,
            transfers=parts.transfers,
            problems=lambda: [_problem(event) for event in parts.report.active()],
            lines=parts.log.lines_after,
            clock=utc_now,
            report=parts.report,
        )
        site = Site(
            source,
            access,
            base=options.base_path,
            actions=options.actions,
            loopback=_is_loopback(settings),
            zone=ZoneInfo(settings.archive.timezone),
        )
        yield site.answer


class _RestingStatus:
    """A status that is asked for by many, and counted seldom."""

    def __init__(self, read: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._read = read
        self._lock = anyio.Lock()
        self._found: Mapping[str, Any] | None = None
        self._rested_at = 0.0

    async def get(self) -> Mapping[str, Any]:
        """Return the status, as it was lately."""
        async with self._lock:
            began = anyio.current_time()
            if self._found is None or began >= self._rested_at:
                self._found = await self._read()
                ended = anyio.current_time()
                self._rested_at = ended + max(1.0, REST * (ended - began))
            return self._found


def _problem(event: str) -> ActiveCondition:
    return ActiveCondition(event, EVENTS[event].meaning, advice(event))


def _is_loopback(settings: Settings) -> bool:
    listen = settings.server.listen
    if not isinstance(listen, Endpoint):
        return False
    try:
        return listen.host == "localhost" or ip_address(listen.host).is_loopback
    except ValueError:
        return False
