"""Find out whether this installation works: on this machine, at its daemon, at the providers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from reelkeep.app.catalog_access import utc_now
from reelkeep.app.daemon_client import same_catalog
from reelkeep.app.doctor_checks import (
    Found,
    about_archive,
    about_catalog,
    about_disk,
    about_files,
    about_large_files,
    about_machine,
    about_owners,
    about_program,
    about_reading,
)
from reelkeep.app.status import ask_daemon
from reelkeep.catalog.backup import refused
from reelkeep.config_types.secrets import secrets_of
from reelkeep.config_types.values import Options
from reelkeep.core.addresses import parse
from reelkeep.core.diagnosis import Check, Grade, Symptom, judge_clock, ok
from reelkeep.core.model import ProviderName
from reelkeep.core.replies import server_time
from reelkeep.errors import ConfigError, ProviderError, TransferError
from reelkeep.ports import Clock, Finding, Provider, Request, Transport
from reelkeep.settings.changes import resolved
from reelkeep.settings.load import Asked, everybody, nobody
from reelkeep.settings.model import Settings
from reelkeep.telemetry.redaction import Redactor

if TYPE_CHECKING:
    from reelkeep.telemetry.logs import Log

PATIENCE = 20.0
"""Seconds for one host."""


def about_daemon(settings: Settings) -> Found:
    """Check whether a daemon answers on our own `server.listen`."""
    listen = settings.server.listen
    if listen is None:
        return [ok("daemon", "server.listen is null: the daemon cannot be asked")], {}
    status = ask_daemon(settings)
    if status is None:
        told = f"nothing answers on {listen}: no daemon is running with this configuration"
        return [Check("daemon", Grade.WARN, told, Symptom.DAEMON_SILENT)], {}
    if not same_catalog(settings.catalog.path, status.get("catalog")):
        told = f"the daemon on {listen} uses another catalog, {status.get('catalog')}"
        return [Check("daemon", Grade.FAIL, told, Symptom.DAEMON_OTHER)], {}
    told = f"answers on {listen}, {len(status['transfers'])} running transfers"
    return [ok("daemon", told)], {"status": status}


def about_providers(settings: Settings, clock: Clock) -> Found:
    """Check whether the hosts of enabled providers can be reached, and what time they report."""
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
        from reelkeep.app.resources import open_wire  # with an HTTP client, needed only here

        async with open_wire(settings) as wire, anyio.create_task_group() as group:
            for number, (name, origin) in enumerate(hosts):
                at = checks.setdefault(number, [])
                group.start_soon(_ask, wire.transport, f"{name}, {origin}", origin, clock, at)

    try:
        anyio.run(ask_all)
    except ConfigError as error:
        return [Check("network", Grade.FAIL, str(error), Symptom.NETWORK_UNUSABLE)], {}
    return [check for number in sorted(checks) for check in checks[number]], {}


def _addresses(options: Options) -> Iterator[str]:
    """Yield every address of an API in `options`, at any depth."""
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
        told = f"cannot be reached: {told}"
        checks.append(Check(subject, Grade.FAIL, told, Symptom.PROVIDER_UNREACHABLE))
        return
    took = anyio.current_time() - began
    checks.append(ok(subject, f"answered in {took:.1f} s"))
    if theirs is None:
        told = "reports no time, so our clock cannot be compared"
        checks.append(Check(f"{subject}, time", Grade.WARN, told, Symptom.CLOCK_UNCOMPARED))
    else:
        midway = clock() - timedelta(seconds=took / 2)
        checks.append(judge_clock(f"{subject}, time", midway - theirs))


Answer = tuple[ProviderName, Finding]


async def online(settings: Settings, log: Log) -> list[Answer]:
    """Return the findings of every enabled provider, in the order of the configuration."""
    from reelkeep.app.resources import builder, make_providers, open_wire

    async with open_wire(settings) as wire:
        build = builder(
            settings, wire.transport, log, learn=log.learn, clock=utc_now, rng=random.random
        )
        providers = make_providers(settings, build)
        answers: dict[ProviderName, Sequence[Finding]] = {}
        async with anyio.create_task_group() as group:
            for provider in providers.values():
                group.start_soon(_check, provider, answers)
    return [
        (name, replace(finding, message=log.clean(finding.message)))
        for name in providers
        for finding in answers[name]
    ]


async def _check(provider: Provider, answers: dict[ProviderName, Sequence[Finding]]) -> None:
    try:
        answers[provider.name] = await provider.check()
    except ProviderError as error:
        answers[provider.name] = [Finding("answers", ok=False, message=str(error))]


Load = Callable[[Asked], Settings]
"""Reads the configuration, with the secrets of the selected providers."""


@dataclass(slots=True)
class Findings:
    """The checks so far, and the facts behind them, by section."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return any(check.grade is Grade.FAIL for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        checks = [
            {
                "subject": check.subject,
                "grade": check.grade.value,
                "code": check.symptom,
                "message": check.message,
            }
            for check in self.checks
        ]
        return {"checks": checks, **self.facts}


