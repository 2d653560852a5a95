"""The options that all providers share."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from reelkeep.config_types.values import (
    Duration,
    Identifier,
    Options,
    Pattern,
    PositiveDuration,
    Text,
    surroundings,
)
from reelkeep.core.addresses import (
    AddressPolicy,
    Endpoint,
    Origin,
    SocketFile,
    parse,
    parse_endpoint,
)
from reelkeep.core.filters import Criteria, Filter
from reelkeep.errors import Refused

Words = Annotated[tuple[Text, ...], Field(strict=False)]  # YAML has lists only


class CriteriaOptions(Options):
    """What a file is compared with; a key that is empty or absent decides nothing."""

    file_types: Words = ()
    """Types of files, such as MP4, M4A, CHAT, TRANSCRIPT; without regard to case."""
    recording_types: Words = ()
    """Types of recordings, such as shared_screen_with_speaker_view; without regard to case."""
    meeting_ids: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Ids of meetings or sessions."""
    topic: Pattern | None = None
    """A regular expression that matches anywhere in the topic; (?i) at its start ignores case."""
    min_duration: Duration | None = None
    """Matches recordings at least this long."""

    def criteria(self) -> Criteria:
        """Return these options as the core compares them."""
        return Criteria(
            file_types=frozenset(self.file_types),
            recording_types=frozenset(self.recording_types),
            meeting_ids=frozenset(self.meeting_ids),
            topic=self.topic,
            min_duration=self.min_duration,
        )


class ProviderOptions(Options):
    """One account at a recording service. Subclasses narrow `type` to one literal."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=64)]
    """Unique name: part of paths, log lines and metrics. Keep it once something is archived."""
    type: str
    """The kind of service."""
    enabled: bool = True
    """false: not polled."""
    interval: PositiveDuration = timedelta(minutes=5)
    """How often it is polled, with a jitter of 10 %."""

    def filter(self) -> Filter:
        """Return which files of this provider are wanted."""
        return Filter()


def authorities_are_missing() -> bool:
    """Return whether this machine has no CA certificates, so that TLS trusts nobody. Blocks."""
    paths = ssl.get_default_verify_paths()  # None where there is nothing
    with suppress(OSError):
        if paths.cafile and Path(paths.cafile).stat().st_size:
            return False
        if paths.capath and any(Path(paths.capath).iterdir()):
            return False
    return True


NO_AUTHORITIES = (
    "this machine has no CA certificates; install its package ca-certificates, or set "
    "network.ca_file"
)
"""The sentence for that."""


def _web_address(value: str, info: ValidationInfo) -> str:
    origin = _origin(value, "https://api.example.test/v2")
    policy = surroundings(info).policy
    if policy is not None:
        _hold_against(policy, origin)
    return value.rstrip("/")


def _hold_against(policy: AddressPolicy, origin: Origin) -> None:
    """Refuse what the transport would never reach.

    A name may resolve into an allowed network; only the resolver knows, so that the transport
    has the last word on it.
    """
    if origin.address is None and policy.networks:
        return
    objection = policy.objection(origin, origin.address)
    if objection:
        raise ValueError(f"expected https to a public address: {objection}")


def _proxy(value: str) -> str:
    _origin(value, "http://proxy:3128")
    if value.rstrip("/").count("/") != len("//"):
        raise ValueError("expected a proxy such as http://proxy:3128, without a path")
    return value.rstrip("/")


def _origin(value: str, example: str) -> Origin:
    """Return the origin of a service's URL; what is wrong is said without repeating it."""
    try:
        origin = parse(value).origin
    except Refused as error:
        raise ValueError(f"expected an address such as {example}: {error}") from None
    if "?" in value or "#" in value:
        raise ValueError(f"expected an address such as {example}, without ? and #")
    if not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
        raise ValueError(f"expected an address such as {example}, in plain characters")
    return origin


def _exemption(value: object) -> str:
    """Return a network, or the name of a host, as `AddressPolicy` reads it."""
    bare = value.strip("[]").lower() if isinstance(value, str) else ""
    try:
        return str(ip_network(bare))
    except ValueError:
        pass
    if "/" in bare:
        raise ValueError(f"expected a network{_meant(bare)}")
    try:
        AddressPolicy.parse([bare])
    except ValueError:
        raise ValueError(
            'expected a network or the name of a host, such as "127.0.0.0/8" or media.internal, '
            "without scheme, port or *"
        ) from None
    return bare.removesuffix(".")


def _meant(text: str) -> str:
    try:
        return f"; did you mean {ip_network(text, strict=False)}?"
    except ValueError:
        return ' such as "10.0.0.0/8"'


Address = Annotated[
    str,
    AfterValidator(_web_address),
    WithJsonSchema(
        {
            "type": "string",
            "format": "uri",
            "pattern": "^https?://[^/?#@\\s]+[^?#@\\s]*$",
            "examples": ["https://api.example.test/v2"],
        }
    ),
]
"""The URL of a service, without a slash at its end: https, or http where network.allow has it."""

Proxy = Annotated[
    str,
    AfterValidator(_proxy),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^https?://[^/?#@\\s]+/?$",
            "examples": ["http://proxy:3128"],
        }
    ),
]
"""The URL of an HTTP proxy."""

Network = Annotated[
    str,
    BeforeValidator(_exemption),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.0/8", "::1", "media.internal"]}),
]
"""A network in CIDR notation, an IP address, or the name of a host: for `AddressPolicy.parse`."""

Listen = Annotated[
    Endpoint | SocketFile,
    BeforeValidator(parse_endpoint),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^.+:[0-9]{1,5}$|^unix:/.*[^/]$",
            "examples": ["127.0.0.1:9477", "unix:/run/reelkeep/reelkeep.sock"],
        }
    ),
]
"""HOST:PORT to listen on, or unix:/PATH."""
