"""Put together what there is to say, whatever of it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reelkeep.app.doctor.disk import about_disk, about_large_files, about_reading
from reelkeep.app.doctor.local import (
    about_archive,
    about_catalog,
    about_files,
    about_machine,
    about_owners,
    about_program,
)
from reelkeep.app.doctor.reach import about_daemon, about_providers
from reelkeep.catalog.backup import refused
from reelkeep.core.diagnosis import Check, Grade
from reelkeep.errors import ConfigError
from reelkeep.ports import Clock
from reelkeep.settings import Asked, Settings, everybody, nobody, resolved, secrets_of
from reelkeep.telemetry.redaction import Redactor

Load = Callable[[Asked], Settings]
"""Reads the configuration, with the secrets of the providers that are asked something."""


@dataclass(slots=True)
class Findings:
    """What was found so far: how things stand, and the facts behind it, by section."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def bad(self) -> bool:
        """Whether something keeps reelkeep from its work."""
        return any(check.grade is Grade.BAD for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        checks = [
            {"subject": check.subject, "grade": check.grade.value, "message": check.message}
            for check in self.checks
        ]
        return {"checks": checks, **self.facts}


Part = Callable[[], tuple[Sequence[Check], Mapping[str, Any]]]


def gather(load: Load, clock: Clock, *, offline: bool) -> Findings:
    """Return what there is to say, cleaned of secrets. Blocking.

    A part that fails, in whatever way, is a finding itself, and the others are made all the same.
    """
    found, settings = Findings(), None
    _add(found, "program", lambda: about_program(clock))
    try:
        settings = load(everybody)
        _add(found, "configuration", partial(_configuration, settings))
    except ConfigError as error:
        found.checks.append(Check("configuration", Grade.BAD, str(error)))
        settings = _without_secrets(load)
    redactor = Redactor(secrets_of(settings) if settings else ())
    if settings is not None:
        for name, part in _parts(settings, clock, offline=offline):
            _add(found, name, part)
    return _cleaned(found, redactor)


def _without_secrets(load: Load) -> Settings | None:
    """Return the configuration if nothing is wrong with it but missing secrets."""
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
    grade = Grade.OK if names else Grade.ODD
    return [Check("configuration", grade, told)], {"configuration": resolved(settings)}


def _add(found: Findings, name: str, part: Part) -> None:
    try:
        checks, facts = part()
    except PermissionError as error:
        told = refused(Path(str(error.filename or ""))) or str(error)
        found.checks.append(Check(name, Grade.BAD, f"could not be looked at: {told}"))
    except Exception as error:  # noqa: BLE001 - one thing that is broken shall not hide the others
        told = f"could not be looked at: {type(error).__name__}: {error}"
        found.checks.append(Check(name, Grade.BAD, told))
    else:
        found.checks.extend(checks)
        found.facts.update(facts)


def _cleaned(found: Findings, redactor: Redactor) -> Findings:
    """Return `found` without secrets: those we know, and what looks like one."""
    facts: Any = redactor.redact(found.facts)
    checks = [
        Check(redactor.clean(check.subject), check.grade, redactor.clean(check.message))
        for check in found.checks
    ]
    return Findings(checks, facts)
