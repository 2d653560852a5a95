"""What may be written in `reelkeep.yaml`, and what holds if it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from reelkeep.core.layout import parse_layout
from reelkeep.errors import ConfigError
from reelkeep.options import (
    Duration,
    Endpoint,
    Fault,
    Listen,
    LocalPath,
    Mode,
    Network,
    Options,
    PositiveDuration,
    PositiveSize,
    ProviderOptions,
    Proxy,
    Size,
    fault,
    nearest,
    surroundings,
)

_SQLITE = "sqlite:///"


def _layout(value: str) -> str:
    parse_layout(value)
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError):  # of no such zone, of a folder, of a path
        raise ValueError(
            f"expected a time zone such as UTC or Europe/Berlin, got {value!a:.60}"
        ) from None
    return value


def _readable_by_owner(mode: int) -> int:
    if mode & 0o600 != 0o600:
        raise ValueError(f'expected a mode that lets its owner read and write, got "{mode:04o}"')
    return mode


def _passable_by_owner(mode: int) -> int:
    if mode & 0o700 != 0o700:
        raise ValueError(f'expected a mode that lets its owner do everything, got "{mode:04o}"')
    return mode


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"expected a file, but there is none at {str(path)!a}")
    return path


def _catalog_url(value: object, info: ValidationInfo) -> str:
    """Return the URL with an absolute path; four slashes begin one, three a relative one."""
    text = value if isinstance(value, str) else ""
    path = text.removeprefix(_SQLITE)
    if not text.startswith(_SQLITE):
        raise ValueError(
            "expected sqlite:////absolute/path or sqlite:///relative/path: "
            "this release keeps its catalog in SQLite only"
        )
    if not path or path.endswith("/") or path.startswith(":") or not path.isprintable():
        raise ValueError("expected the path of a file after sqlite:///; memory forgets")
    if "?" in path or "#" in path:
        raise ValueError("expected a path without ? and #")
    return f"{_SQLITE}{surroundings(info).directory / path}"


def _segments(value: object) -> int | str:
    if value is False or value == "off":  # YAML reads an unquoted off as false
        return "off"
    count = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if value == "auto" or 1 <= count <= MOST_SEGMENTS:
        return "auto" if value == "auto" else count
    raise ValueError(f"expected off, auto or a number from 1 to {MOST_SEGMENTS}")


def _entry(value: object, info: ValidationInfo) -> ProviderOptions:
    """Return the options of one provider, validated by the model of its type."""
    if isinstance(value, ProviderOptions):
        return value
    if not isinstance(value, dict):
        raise ValueError("expected a mapping that begins with name: and type:")  # noqa: TRY004 - pydantic's rule
    model = _options_of(value.get("type"), info)
    options = model.model_validate(value, context=info.context)
    if not isinstance(options, ProviderOptions):
        raise TypeError(f"the options of an adapter are ProviderOptions, not {model.__name__}")
    return options


def _options_of(type_: object, info: ValidationInfo) -> type[Options]:
    kinds = surroundings(info).kinds
    known = sorted(kinds)
    if isinstance(type_, str) and type_ in known:
        try:
            return kinds[type_].options
        except ConfigError as error:
            message = str(error)
    else:
        got = "nothing" if type_ is None else f"{type_!a}"
        message = f"expected one of {', '.join(known)}; got {got:.60}{nearest(type_, known)}"
    raise ValidationError.from_exception_data("provider", [fault(message, at=("type",))])


MOST_SEGMENTS = 64

Segments = Annotated[
    int | Literal["off", "auto"],
    PlainValidator(_segments),
    WithJsonSchema(
        {
            "oneOf": [
                {"enum": ["off", "auto", False]},
                {"type": "integer", "minimum": 1, "maximum": MOST_SEGMENTS},
            ]
        }
    ),
]
"""How many parallel ranges one large file is fetched in."""

Entry = Annotated[
    SerializeAsAny[ProviderOptions],
    PlainValidator(_entry),
    WithJsonSchema({"type": "object"}),  # `schema` puts the options of each type here
]
"""One provider; its keys depend on its type."""


class ArchiveOptions(Options):
    """Where and how recordings are kept."""

    path: LocalPath = Path("/var/lib/reelkeep/archive")
    """The archive's folder. Relative paths start at the directory of this file."""
    layout: Annotated[str, AfterValidator(_layout)] = (
        "{provider}/{start:%Y/%m/%d}/{start:%H%M%S}-{title}-{key}"
    )
    """A recording's folder: {provider} {start:…} {title} {user} {id} {key}; one of the last two."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """For the dates in the layout only."""
    min_free: Size = 1024**3
    """Below this, transfers pause; they go on by themselves when space returns."""
    file_mode: Annotated[Mode, AfterValidator(_readable_by_owner)] = 0o640
    """Permissions of files, in quotes."""
    directory_mode: Annotated[Mode, AfterValidator(_passable_by_owner)] = 0o750
    """Permissions of folders, in quotes."""


class CatalogOptions(Options):
    """Where the daemon remembers what it has seen and done."""

    url: Annotated[
        str,
        BeforeValidator(_catalog_url),
        WithJsonSchema({"type": "string", "pattern": "^sqlite:///[^?#]*[^/?#]$"}),
    ] = "sqlite:////var/lib/reelkeep/catalog.db"
    """sqlite:////absolute/path or sqlite:///relative/path. Tokens are kept beside it."""

    @property
    def path(self) -> Path:
        """The catalog's file."""
        return Path(self.url.removeprefix(_SQLITE))


