"""Say how everything stands, as plain data for people, machines and the log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from reelkeep.app.archive_access import make_archive, require
from reelkeep.app.catalog_access import read_catalog
from reelkeep.app.daemon_client import Unanswered, ask, same_catalog
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.operator import OperatorCatalog, Summary
from reelkeep.core.instants import age
from reelkeep.core.model import ProviderName
from reelkeep.errors import TransferError
from reelkeep.ports import Archive, Clock
from reelkeep.settings.model import Settings
from reelkeep.stages.worker_pool import ActiveTransfers

if TYPE_CHECKING:  # resources have an HTTP client; most who look at the catalog open none
    from reelkeep.app.resources import Resources

Status = dict[str, Any]

_PENDING = ("due", "active")
_FAILED = ("failed", "gone")


async def snapshot(resources: Resources) -> Status:
    """Return the status of the process that holds the archive."""
    settings = resources.settings  # a reload may put others in force meanwhile
    names = [ProviderName(options.name) for options in settings.providers]
    former = await _former(resources.operator, names)
    free = await _free(resources.archive, settings)
    summaries = await resources.operator.summaries(names, free=_usable(free, settings))
    problem = await _problem(resources.archive, resources.archive.identity.check())
    status = _status(settings, summaries, free=free, problem=problem, now=resources.clock())
    status["former_providers"] = _lines(former, resources.clock())
    return {**status, "transfers": transfers(resources.transfers)}


async def catalog_only(settings: Settings, clock: Clock) -> Status:
    """Return the status from the catalog; transfers are asked of the daemon, if one answers."""
    status = await of_catalog(settings, clock)
    running = await to_thread.run_sync(ask_daemon, settings)
    if running is None:
        return status
    if not same_catalog(status["catalog"], running.get("catalog")):
        return {**status, "other_daemon": str(running.get("catalog"))}
    told = {"storage": running["storage"]} if "storage" in running else {}
    return {**status, **told, "transfers": running["transfers"]}


async def of_catalog(settings: Settings, clock: Clock) -> Status:
    """Return the status from the catalog, without transfers; nobody is asked."""
    names = [ProviderName(options.name) for options in settings.providers]
    archive = make_archive(settings, clock)
    free = await _free(archive, settings)
    usable = _usable(free, settings)
    async with read_catalog(settings) as database:
        operator = OperatorCatalog(database, clock)
        summaries = await operator.summaries(names, free=usable)
        former = await _former(operator, names)
        problem = await _problem(archive, require(archive, database))
    status = _status(settings, summaries, free=free, problem=problem, now=clock())
    status["former_providers"] = _lines(former, clock())
    return {**status, "transfers": []}


async def _former(operator: OperatorCatalog, names: Sequence[ProviderName]) -> list[Summary]:
    """Return the providers that the catalog knows, and the configuration has no more."""
    former = [name for name in await operator.names() if name not in names]
    return await operator.summaries(former) if former else []


def _lines(former: Sequence[Summary], now: datetime) -> list[Status]:
    return [{"type": None, "enabled": False, **_line(summary, now)} for summary in former]


async def _problem(archive: LocalArchive, asked: Awaitable[object]) -> str | None:
    """Return why the archive cannot be written to; None if nothing is known against it."""
    try:
        await asked
        return "; ".join(await archive.volumes.absences()) or None
    except TransferError as error:
        return str(error)


def transfers(transfers: ActiveTransfers) -> list[Status]:
    """Return what is under way, the oldest first."""
    now = anyio.current_time()
    return [
        {
            "provider": transfer.download.provider,
            "recording": transfer.download.recording,
            "file": transfer.download.name,
            "done": transfer.done,
            "total": transfer.total,
            "seconds": round(now - transfer.began, 3),
        }
        for transfer in sorted(transfers.under_way, key=lambda transfer: transfer.began)
    ]


def _status(
    settings: Settings,
    summaries: Sequence[Summary],
    *,
    free: int | None,
    problem: str | None,
    now: datetime,
) -> Status:
    return {
        "version": version("reelkeep"),
        "time": now.isoformat(),
        "archive": str(settings.archive.path),
        "archive_problem": problem,
        "catalog": str(settings.catalog.path),
        "free_bytes": free,
        "min_free": settings.archive.min_free,
        "providers": [
            {"type": options.type, "enabled": options.enabled, **_line(summary, now)}
            for options, summary in zip(settings.providers, summaries, strict=True)
        ],
    }


def _line(summary: Summary, now: datetime) -> Status:
    last = summary.polled_at
    return {
        "name": summary.name,
        "last_success": None if last is None else last.isoformat(),
        "age_seconds": None if last is None else round(age(last, now).total_seconds(), 3),
        "broken_since": summary.broken_since and summary.broken_since.isoformat(),
        "reason": summary.reason,
        "partly": summary.partly,
        "unread_listings": summary.unread_listings,
        "unread_users": summary.unread_users,
        "recordings": dict(summary.recordings),
        "files": dict(summary.files),
        "listed": sum(summary.recordings.values()),
        "stored": summary.files["stored"],
        "pending": sum(summary.files[state] for state in _PENDING),
        "failed": sum(summary.files[state] for state in _FAILED),
        "unavailable": summary.files["unavailable"],
        "damaged": summary.damaged,
        "unpublished": summary.unpublished,
        "too_large": summary.too_large,
        "at_risk": summary.at_risk,
        "acknowledge_refused": summary.acknowledge_refused,
        "stored_bytes": summary.stored_bytes,
        "pending_bytes": summary.pending_bytes,
    }


async def _free(archive: Archive, settings: Settings) -> int | None:
    """Return the bytes that are free on the disk, also those that are kept free."""
    try:
        return await archive.free() + settings.archive.min_free
    except TransferError:
        return None


def _usable(free: int | None, settings: Settings) -> int | None:
    """Return the bytes that transfers may use, of those that are free on the disk."""
    return None if free is None else free - settings.archive.min_free


def ask_daemon(settings: Settings) -> Status | None:
    """Return what a daemon on our own `server.listen` answers; None if there is none."""
    listen = settings.server.listen
    if listen is None:
        return None
    try:
        found = json.loads(ask(listen, "/api/v1/status")[1])
    except (Unanswered, ValueError):
        return None
    return found if isinstance(found, dict) and "transfers" in found else None
