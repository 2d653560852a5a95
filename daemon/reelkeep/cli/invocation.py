"""What every command starts from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from reelkeep.cli.output import Output
from reelkeep.cli.places import locate_file

if TYPE_CHECKING:  # each takes a while, and not every command needs it
    from reelkeep.settings import Settings
    from reelkeep.telemetry.logs import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How the process was started."""

    file: str | None  #: What `--config` says.
    environ: Mapping[str, str]
    out: Output

    def path(self) -> Path:
        """Return the file of the configuration.

        Raises:
            ConfigError: There is none.
        """
        return locate_file(self.file, self.environ)

    def settings(self) -> Settings:
        """Return the configuration.

        Raises:
            ConfigError: There is none, or something is wrong with it.
        """
        from reelkeep.settings import load

        return load(self.path(), environ=self.environ)


def log_of(settings: Settings, stream: TextIO | None = None) -> Log:
    """Return the log that `settings` ask for; it goes to stderr unless `stream` is given."""
    from reelkeep.app.books import utc_now
    from reelkeep.settings import secrets_of
    from reelkeep.telemetry.logs import configure

    return configure(
        settings.log.level,
        settings.log.format,
        stream or sys.stderr,
        secrets=secrets_of(settings),
        clock=utc_now,
    )
