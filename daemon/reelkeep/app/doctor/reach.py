"""What others say: the running daemon, and the providers' hosts. Nobody is shown a credential."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import anyio

from reelkeep.app.daemon_client import same_catalog
from reelkeep.app.status import ask_daemon
from reelkeep.config_types import Options
from reelkeep.core.diagnosis import Check, Grade, judge_clock
from reelkeep.core.header_fields import server_time
from reelkeep.core.urls import parse
from reelkeep.errors import ConfigError, TransferError
from reelkeep.ports import Clock, Request, Transport
from reelkeep.settings import Settings

Found = tuple[Sequence[Check], Mapping[str, Any]]

PATIENCE = 20.0
"""Seconds for one host."""


def about_daemon(settings: Settings) -> Found:
    """Judge whether a daemon answers on our own `server.listen`."""
    listen = settings.server.listen
    if listen is None:
        return [Check("daemon", Grade.OK, "server.listen is off: it cannot be asked")], {}
    status = ask_daemon(settings)
    if status is None:
        told = f"nothing answers on {listen}: none runs with this configuration"
        return [Check("daemon", Grade.ODD, told)], {}
    if not same_catalog(settings.catalog.path, status.get("catalog")):
        told = f"the one on {listen} works with another catalog, {status.get('catalog')}"
        return [Check("daemon", Grade.BAD, told)], {}
    told = f"answers on {listen}, {len(status['transfers'])} transfers under way"
    return [Check("daemon", Grade.OK, told)], {"status": status}


def about_providers(settings: Settings, clock: Clock) -> Found:
    """Judge whether the hosts of enabled providers can be reached, and what time they have."""
    hosts = sorted(
        {
            (options.name, str(parse(url).origin))
            for options in settings.providers
            if options.enabled
            for url in _addresses(options)
        }
    )
    checks: dict[int, list[Check]] = {}

    async def ask_all() -> None:
        from reelkeep.app.resources import (
            open_wire,  # and an HTTP client, which nothing else needs here
        )

        async with open_wire(settings) as wire, anyio.create_task_group() as group:
            for number, (name, origin) in enumerate(hosts):
                at = checks.setdefault(number, [])
                group.start_soon(_ask, wire.transport, f"{name}, {origin}", origin, clock, at)

    try:
        anyio.run(ask_all)
    except ConfigError as error:
        return [Check("network", Grade.BAD, str(error))], {}
    return [check for number in sorted(checks) for check in checks[number]], {}


def _addresses(options: Options) -> Iterator[str]:
    """Yield every address of an API in `options`, however deep."""
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, Options):
            yield from _addresses(value)
        elif name.endswith("url") and isinstance(value, str):
            yield value


async def _ask(
    transport: Transport, subject: str, origin: str, clock: Clock, checks: list[Check]
) -> None:
    """Ask for the root of `origin`; any reply will do."""
    began = anyio.current_time()
    try:
        with anyio.fail_after(PATIENCE):
            async with transport.open(Request(url=f"{origin}/", follow=False)) as reply:
                theirs = server_time(reply.headers)
    except (TransferError, TimeoutError) as error:
        told = str(error) or f"no reply in {PATIENCE:g} s"
        checks.append(Check(subject, Grade.BAD, f"cannot be reached: {told}"))
        return
    took = anyio.current_time() - began
    checks.append(Check(subject, Grade.OK, f"is reached in {took:.1f} s"))
    if theirs is None:
        told = "says no time, so that our clock cannot be compared"
        checks.append(Check(f"{subject}, time", Grade.ODD, told))
    else:
        midway = clock() - timedelta(seconds=took / 2)
        checks.append(judge_clock(f"{subject}, time", midway - theirs))
