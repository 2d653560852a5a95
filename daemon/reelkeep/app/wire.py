"""Open the HTTP client that a configuration describes, and adjust it while it works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from reelkeep.core.addresses import AddressPolicy
from reelkeep.settings import Settings
from reelkeep.transport import AiohttpTransport, Bandwidth, TransportOptions


@dataclass(frozen=True, slots=True)
class Wire:
    """An open client, and the bandwidth that its transfers share."""

    client: AiohttpTransport
    transport: Bandwidth

    def adjust(self, settings: Settings) -> None:
        """Put the limits of `settings` in force, the bandwidth also for transfers under way."""
        self.client.adjust(_options(settings))
        self.transport.limit(settings.downloads.bandwidth)


@asynccontextmanager
async def open_wire(settings: Settings) -> AsyncIterator[Wire]:
    """Open the client.

    Raises:
        ConfigError: `network.ca_file` cannot be used.
    """
    async with AiohttpTransport(_options(settings)) as client:
        yield Wire(client, Bandwidth(client, settings.downloads.bandwidth))


def _options(settings: Settings) -> TransportOptions:
    downloads, network = settings.downloads, settings.network
    return TransportOptions(
        connect_timeout=downloads.connect_timeout,
        stall_timeout=downloads.stall_timeout,
        stall_rate=downloads.stall_rate,
        per_host=downloads.per_host,
        proxy=network.proxy,
        ca_file=network.ca_file,
        allow=AddressPolicy.parse(network.allow),
    )
