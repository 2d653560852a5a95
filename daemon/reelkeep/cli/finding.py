"""Find the recordings that an operator names on the command line."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.output import Output, moment
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import meeting_number
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.catalog.operator import OperatorCatalog, Selection
    from reelkeep.core.model import Holding
    from reelkeep.settings.model import Settings

Change = dict[str, Any]

REFUSABLE = ("not_media", "size_mismatch", "digest_mismatch", "encoded")
"""Codes of failures in which a check rejected the received bytes."""


def chosen(holding: Holding, states: Collection[str]) -> list[int]:
    """Return the rows of the files of `holding` in these states."""
    return [file.row for file in holding.files if file.state in states]


def changes(holdings: Iterable[Holding], rows: Collection[int]) -> list[Change]:
    """Return the files `rows` with the recordings that they belong to."""
    wanted = set(rows)
    return [
        {
            "provider": holding.provider,
            "recording": holding.id,
            "key": holding.key,
            "file": file.name,
            "before": file.state,
        }
        for holding in holdings
        for file in holding.files
        if file.row in wanted
    ]


def print_changes(out: Output, done: Sequence[Change], became: str) -> None:
    """Print a row for each file, and the result in one sentence."""
    from reelkeep.cli.output import number
    from reelkeep.cli.tables import cell, table

    if done:
        made = table(out, "key", "provider", "file", "was", cut={"file"})
        for each in done:
            made.add_row(*(cell(each[name]) for name in ("key", "provider", "file", "before")))
        out.show(made)
        out.line()
    verb = "is" if len(done) == 1 else "are"
    out.line(f"{number(len(done), 'file')} {verb} {became}." if done else "Nothing to change.")


PAGE = 500
"""Recordings that are taken from the catalog at once."""

_BEGINNING_OF_A_KEY = re.compile(r"[0-9a-f]{3,15}")
_MOST_NAMED = 20
_ALL_OR_ONE = "Nothing was changed. Name one by its key, or add --all to select all of them."


async def every(
    operator: OperatorCatalog,
    *,
    names: Sequence[str] = (),
    states: Sequence[str] = (),
    selection: Selection | None = None,
) -> AsyncIterator[Holding]:
    """Yield the recordings of these providers in these states, page by page, oldest first."""
    from reelkeep.catalog.operator import Selection

    after, more = 0, selection or Selection()
    while page := await operator.listing(
        names=names, states=states, selection=more, after=after, limit=PAGE
    ):
        for holding in page:
            yield holding
        after = page[-1].row


async def newest(
    operator: OperatorCatalog,
    *,
    names: Sequence[str] = (),
    states: Sequence[str] = (),
    selection: Selection | None = None,
) -> AsyncIterator[Holding]:
    """Yield the recordings of these providers in these states, page by page, newest first."""
    from reelkeep.catalog.operator import Selection

    before, more = None, selection or Selection()
    while page := await operator.newest(
        names=names, states=states, selection=more, before=before, limit=PAGE
    ):
        for holding in page:
            yield holding
        before = page[-1]


async def one(operator: OperatorCatalog, text: str) -> Holding:
    """Return the recording that `text` names: by id, key, number, or the beginning of the key.

    Raises:
        click.ClickException: No recording, or more than one, matches.
    """
    found = await meant(operator, text)
    if len(found) > 1:
        raise _several(text, found, "Name one by its key.")
    return found[0]


async def all_of(
    operator: OperatorCatalog, texts: Sequence[str], *, of_a_number: bool
) -> list[Holding]:
    """Return the recordings that `texts` name, each once.

    Only with `of_a_number` may one of `texts` be the number of several recordings.

    Raises:
        click.ClickException: No recording matches, or several do that were not selected together.
    """
    found: dict[int, Holding] = {}
    for text in texts:
        mine = await meant(operator, text)
        if len(mine) > 1 and not (of_a_number and are_of_one_number(mine, text)):
            raise _several(text, mine, _ALL_OR_ONE)
        found |= {each.row: each for each in mine}
    return list(found.values())


async def meant(operator: OperatorCatalog, text: str) -> list[Holding]:
    """Return every recording that `text` may name, the latest first.

    A meeting number may contain spaces and dashes; the key of a session is as its application set
    it. A text that is the id of one recording and the number of others names all of them.

    Raises:
        click.ClickException: No recording matches, or too many keys begin with this text.
    """
    found = {each.row: each for each in await operator.find(text)}
    for handle in {meeting_number(text) or text, text}:
        found |= {each.row: each for each in await operator.numbered(handle)}
    if found:
        return list(found.values())
    if _BEGINNING_OF_A_KEY.fullmatch(text):
        beginning = await operator.beginning(text, _MOST_NAMED + 1)
        if len(beginning) > 1:
            raise _several(text, beginning, "Name one by its key.")
        if beginning:
            return beginning
    raise click.ClickException(f"there is no recording {text!a} in the catalog")


def are_of_one_number(found: Sequence[Holding], text: str) -> bool:
    """Return whether `text` is the number, or the session's key, of all of `found`."""
    number = meeting_number(text) or text
    return all(number == each.number or text == each.session_key for each in found)


def _several(text: str, found: Sequence[Holding], advice: str) -> click.ClickException:
    lines = [
        f"  {each.key}  {moment(each.started)}  {each.provider}  {visible(each.title)}"
        f"  ({visible(each.id)})".rstrip()
        for each in found[:_MOST_NAMED]
    ]
    if len(found) > _MOST_NAMED:
        lines.append("  …")
    return click.ClickException(
        "\n".join([f"{text!a} matches several recordings:", *lines, advice])
    )


async def known_names(operator: OperatorCatalog, settings: Settings) -> list[ProviderName]:
    """Return the providers of the configuration, and those that are only in the catalog."""
    configured = [ProviderName(options.name) for options in settings.providers]
    return list(dict.fromkeys([*configured, *await operator.names()]))
