"""What may be written in `reelkeep.yaml`, and what holds if it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from reelkeep.config_types.provider import Listen, Network, Proxy
from reelkeep.config_types.secrets import Secret
from reelkeep.config_types.values import (
    Duration,
    Fault,
    LocalPath,
    Mode,
    Options,
    PositiveDuration,
    PositiveSize,
    Size,
    fault,
    surroundings,
)
from reelkeep.core.addresses import DEFAULT
from reelkeep.settings.problems import (
    SQLITE,
    Entry,
    Segments,
    a_day_at_least,
    catalog_url,
    existing,
    known_timezone,
    parsable_file_name,
    parsable_layout,
    passable_by_owner,
    readable_by_owner,
)

LEAST_TOKEN = 16
"""Characters that the token of the page has at least."""

BASE_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*(?:[A-Za-z0-9._~-]+)?")


class ArchiveOptions(Options):
    """Where and how recordings are kept."""

    path: LocalPath = Path("/var/lib/reelkeep/archive")
    """The archive's folder. Relative paths start at the directory of this file."""
    layout: Annotated[str, AfterValidator(parsable_layout)] = (
        "{provider}/{start:%Y/%m/%d}/{start:%H%M%S}-{title}-{key}"
    )
    """A recording's folder: {provider} {start:…} {title} {user} {number} {id} {key}."""
    file_name: Annotated[str, AfterValidator(parsable_file_name)] = "{stem}.{ext}"
    """A new file: {stem} {recording_type} {speaker} {title} {start:…} {user} {number}.{ext}."""
    timezone: Annotated[str, AfterValidator(known_timezone)] = "UTC"
    """For the dates in the layout and in file names only."""
    min_free: Size = 1024**3
    """Below this, transfers pause; they continue when there is space again."""
    file_mode: Annotated[Mode, AfterValidator(readable_by_owner)] = 0o640
    """Permissions of files, in quotes."""
    directory_mode: Annotated[Mode, AfterValidator(passable_by_owner)] = 0o750
    """Permissions of folders, in quotes."""
    format: Literal["plain", "bagit"] = "plain"
    """plain, or bagit: each new folder is a BagIt bag (RFC 8493), with its files in data/."""
    scrub: Annotated[Duration, AfterValidator(a_day_at_least)] | None = timedelta(days=30)
    """The period in which the daemon reads every file again and reports damage; null: never."""


class CatalogOptions(Options):
    """The database of recordings, files and results."""

    url: Annotated[
        str,
        BeforeValidator(catalog_url),
        WithJsonSchema({"type": "string", "pattern": "^sqlite:///[^?#]*[^/?#]$"}),
    ] = "sqlite:////var/lib/reelkeep/catalog.db"
    """sqlite:////absolute/path or sqlite:///relative/path. Tokens are kept beside it."""

    @property
    def path(self) -> Path:
        """The catalog's file."""
        return Path(self.url.removeprefix(SQLITE))


class RetryOptions(Options):
    """How failed transfers are repeated."""

    base: PositiveDuration = timedelta(seconds=1)
    """The first delay; it doubles."""
    max: PositiveDuration = timedelta(minutes=5)
    """The longest delay."""
    attempts: Annotated[int, Field(ge=1, le=1000)] = 8
    """Attempts without any new durable byte; then the file is failed."""


_AUTO_SEGMENTS = 4
"""More of them bring nothing on any network that was measured, and cost the host."""


