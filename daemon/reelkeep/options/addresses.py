"""Addresses of services, and which of them may be private or plain http."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.endpoint import Endpoint, SocketFile, parse_endpoint
from reelkeep.core.urls import Origin, parse
from reelkeep.errors import Refused
from reelkeep.options.base import surroundings


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
