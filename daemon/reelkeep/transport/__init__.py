"""The HTTP client: `ports.Transport` on aiohttp."""

from reelkeep.transport.bandwidth import Bandwidth
from reelkeep.transport.client import AiohttpTransport
from reelkeep.transport.options import TransportOptions

__all__ = ["AiohttpTransport", "Bandwidth", "TransportOptions"]