class DownloadOptions(Options):
    """How files are downloaded."""

    workers: Annotated[int, Field(ge=1, le=256)] = 8
    """Files that are downloaded at the same time."""
    per_host: Annotated[int, Field(ge=1, le=256)] = 8
    """Connections to one host."""
    queue_size: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Recordings waiting in memory for each provider; all others wait in the catalog."""
    bandwidth: PositiveSize | None = None
    """Bytes per second over all transfers, such as 50MiB; null: no limit."""
    segments: Segments = "auto"
    """Parallel ranges of one large file while slots are idle: off, auto (4), or at most so many."""
    connect_timeout: PositiveDuration = timedelta(seconds=15)
    """The longest time to establish a connection."""
    stall_timeout: PositiveDuration = timedelta(seconds=60)
    """No or almost no bytes for this long: close the connection, resume on a new one."""
    stall_rate: Size = 16 * 1024
    """Bytes per second, averaged over stall_timeout, that count as almost none."""
    retry: RetryOptions = RetryOptions()
    """How failed transfers are repeated."""

    @property
    def lanes(self) -> int:
        """How many requests may fetch one file side by side."""
        named = {"off": 1, "auto": _AUTO_SEGMENTS}
        wanted = self.segments if isinstance(self.segments, int) else named[self.segments]
        return min(wanted, self.workers, self.per_host)


class NetworkOptions(Options):
    """How the network is reached."""

    proxy: Proxy | None = None
    """An HTTP proxy, such as http://proxy:3128."""
    ca_file: Annotated[LocalPath, AfterValidator(existing)] | None = None
    """Extra trust anchors, PEM."""
    allow: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """Networks and hosts that may be private or plain http; others must be public and use https."""


def _long_enough(token: Secret) -> Secret:
    if token.missing is None and len(token.reveal()) < LEAST_TOKEN:
        raise ValueError(
            f"expected at least {LEAST_TOKEN} characters; `reelkeep page-token` makes a token"
        )
    return token


def _path(value: object) -> object:
    if isinstance(value, str) and not BASE_PATH.fullmatch(value):
        raise ValueError("expected a path such as / or /recordings/, of letters, digits, - . _ ~")
    return value


def _page(value: object, info: ValidationInfo) -> object:
    """Return the options of the page; its token is needed by who asks all providers."""
    if not isinstance(value, dict):
        return value
    around = surroundings(info)
    return PageOptions.model_validate(
        value,
        context=replace(
            around,
            needs_secrets=around.asked("", True),  # noqa: FBT003 - see `Asked`
        ),
    )


class PageOptions(Options):
    """A web page for people with its token: what is archived, and what the daemon does."""

    token: Annotated[Secret, AfterValidator(_long_enough)]
    """Whoever has it may use the page; at least 16 characters."""
    media: bool = True
    """false: metadata only, no recording can be played or downloaded."""
    actions: bool = True
    """false: nothing can be changed from the page."""
    base_path: Annotated[str, BeforeValidator(_path)] = "/"
    """The path under which a reverse proxy shows the page."""


class ServerOptions(Options):
    """The daemon's own pages: health, metrics, status."""

    listen: Annotated[
        Listen | None,
        Field(json_schema_extra={"default": str(DEFAULT)}),  # pydantic would show its parts
    ] = DEFAULT
    """HOST:PORT, or unix:/PATH of a socket that owner and group may use; null turns it off."""
    page: Annotated[PageOptions | None, BeforeValidator(_page)] = None
    """A web page for people; null: there is none."""


class LogOptions(Options):
    """The log, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important events that are logged."""
    format: Literal["auto", "console", "json"] = "auto"
    """auto: console on a terminal, else json."""


class Settings(Options):
    """The configuration of reelkeep. Every key but providers has a default."""

    archive: ArchiveOptions = ArchiveOptions()
    """Where and how recordings are kept."""
    catalog: CatalogOptions = CatalogOptions()
    """The database of recordings, files and results."""
    downloads: DownloadOptions = DownloadOptions()
    """How files are downloaded."""
    shutdown_grace: Duration = timedelta(seconds=20)
    """How long a stop may take: transfers continue for three quarters of it, then they are kept."""
    network: NetworkOptions = NetworkOptions()
    """How the network is reached."""
    server: ServerOptions = ServerOptions()
    """The daemon's own pages: health, metrics, status."""
    log: LogOptions = LogOptions()
    """The log, on stderr."""
    providers: Annotated[tuple[Entry, ...], Field(strict=False)]
    """The accounts whose recordings are kept; at least one."""

    @classmethod
    def amiss(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield a fault if there is no provider, and for each name that is not unique."""
        entries = given.get("providers")
        if entries in ([], ()):
            yield fault("expected at least one provider, got none", at=("providers",))
        names: dict[object, int] = {}
        for index, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
            name = entry.get("name") if isinstance(entry, dict) else getattr(entry, "name", None)
            first = names.setdefault(name, index) if isinstance(name, str) else index
            if first != index:
                message = f"expected a unique name, but providers[{first}] has it already"
                yield fault(message, at=("providers", index, "name"))