Part = Callable[[], tuple[Sequence[Check], Mapping[str, Any]]]


def gather(load: Load, clock: Clock, *, offline: bool) -> Findings:
    """Run all checks, and return the results without secrets. Blocking.

    A check that raises an error is a finding itself; the others still run.
    """
    found, settings = Findings(), None
    _add(found, "program", lambda: about_program(clock))
    try:
        settings = load(everybody)
        _add(found, "configuration", partial(_configuration, settings))
    except ConfigError as error:
        told = str(error)
        bad = Check("configuration", Grade.FAIL, told, Symptom.CONFIGURATION_INVALID)
        found.checks.append(bad)
        settings = _without_secrets(load)
    redactor = Redactor(secrets_of(settings) if settings else ())
    if settings is not None:
        for name, part in _parts(settings, clock, offline=offline):
            _add(found, name, part)
    return _cleaned(found, redactor)


def _without_secrets(load: Load) -> Settings | None:
    """Return the configuration if only secrets are missing."""
    try:
        return load(nobody)
    except ConfigError:
        return None


def _parts(settings: Settings, clock: Clock, *, offline: bool) -> Iterable[tuple[str, Part]]:
    yield "files", lambda: about_files(settings)
    yield "catalog", lambda: about_catalog(settings.catalog.path, clock)
    yield "archive", lambda: about_archive(settings)
    yield "machine", lambda: about_machine(settings)
    yield "owners", lambda: about_owners(settings)
    yield "disk", lambda: about_disk(settings)
    yield "reading the archive", lambda: about_reading(settings)
    yield "large files", lambda: about_large_files(settings)
    yield "daemon", lambda: about_daemon(settings)
    if not offline:
        yield "providers", lambda: about_providers(settings, clock)


def _configuration(settings: Settings) -> tuple[Sequence[Check], Mapping[str, Any]]:
    names = [options.name for options in settings.providers if options.enabled]
    told = f"is valid; enabled: {', '.join(names) or 'no provider'}"
    idle = Check("configuration", Grade.WARN, told, Symptom.CONFIGURATION_IDLE)
    check = ok("configuration", told) if names else idle
    return [check], {"configuration": resolved(settings)}


def _add(found: Findings, name: str, part: Part) -> None:
    try:
        checks, facts = part()
    except PermissionError as error:
        told = refused(Path(str(error.filename or ""))) or str(error)
        told = f"could not be checked: {told}"
        found.checks.append(Check(name, Grade.FAIL, told, Symptom.CHECK_FAILED))
    except Exception as error:  # noqa: BLE001 - one thing that is broken shall not hide the others
        told = f"could not be checked: {type(error).__name__}: {error}"
        found.checks.append(Check(name, Grade.FAIL, told, Symptom.CHECK_FAILED))
    else:
        found.checks.extend(checks)
        found.facts.update(facts)


def _cleaned(found: Findings, redactor: Redactor) -> Findings:
    """Return `found` without secrets: known ones, and text that looks like one."""
    facts: Any = redactor.redact(found.facts)
    checks = [
        replace(check, subject=redactor.clean(check.subject), message=redactor.clean(check.message))
        for check in found.checks
    ]
    return Findings(checks, facts)
