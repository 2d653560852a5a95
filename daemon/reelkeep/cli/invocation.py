"""What every command starts from: the configuration's file, the log, the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from reelkeep.cli.output import Output
from reelkeep.errors import ConfigError

if TYPE_CHECKING:
    from reelkeep.settings.load import Asked
    from reelkeep.settings.model import Settings
    from reelkeep.telemetry.logs import Log


class Exit(IntEnum):
    """How the process ended."""

    DONE = 0  #: Done, nothing left over.
    LEFT = 1  #: It ran, but something is failed, missing, altered or still pending.
    USAGE = 2  #: The command was used in a wrong way.
    BUG = 70  #: A mistake of ours (EX_SOFTWARE).
    BUSY = 75  #: Another process holds this archive or catalog (EX_TEMPFAIL).
    CONFIG = 78  #: The configuration is invalid, or the catalog too new (EX_CONFIG).


VARIABLE = "REELKEEP_CONFIG"
PLACES = (Path("reelkeep.yaml"), Path("/etc/reelkeep/reelkeep.yaml"))


def locate_file(
    option: str | Path | None, environ: Mapping[str, str], places: Sequence[Path] = PLACES
) -> Path:
    """Return the configuration's file: the option's, the environment's, or the first that exists.

    Raises:
        ConfigError: No file exists; the message lists the places that were tried.
    """
    named = option or environ.get(VARIABLE)
    if named:
        return _existing(Path(named), "--config" if option else f"${VARIABLE}")
    for place in places:
        if _is_file(place):
            return place
    looked = ", ".join(str(place) for place in places)
    raise ConfigError(
        f"no configuration: --config is not given, ${VARIABLE} is not set, "
        f"and there is no file at {looked}"
    )


def _existing(path: Path, named_by: str) -> Path:
    try:
        found = path.is_file()
    except OSError as error:
        raise ConfigError(
            f"no configuration: {named_by} names {path}, which user {os.geteuid()} cannot "
            f"access: {error.strerror}"
        ) from error
    if not found:
        what = "is not a regular file" if path.exists() else "does not exist"
        raise ConfigError(f"no configuration: {named_by} names {path}, which {what}")
    return path


def _is_file(path: Path) -> bool:
    """Return whether a file exists; one that this user cannot access counts as absent."""
    try:
        return path.is_file()
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How the process was started."""

    file: str | None  #: What `--config` says.
    environ: Mapping[str, str]
    out: Output

    def path(self) -> Path:
        """Return the file of the configuration.

        Raises:
            ConfigError: No configuration was found.
        """
        return locate_file(self.file, self.environ)

    def settings(self, asked: Asked) -> Settings:
        """Return the configuration, with the secrets of the providers that will be `asked`.

        Raises:
            ConfigError: No configuration was found, or it is invalid.
        """
        from reelkeep.settings.load import load

        return load(self.path(), environ=self.environ, asked=asked)

    def settings_for(self, names: Sequence[str]) -> Settings:
        """Return the configuration for a command that asks the providers `names`, or all."""
        from reelkeep.settings.load import enabled_of

        return self.settings(enabled_of(names))

    def settings_only(self) -> Settings:
        """Return the configuration for a command that asks no provider: it needs no secret."""
        from reelkeep.settings.load import nobody

        return self.settings(nobody)


def say_how_it_is_read(settings: Settings) -> None:
    """Log that there is no catalog yet, or that this user may only read it."""
    from reelkeep.catalog.read_only import exists, may_write

    catalog = settings.catalog.path
    if not exists(catalog):
        log_of(settings)("catalog.missing", path=catalog)
    elif not may_write(catalog):
        log_of(settings)("catalog.read_only", path=catalog, user=os.geteuid())


def note(text: str) -> None:
    """Write one line for people to stderr."""
    from reelkeep.telemetry.redaction import visible

    click.echo(f"reelkeep: {visible(text)}", err=True)


def log_of(settings: Settings, stream: TextIO | None = None) -> Log:
    """Return the log that `settings` ask for; it goes to stderr unless `stream` is given."""
    from reelkeep.app.catalog_access import utc_now
    from reelkeep.config_types.secrets import secrets_of
    from reelkeep.telemetry.logs import configure

    return configure(
        settings.log.level,
        settings.log.format,
        stream or sys.stderr,
        secrets=secrets_of(settings),
        clock=utc_now,
    )
