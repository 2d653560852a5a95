"""Load the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import ConfigError
from reelkeep.options import Absent, Kind, Surroundings
from reelkeep.providers.adapter import Installed
from reelkeep.settings.document import SIZE_LIMIT, Document, parse
from reelkeep.settings.model import LogOptions, NetworkOptions, Settings
from reelkeep.settings.problems import InvalidSettings, Problem, message_of

Asked = Callable[[str, bool], bool]
"""Tells by name, and by whether it is enabled, whether a provider will be asked something."""


def everybody(_name: str, _enabled: bool) -> bool:  # noqa: FBT001 - see `Asked`
    """Return True: every secret is needed."""
    return True


def nobody(_name: str, _enabled: bool) -> bool:  # noqa: FBT001 - see `Asked`
    """Return False: no provider is asked, so that no secret is needed."""
    return False


def enabled_of(names: Sequence[str]) -> Asked:
    """Return what is true of the enabled providers in `names`; of all enabled ones if empty."""
    return lambda name, enabled: enabled and (not names or name in names)


def absolute(path: Path) -> Path:
    """Return `path` from the root, or as it is where the working directory has been removed."""
    try:
        return path.absolute()
    except OSError:
        return path


def load(
    path: str | Path,
    *,
    environ: Mapping[str, str],
    adapters: Mapping[str, Kind] | None = None,
    asked: Asked = everybody,
) -> Settings:
    """Return the settings that the file at `path` holds, its secrets read from their sources.

    `adapters` are the known types of providers; by default those of all installed packages.
    A secret that cannot be read is a problem only for a provider that is `asked` something.

    Raises:
        InvalidSettings: Something is wrong; it lists everything that is, with lines.
        ConfigError: The file cannot be read.
    """
    path = Path(path)
    kinds: Mapping[str, Kind] = Installed() if adapters is None else adapters
    around = Surroundings(
        environ=environ, directory=absolute(path).parent, kinds=kinds, asked=asked
    )
    document = parse(_content(path))
    outcome = _validated(document, around)
    if isinstance(outcome, Settings) and not document.problems:
        return outcome
    found = [] if isinstance(outcome, Settings) else outcome
    raise InvalidSettings(path, _all(document, found))


def log_options(path: Path) -> LogOptions:
    """Return what the file at `path` says of the log; the defaults, if that is invalid.

    Raises:
        ConfigError: The file cannot be read.
    """
    values = parse(_content(path)).values
    section = values.get("log", {}) if isinstance(values, dict) else {}
    try:
        return LogOptions.model_validate(section)
    except ValidationError:
        return LogOptions()


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _validated(document: Document, around: Surroundings) -> Settings | list[Problem]:
    if document.values is None and document.problems:
        return []  # it could not be parsed at all
    around = replace(around, policy=_policy(document.values, around))
    try:
        return Settings.model_validate(document.values, context=around)
    except ValidationError as error:
        lines = error.errors(include_url=False)
        return [
            Problem(
                line["loc"],
                document.line(line["loc"]),
                message_of(line),
                may_pass=isinstance(line.get("ctx", {}).get("error"), Absent),
            )
            for line in lines
        ]


def _policy(values: object, around: Surroundings) -> AddressPolicy | None:
    """Return what `network.allow` says, for all addresses to obey; None if it is wrong."""
    network = values.get("network", {}) if isinstance(values, dict) else {}
    try:
        allow = NetworkOptions.model_validate(network, context=around).allow
    except ValidationError:
        return None
    return AddressPolicy.parse(allow)


def _all(document: Document, found: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the file; what could not be read is told once."""
    rest = [problem for problem in found if problem.steps not in document.unread]
    return tuple(sorted([*document.problems, *rest], key=lambda problem: problem.line))
