"""Adapters that talk to the simulator, over real sockets of the same loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import virtual
from fakes.goto import MemoryVault, tools
from fakes.log import RecordedLog
from reelkeep.config_types.values import Surroundings
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.model import Window
from reelkeep.ports import Clock, Provider, Tools
from reelkeep.providers.adapter import Installed
from reelkeep.simulator.server import Simulator
from reelkeep.transport import AiohttpTransport, TransportOptions


@dataclass(slots=True, kw_only=True)
class Bench:
    """A running simulator, and what an adapter needs to talk to it."""

    sim: Simulator
    transport: AiohttpTransport
    clock: Clock
    vault: MemoryVault = field(default_factory=MemoryVault)
    log: RecordedLog = field(default_factory=RecordedLog)

    @property
    def tools(self) -> Tools:
        return tools(self.transport, vault=self.vault, log=self.log, clock=self.clock)

    @property
    def span(self) -> Window:
        """Everything so far."""
        return Window(self.sim.world.since - timedelta(days=1), self.clock())

    @property
    def journal_size(self) -> int:
        """How many requests came so far."""
        return len(self.sim.journal.requests)

    def provider(self, type_: str, **changes: Any) -> Provider:
        """Return the adapter of that type, configured as the simulator wants it."""
        (given,) = (each for each in self.sim.configuration()["providers"] if each["type"] == type_)
        adapter = Installed()[type_]
        options = adapter.options.model_validate(
            given | changes, context=Surroundings(environ=self.sim.environment())
        )
        provider: Provider = adapter.build(options, self.tools)
        return provider


@asynccontextmanager
async def bench(clock: Clock = virtual.clock, **simulation: Any) -> AsyncIterator[Bench]:
    """Run a simulator; `simulation` are its arguments. Its clock is the test's."""
    policy = TransportOptions(allow=AddressPolicy.parse(["127.0.0.0/8"]))
    async with (
        Simulator(now=clock, **simulation) as sim,
        AiohttpTransport(policy) as transport,
    ):
        yield Bench(sim=sim, transport=transport, clock=clock)
