"""`reelkeep audit`."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import DateType, as_json, days, enabled, providers, wide, window_of

if TYPE_CHECKING:
    from reelkeep.settings import Settings

_OF_CONTENT = ("sample", "seed", "since", "suspects", "repair")
"""Options that mean something with --content only."""


class ShareType(click.ParamType[Fraction]):
    """A percentage: 5%, 0.5%."""

    name = "percentage"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        from reelkeep.core.content_audit import parse_share

        try:
            return parse_share(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command
@providers
@days
@click.option("--all", "every_day", is_flag=True, help="Also show days that are in order.")
@click.option(
    "--content",
    is_flag=True,
    help="Fetch archived files again, and compare their bytes; nothing is replaced.",
)
@click.option(
    "--sample", type=ShareType(), metavar="N%", help="With --content: only such a share of files."
)
@click.option(
    "--seed", default=None, metavar="TEXT", help="With --sample: choose other files than without."
)
@click.option(
    "--since", type=DateType(), metavar="DAY", help="With --content: only what was stored since."
)
@click.option(
    "--suspects",
    is_flag=True,
    help="With --content: only files that an attempt which was resumed may have stored, and that "
    "no digest of their provider has proved.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="With --content: replace bytes that two equal fetches contradict; the old ones go to "
    "quarantine.",
)
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation,
    /,
    *,
    names: tuple[str, ...],
    first: date | None,
    last: date | None,
    every_day: bool,
    as_json: bool,
    content: bool,
    **how: Any,
) -> int:
    """Ask the providers what they hold, and compare with catalog and archive.

    Says for each provider and day how many files are stored, pending, failed, unavailable (wanted,
    but the provider gives no way to them now), skipped, missing (the provider has them, and we do
    not know of them or lost them), unreadable (stored, but the archive cannot be read there now),
    vanished (we knew of them, and the provider has them no longer)
    and at risk of being deleted before they are here. Nothing is changed; you can run this while
    the daemon is running. The exit code is 0 when all that the providers hold is surely stored or
    not wanted: it is 1 if a listing may not show all, as when a user is passed over.

    With --content, files that are archived are fetched again, while their providers still have
    them, and compared with the bytes that are here. The exit code is 0 when all that could be
    compared is equal.
    """
    for name in _OF_CONTENT if not content else ():
        if how[name]:
            raise click.UsageError(f"--{name} needs --content.")
    if how["seed"] is not None and how["sample"] is None:
        raise click.UsageError("--seed needs --sample.")
    if content and every_day:
        raise click.UsageError("--all cannot be combined with --content.")
    settings = call.settings_for(names)
    say_how_it_is_read(settings)
    if content:
        from reelkeep.cli.content import Asked, compare_content

        asked = Asked(names=names, first=first, last=last, **how)
        return compare_content(call.out, settings, asked, as_json=as_json)
    return _compare_listings(
        call, settings, names, (first, last), every_day=every_day, as_json=as_json
    )


def _compare_listings(
    call: Invocation, settings: Settings, names: tuple[str, ...],
    span: tuple[date | None, date | None], *, every_day: bool, as_json: bool,
) -> int:  # fmt: skip
    from reelkeep.app.audit import audit

    chosen = enabled(settings, names)
    found = run_in_loop(audit, settings, chosen, log_of(settings), window_of(*span))
    if as_json:
        from reelkeep.cli.audited import document

        call.out.json(document(found, *span))
    else:
        from reelkeep.cli.audited import print_audit

        print_audit(call.out, found, every_day=every_day)
    return Exit.DONE if all(each.ok for each in found) else Exit.LEFT
