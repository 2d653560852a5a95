"""Find the configuration's file."""

from __future__ import annotations

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
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise ConfigError(
        f"no configuration: --config is not given, ${VARIABLE} is not set, "
        f"and there is no file at {looked}"
    )


def _existing(path: Path, named_by: str) -> Path:
    if not path.is_file():
        raise ConfigError(f"no configuration: {named_by} names {path}, where there is no file")
    return path
