"""Options and types of arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import meeting_number, parse_duration, parse_size

if TYPE_CHECKING:
    from reelkeep.catalog.operator import Selection
    from reelkeep.core.model import Window
    from reelkeep.settings.model import Settings

Command = TypeVar("Command", bound=Callable[..., object])

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _widen(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click asks so
    if wanted:
        context.find_root().obj.out.wide = True


wide = click.option(
    "--wide",
    is_flag=True,
    expose_value=False,
    callback=_widen,
    help="Cut and wrap nothing, however wide the table.",
)

all_of_a_number = click.option(
    "--all",
    "of_a_number",
    is_flag=True,
    help="If ID is a meeting number, select all recordings that have it.",
)

providers = click.option(
    "--provider",
    "names",
    metavar="NAME",
    multiple=True,
    help="Only this provider; may be repeated.",
)


class DurationType(click.ParamType[timedelta]):
    """A duration as in the configuration: 30s, 5m, 2h."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DateType(click.ParamType[date]):
    """A day in ISO 8601: 2026-11-03."""

    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"expected a day such as 2026-11-03, got {str(value)!a}", param, ctx)


class SizeType(click.ParamType[int]):
    """A size as in the configuration: 64KiB, 50MiB, 1GB."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            size = parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size == 0:
            self.fail("expected a size above zero", param, ctx)
        return size


class NumberType(click.ParamType[str]):
    """A meeting number, as people write it: 88135198633, 881 3519 8633, 881-3519-8633."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        number = meeting_number(str(value))
        if number is None:
            self.fail(f"expected a number such as 881 3519 8633, got {str(value)!a}", param, ctx)
        return number


_FIRST = click.option(
    "--from", "first", type=DateType(), metavar="DAY", help="The first day, in UTC."
)
_LAST = click.option("--to", "last", type=DateType(), metavar="DAY", help="The last day, in UTC.")


def days(command: Command) -> Command:
    """Give `command` the options `first` and `last`; see `window_of`."""
    return _FIRST(_LAST(command))


_PEOPLE_KNOW = (
    click.option("--title", metavar="TEXT", help="Only titles that contain this, in any case."),
    click.option("--user", metavar="TEXT", help="Only users whose name or address contains this."),
    click.option(
        "--from", "first", type=DateType(), metavar="DAY", help="Began on this UTC day or later."
    ),
    click.option(
        "--to", "last", type=DateType(), metavar="DAY", help="Began on this UTC day or earlier."
    ),
    click.option(
        "--number",
        type=NumberType(),
        metavar="NUMBER",
        help="Only meetings with this number; spaces and dashes are ignored.",
    ),
)


def narrowing(command: Command) -> Command:
    """Give `command` the options that select recordings; see `selection_of`."""
    for option in reversed(_PEOPLE_KNOW):
        command = option(command)
    return command


def selection_of(given: Mapping[str, Any]) -> Selection:
    """Return what the options of `narrowing` mean.

    Raises:
        click.UsageError: It would end before it begins.
    """
    from reelkeep.catalog.operator import Selection

    return Selection(
        title=given["title"] or "",
        user=given["user"] or "",
        number=given["number"] or "",
        began=window_of(given["first"], given["last"]),
    )


def window_of(first: date | None, last: date | None) -> Window | None:
    """Return the window that the two options mean, None for all times.

    Raises:
        click.UsageError: It would end before it begins.
    """
    from reelkeep.core.poll_window import days as window

    try:
        return window(first, last, datetime.now(UTC))
    except ValueError as error:
        raise click.UsageError(f"--to is before --from: {error}") from error


def enabled(settings: Settings, names: Sequence[str]) -> list[ProviderName]:
    """Return the enabled providers named by `names`; all of them if it is empty.

    Raises:
        click.UsageError: There is no such provider, or it is not enabled.
    """
    known = {options.name: options.enabled for options in settings.providers}
    require_known(names, known)
    for name in names:
        if not known[name]:
            raise click.UsageError(f"The provider {name} is not enabled.")
    return [ProviderName(n) for n, on in known.items() if on and (n in names or not names)]


def require_known(names: Sequence[str], known: Sequence[str] | dict[str, bool]) -> None:
    """Reject names that are not `known`.

    Raises:
        click.UsageError: There is no such provider.
    """
    for name in names:
        if name not in known:
            raise click.UsageError(f"There is no provider {name!a}; there are: {', '.join(known)}.")