class RetryOptions(Options):
    """How patient transfers are."""

    base: PositiveDuration = timedelta(seconds=1)
    """The first delay; it doubles."""
    max: PositiveDuration = timedelta(minutes=5)
    """The longest delay."""
    attempts: Annotated[int, Field(ge=1, le=1000)] = 8
    """Attempts without any new durable byte; then the file is failed."""


_AUTO_SEGMENTS = 4
"""More of them bring nothing on any network that was measured, and cost the host."""


class DownloadOptions(Options):
    """How files are fetched."""

    workers: Annotated[int, Field(ge=1, le=256)] = 8
    """Files in flight."""
    per_host: Annotated[int, Field(ge=1, le=256)] = 8
    """Connections to one host."""
    queue_size: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Recordings waiting in memory, a provider; the catalog holds the rest."""
    bandwidth: PositiveSize | None = None
    """Bytes per second over all transfers, such as 50MiB; null: no limit."""
    segments: Segments = "auto"
    """Parallel ranges of one large file while slots are idle: off, auto (4), or at most so many."""
    connect_timeout: PositiveDuration = timedelta(seconds=15)
    """The longest a connection may take to stand."""
    stall_timeout: PositiveDuration = timedelta(seconds=60)
    """No or hardly any bytes for this long: drop the connection, resume on a new one."""
    stall_rate: Size = 16 * 1024
    """Bytes per second, averaged over stall_timeout, that count as hardly any."""
    retry: RetryOptions = RetryOptions()
    """How patient transfers are."""

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
    ca_file: Annotated[LocalPath, AfterValidator(_existing)] | None = None
    """Extra trust anchors, PEM."""
    allow: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """Networks and hosts that may be private or plain http; all else is https to public ones."""


_LISTEN = Endpoint("127.0.0.1", 9477)


class ServerOptions(Options):
    """The daemon's own pages: health, metrics, status."""

    listen: Annotated[
        Listen | None,
        Field(json_schema_extra={"default": str(_LISTEN)}),  # pydantic would show its parts
    ] = _LISTEN
    """HOST:PORT; null turns it off."""


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
    """Where the daemon remembers what it has seen and done."""
    downloads: DownloadOptions = DownloadOptions()
    """How files are fetched."""
    shutdown_grace: Duration = timedelta(seconds=20)
    """How long a stop may take to checkpoint what is in flight."""
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
