"""Find the recordings that an operator means."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import click

from reelkeep.core.model import ProviderName

if TYPE_CHECKING:
    from reelkeep.catalog.desk import Desk
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings

PAGE = 500
"""Recordings that are taken from the catalog at once."""

_BEGINNING_OF_A_KEY = re.compile(r"[0-9a-f]{3,15}")
_MOST_NAMED = 5


async def every(
    desk: Desk, *, names: Sequence[str] = (), states: Sequence[str] = ()
) -> AsyncIterator[Holding]:
    """Yield the recordings of these providers in these states, page by page, oldest first."""
    after = 0
    while page := await desk.listing(names=names, states=states, after=after, limit=PAGE):
        for holding in page:
            yield holding
        after = page[-1].row


async def newest(
    desk: Desk, *, names: Sequence[str] = (), states: Sequence[str] = ()
) -> AsyncIterator[Holding]:
    """Yield the recordings of these providers in these states, page by page, newest first."""
    before = None
    while page := await desk.newest(names=names, states=states, before=before, limit=PAGE):
        for holding in page:
            yield holding
        before = page[-1]


async def one(desk: Desk, text: str) -> Holding:
    """Return the recording whose id or key is `text`, or whose key alone begins with it.

    Raises:
        click.ClickException: There is none, or there are several.
    """
    found = await desk.find(text)
    if not found and _BEGINNING_OF_A_KEY.fullmatch(text):
        found = await desk.beginning(text, _MOST_NAMED + 1)
    if not found:
        raise click.ClickException(f"there is no recording {text!a} in the catalog")
    if len(found) > 1:
        keys = [f"{each.key} ({each.provider})" for each in found[:_MOST_NAMED]]
        more = ", …" if len(found) > _MOST_NAMED else ""
        raise click.ClickException(
            f"{text!a} may be any of several recordings: {', '.join(keys)}{more}"
        )
    return found[0]


async def known_names(desk: Desk, settings: Settings) -> list[ProviderName]:
    """Return the providers of the configuration, and those that the catalog still knows."""
    configured = [ProviderName(options.name) for options in settings.providers]
    return list(dict.fromkeys([*configured, *await desk.names()]))
