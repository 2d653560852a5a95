"""Ask each provider whether it accepts us."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import anyio

from reelkeep.app.catalog_access import utc_now
from reelkeep.app.resources import builder, make_providers, open_wire
from reelkeep.core.model import ProviderName
from reelkeep.errors import ProviderError
from reelkeep.ports import Finding, Provider
from reelkeep.settings import Settings
from reelkeep.telemetry.logs import Log

Found = tuple[ProviderName, Finding]


async def online(settings: Settings, log: Log) -> list[Found]:
    """Return what every enabled provider has to say, in the order of the configuration."""
    async with open_wire(settings) as wire:
        build = builder(
            settings, wire.transport, log, learn=log.learn, clock=utc_now, rng=random.random
        )
        providers = make_providers(settings, build)
        answers: dict[ProviderName, Sequence[Finding]] = {}
        async with anyio.create_task_group() as group:
            for provider in providers.values():
                group.start_soon(_ask, provider, answers)
    return [
        (name, replace(finding, message=log.clean(finding.message)))
        for name in providers
        for finding in answers[name]
    ]


async def _ask(provider: Provider, answers: dict[ProviderName, Sequence[Finding]]) -> None:
    try:
        answers[provider.name] = await provider.check()
    except ProviderError as error:
        answers[provider.name] = [Finding("answers", ok=False, message=str(error))]
