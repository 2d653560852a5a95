"""Put another configuration in force without dropping a transfer."""

from __future__ import annotations

from reelkeep.app.house import Resources
from reelkeep.app.pipeline import Pipeline
from reelkeep.core.model import ProviderName
from reelkeep.settings.changes import Change


async def put_in_force(change: Change, house: Resources, pipeline: Pipeline) -> None:
    """Let `pipeline` work as `change` says.

    Providers that changed are ended and begun anew. Transfers under way go on, on their own
    connections: those of a provider that is gone end with what they have.

    Raises:
        ConfigError: A provider cannot be made; nothing was changed.
    """
    built = {ProviderName(options.name): house.build(options) for options in change.begun}
    await pipeline.dismiss(ProviderName(name) for name in change.ended)
    house.refit(change.settings, built)
    pipeline.adjust()
    pipeline.engage(built)
