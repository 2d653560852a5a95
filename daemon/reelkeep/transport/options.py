"""What the transport is built with, and whom TLS trusts."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import ConfigError

MAX_LINE = 64 << 10
MAX_FIELDS = 256
MAX_HEAD = 256 << 10

TOO_LONG = "the reply's head is too long"
"""What is said when one of them is exceeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """The patience, the limits and the trust of one HTTP client."""

    connect_timeout: timedelta = timedelta(seconds=15)  #: For name, connection and TLS together.
    stall_timeout: timedelta = timedelta(seconds=60)  #: For the head, and between any two bytes.
    stall_rate: int = 16 * 1024  #: Bytes a second, averaged over `stall_timeout` of waiting.
    per_host: int = 8  #: Most requests at one host and port at a time.
    proxy: str | None = field(default=None, repr=False)  #: May hold a user and a password.
    ca_file: Path | None = None  #: Trust anchors beside those of the system, PEM.
    allow: AddressPolicy = field(default_factory=AddressPolicy)


class Trust:
    """The TLS context of all connections; it reads whom to trust when it is first asked."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._reading = anyio.Lock(fast_acquire=True)

    async def context(self) -> ssl.SSLContext:
        """Return the context.

        Raises:
            ConfigError: As `tls_context`.
        """
        async with self._reading:
            if self._context is None:
                self._context = await run_sync(tls_context, self._ca_file)
        return self._context


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a verifying context that trusts the system and `ca_file`. Reads files: blocks.

    Raises:
        ConfigError: `ca_file` cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"network.ca_file: no certificates in {ca_file}") from error
    return context


@contextmanager
def trusting_nobody() -> Iterator[None]:
    """While inside, contexts that are made do not read whom the system trusts.

    aiohttp makes two when it is imported, which takes longer than all the rest of the import. Each
    of our connectors has its own; one that fell back to aiohttp's would trust nobody.
    """
    read = ssl.SSLContext.set_default_verify_paths
    ssl.SSLContext.set_default_verify_paths = _read_nothing  # type: ignore[method-assign]  # for this while
    try:
        yield
    finally:
        ssl.SSLContext.set_default_verify_paths = read  # type: ignore[method-assign]  # put back


def _read_nothing(self: ssl.SSLContext) -> None:
    """Trust nobody more than before."""
