"""The HTTP client: `ports.Transport` on aiohttp."""

from reelkeep.transport.options import trusting_nobody

with trusting_nobody():
    import aiohttp as _aiohttp  # noqa: F401 - before any module of ours does

from reelkeep.transport.bandwidth import Bandwidth
from reelkeep.transport.client import AiohttpTransport
from reelkeep.transport.options import TransportOptions

__all__ = ["AiohttpTransport", "Bandwidth", "TransportOptions"]
