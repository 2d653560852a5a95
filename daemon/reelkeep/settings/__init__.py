"""The configuration: `reelkeep.yaml`, read strictly."""

from __future__ import annotations

from reelkeep.config_types import secrets_of
from reelkeep.settings.changes import resolved, schema
from reelkeep.settings.load import Asked, absolute, enabled_of, everybody, load, nobody
from reelkeep.settings.model import (
    ArchiveOptions,
    CatalogOptions,
    DownloadOptions,
    LogOptions,
    NetworkOptions,
    RetryOptions,
    ServerOptions,
    Settings,
)
from reelkeep.settings.problems import InvalidSettings, Problem

__all__ = [
    "ArchiveOptions",
    "Asked",
    "CatalogOptions",
    "DownloadOptions",
    "InvalidSettings",
    "LogOptions",
    "NetworkOptions",
    "Problem",
    "RetryOptions",
    "ServerOptions",
    "Settings",
    "absolute",
    "enabled_of",
    "everybody",
    "load",
    "nobody",
    "resolved",
    "schema",
    "secrets_of",
]
