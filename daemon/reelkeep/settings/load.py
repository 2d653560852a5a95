"""Load the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import ConfigError
from reelkeep.options import Kind, Surroundings
from reelkeep.providers.adapter import Installed
from reelkeep.settings.document import SIZE_LIMIT, Document, parse
from reelkeep.settings.model import NetworkOptions, Settings
from reelkeep.settings.problems import InvalidSettings, Problem, message_of


def load(
    path: str | Path, *, environ: Mapping[str, str], adapters: Mapping[str, Kind] | None = None
) -> Settings:
    """Return the settings that the file at `path` holds, its secrets read from their sources.

    `adapters` are the known types of providers; by default those of all installed packages.

    Raises:
        InvalidSettings: Something is wrong; it lists everything that is, with lines.
        ConfigError: The file cannot be read.
    """
    path = Path(path)
    kinds: Mapping[str, Kind] = Installed() if adapters is None else adapters
    around = Surroundings(environ=environ, directory=path.absolute().parent, kinds=kinds)
    document = parse(_content(path))
    outcome = _validated(document, around)
    if isinstance(outcome, Settings) and not document.problems:
        return outcome
    found = [] if isinstance(outcome, Settings) else outcome
    raise InvalidSettings(path, _all(document, found))


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
            Problem(line["loc"], document.line(line["loc"]), message_of(line)) for line in lines
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
