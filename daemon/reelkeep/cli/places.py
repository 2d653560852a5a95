"""Find the configuration's file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from reelkeep.errors import ConfigError

VARIABLE = "REELKEEP_CONFIG"
PLACES = (Path("reelkeep.yaml"), Path("/etc/reelkeep/reelkeep.yaml"))


def locate_file(
    option: str | Path | None, environ: Mapping[str, str], places: Sequence[Path] = PLACES
) -> Path:
    """Return the configuration's file: the option's, the environment's, or the first that exists.

    Raises:
        ConfigError: There is none; the message lists where it was looked for.
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
            f"no configuration: {named_by} names {path}, which user {os.geteuid()} cannot look "
            f"at: {error.strerror}"
        ) from error
    if not found:
        what = "is no regular file" if path.exists() else "is not there"
        raise ConfigError(f"no configuration: {named_by} names {path}, which {what}")
    return path


def _is_file(path: Path) -> bool:
    """Return whether a file is there; one that this user cannot look at is not there for him."""
    try:
        return path.is_file()
    except OSError:
        return False
