"""`reelkeep archive`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.app.archive_access import Begun


@click.group
def command() -> None:
    """Begin an archive after a disk was lost or replaced."""


@command.command
@click.option(
    "--volumes",
    is_flag=True,
    help="Also begin the volumes anew that are mounted below it as a rule, and are not there.",
)
@as_json
@click.pass_obj
def init(call: Invocation, *, volumes: bool, as_json: bool) -> None:
    """Make what is at archive.path the archive of this catalog.

    reelkeep writes only to the archive that its catalog knows, so that nothing goes into the mount
    point of a disk that is not mounted. After a disk was lost for good, or the archive was copied
    without its .reelkeep folder, this says that what is there now is the archive, empty or not. No
    file is changed. What is missing from it is counted; `reelkeep verify --repair` fetches again
    what the providers still have.

    Run it as the service's user. It is refused where another archive is.
    """
    from reelkeep.app.archive_access import begin_anew
    from reelkeep.app.catalog_access import utc_now

    settings = call.settings_only()
    log = log_of(settings)
    begun = run_in_loop(partial(begin_anew, settings, log, utc_now, volumes=volumes))
    if as_json:
        call.out.json(asdict(begun))
    else:
        _print(call, begun)


def _print(call: Invocation, begun: Begun) -> None:
    from reelkeep.cli.output import number

    if begun.new:
        call.out.line(f"The archive of this catalog is at {begun.path} from now on.")
    else:
        call.out.line(f"The archive at {begun.path} is that of this catalog already.")
    if begun.missing:
        are = "is" if begun.missing == 1 else "are"
        call.out.line(
            f"{number(begun.missing, 'file')} of {begun.stored:,} that the catalog calls stored "
            f"{are} not there. `reelkeep verify --repair` fetches again what the providers still "
            "have."
        )
