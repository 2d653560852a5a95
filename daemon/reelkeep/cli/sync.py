"""`reelkeep sync`: one complete pass, with progress while it runs and a summary at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click

from reelkeep.app.one_pass import Pass
from reelkeep.app.resources import Resources, open_resources
from reelkeep.app.status import snapshot
from reelkeep.catalog.remaining_work import look
from reelkeep.cli.finding import newest
from reelkeep.cli.invocation import Exit, Invocation, log_of
from reelkeep.cli.live_progress import ProgressSampler, Screen
from reelkeep.cli.loop import obey, run_in_loop
from reelkeep.cli.options import DurationType, as_json, enabled, providers
from reelkeep.cli.output import Output, number
from reelkeep.cli.status_view import providers_table
from reelkeep.cli.tables import cell
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import duration, size
from reelkeep.settings.model import Settings
from reelkeep.telemetry.logs import Log
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.catalog.operator import OperatorCatalog
    from reelkeep.core.model import Holding


MOST_NAMED = 10
"""How many files are named at the end of a pass."""

STATES = (FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE)
"""States of files that need a decision by a person."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """Files that failed, are gone or unavailable, by their rows in the catalog."""

    files: dict[int, dict[str, Any]] = field(default_factory=dict)
    recordings: frozenset[int] = frozenset()  #: Rows of incomplete recordings.

    def since(self, before: Troubles) -> Troubles:
        """Return those that were not there `before`."""
        files = {row: each for row, each in self.files.items() if row not in before.files}
        return Troubles(files, self.recordings - before.recordings)

    def count(self, state: str) -> int:
        """Return how many files are in `state`."""
        return sum(each["state"] == state for each in self.files.values())

    def named(self) -> list[dict[str, Any]]:
        """Return the first files, those of the newest recordings first."""
        return list(self.files.values())[:MOST_NAMED]


async def troubles(operator: OperatorCatalog, names: Sequence[ProviderName]) -> Troubles:
    """Return which files of these providers need a decision."""
    files: dict[int, dict[str, Any]] = {}
    recordings = set[int]()
    states = [*STATES, "incomplete"]
    async for holding in newest(operator, names=names, states=states):
        files |= _of(holding)
        if holding.state == "incomplete":
            recordings.add(holding.row)
    return Troubles(files, frozenset(recordings))


def _of(holding: Holding) -> dict[int, dict[str, Any]]:
    return {
        file.row: {
            "provider": holding.provider,
            "recording": holding.id,
            "key": holding.key,
            "file": file.name,
            "state": file.state,
            "code": file.reason,
            "reason": file.detail,
        }
        for file in holding.files
        if file.state in STATES
    }


def print_troubles(out: Output, named: Sequence[dict[str, Any]], count: int) -> None:
    """Print the first files that need a decision, the reasons, and the commands that show more."""
    from reelkeep.cli.tables import cell, table

    if not named:
        return
    made = table(out, "key", "provider", "file", "why", cut={"provider", "file"}, wrap={"why"})
    for each in named:
        why = ": ".join(part for part in (each["code"] or each["state"], each["reason"]) if part)
        made.add_row(
            cell(each["key"]), cell(each["provider"]), cell(each["file"]), cell(why, "bold red")
        )
    out.show(made)
    more = f"… and {count - len(named):,} more. " if count > len(named) else ""
    out.line(
        f"{more}`reelkeep list --state incomplete --all` lists all, `reelkeep show KEY` shows "
        "one of them; `retry` tries again, `waive` accepts the loss."
    )
    out.line()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How a pass ended, beyond the counts of the catalog."""

    broken: Mapping[str, str] = field(default_factory=dict)  #: Why, by provider.
    cut_short: bool = False  #: The time limit was reached.
    stopped: bool = False  #: A signal came.
    unpublished: int = 0  #: Recordings with all files downloaded, but not yet published.
    untold: bool = False  #: Recordings are archived and not acknowledged.
    waiting: Sequence[str] = ()  #: Some recordings that the provider has not finished.
    pending: Sequence[str] = ()  #: Some recordings with files that are due.
    needing: Troubles | None = None  #: What failed, if not all of it counts.
    missing: int = 0  #: Newest stored files that are missing, if most of them are.
    clock: str | None = None  #: What is wrong with the clock.


NAMED = 3
"""How many recordings are named in one sentence."""


def leftovers(lines: Sequence[Mapping[str, Any]], how: Circumstances) -> list[str]:
    """Return what is not done, the most serious first; nothing if everything is done.

    `lines` are the providers of the pass, as `app.status` returns them. A recording that stays open
    for late files counts as done if every file that it has is stored.
    """
    return [
        *_of_providers(how),
        *_of_files(lines, how),
        *_of_recordings(lines, how),
        *_of_pass(how),
    ]


def _of_providers(how: Circumstances) -> Iterator[str]:
    if how.missing:
        yield (
            f"{number(how.missing, 'file')} of the newest recordings {_be(how.missing)} missing in "
            "the archive: is it an old copy? Nothing is acknowledged to the providers; "
            "see `reelkeep verify`"
        )
    if how.clock is not None:
        yield f"{how.clock}, so that recordings may be missing from the listings; set the clock"
    for name, reason in how.broken.items():
        yield f"{name} could only be read in part: {reason}"


def _of_files(lines: Sequence[Mapping[str, Any]], how: Circumstances) -> Iterator[str]:
    for state, verb in (
        ("failed", "failed"),
        ("gone", "deleted at the provider before being downloaded"),
    ):
        count = sum(line["files"][state] for line in lines)
        if how.needing is not None:
            count = how.needing.count(state)
        if count:
            yield f"{number(count, 'file')} {verb}"
    count = sum(line["files"]["unavailable"] for line in lines)
    if how.needing is not None:
        count = how.needing.count("unavailable")
    if count:
        yield f"{number(count, 'file')} {_be(count)} unavailable at the provider"
    if count := sum(line["pending"] for line in lines):
        yield f"{number(count, 'file')} {_be(count)} pending{_named(how.pending)}"


def _of_recordings(lines: Sequence[Mapping[str, Any]], how: Circumstances) -> Iterator[str]:
    waiting = sum(line["recordings"]["waiting"] for line in lines)
    if waiting:
        many = f"{number(waiting, 'recording')} {_be(waiting)}"
        yield f"{many} still being processed by the provider{_named(how.waiting)}"
    incomplete = sum(line["recordings"]["incomplete"] for line in lines)
    if how.needing is not None:
        incomplete = len(how.needing.recordings)
    if incomplete:
        yield f"{number(incomplete, 'recording')} {_be(incomplete)} incomplete"
    if how.unpublished:
        many = number(how.unpublished, "recording")
        yield f"{many} could not be published into the archive"
    if how.untold:
        yield "not all archived recordings could be acknowledged"


def known_before(now: Troubles, new: Troubles) -> list[str]:
    """Return sentences about what is in `now` and not in `new`."""
    found = []
    if files := len(now.files) - len(new.files):
        found.append(f"{number(files, 'file')} failed, vanished or unavailable")
    if recordings := len(now.recordings) - len(new.recordings):
        found.append(f"{number(recordings, 'recording')} {_be(recordings)} incomplete")
    return found


def _of_pass(how: Circumstances) -> Iterator[str]:
    if how.cut_short:
        yield "time limit reached"
    if how.stopped:
        yield "the pass was stopped by a signal"


def _named(ids: Sequence[str]) -> str:
    """Return a few names in brackets, and dots for more."""
    if not ids:
        return ""
    more = ", …" if len(ids) > NAMED else ""
    return f" ({', '.join(visible(each) for each in ids[:NAMED])}{more})"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


Line = Mapping[str, Any]

_SOME_DAY = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """How one pass went."""

    seconds: float
    received: int  #: Bytes received.
    left: list[str]  #: What is not done, in sentences.
    stopped: bool
    cut_short: bool
    providers: list[dict[str, Any]]  #: As `app.status` gives them.
    failures: list[dict[str, Any]] = field(default_factory=list)  #: The first files that failed.
    failed: int = 0  #: How many files need a decision.
    known: list[str] = field(
        default_factory=list
    )  #: What was known before and does not count, in sentences.

    @property
    def ok(self) -> bool:
        """Whether nothing is left to do."""
        return not self.left

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        said = asdict(self)
        return {
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "received_bytes": said.pop("received"),
            **{
                key: said[key]
                for key in ("left", "known", "failures", "stopped", "cut_short", "providers")
            },
        }

    def sentence(self) -> str:
        """Return the result in one sentence."""
        came = f"received {size(self.received)} in {duration(self.seconds)}"
        if self.left:
            return f"Not done: {'; '.join(self.left)}. {came[0].upper()}{came[1:]}."
        files = sum(line["stored"] for line in self.providers)
        recordings = sum(line["listed"] for line in self.providers)
        return f"Done: {number(recordings, 'recording')} with {number(files, 'file')}; {came}."


async def make_pass(
    settings: Settings,
    names: Sequence[ProviderName],
    log: Log,
    screen: Screen,
    *,
    limit: timedelta | None,
    polls: bool = True,
    new_failures_only: bool = False,
) -> Passed:
    """Make one pass over the providers `names`, until it is finished or a signal arrives.

    Without `polls`, only requested backfills are listed. With `new_failures_only`, files that had
    failed before the pass are shown, but do not count as left.
    """
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        await group.start(obey, stop)
        async with open_resources(settings, log, learn=log.learn, clean=log.clean) as resources:
            before = await troubles(resources.operator, names) if new_failures_only else Troubles()
            pass_ = Pass(resources, names, limit=limit, polls=polls)
            passed = await _pass(resources, pass_, names, screen, stop=stop, before=before)
        group.cancel_scope.cancel()
    return passed


async def _pass(
    resources: Resources,
    pass_: Pass,
    names: Sequence[ProviderName],
    screen: Screen,
    *,
    stop: anyio.Event,
    before: Troubles,
) -> Passed:
    began = anyio.current_time()
    camera = ProgressSampler(resources.operator, resources.transfers, names)
    async with screen.showing(camera.draw):
        await pass_.run(stop)
    status = await snapshot(resources)
    lines = [line for line in status["providers"] if line["name"] in names]
    now = await troubles(resources.operator, names)
    new = now.since(before)
    how = await _circumstances(resources, pass_, names, stop)
    return Passed(
        seconds=anyio.current_time() - began,
        received=resources.transfers.received,
        left=leftovers(lines, replace(how, needing=new)),
        failures=new.named(),
        failed=len(new.files),
        known=known_before(now, new),
        stopped=stop.is_set(),
        cut_short=pass_.cut_short,
        providers=lines,
    )


async def _circumstances(
    resources: Resources, pass_: Pass, names: Sequence[ProviderName], stop: anyio.Event
) -> Circumstances:
    acknowledgers = pass_.pipeline.acknowledgers
    telling = [name for name in names if acknowledgers[name].acknowledges]

    def some_day() -> datetime:
        """Return a time by which every postponed file is due."""
        return resources.clock() + _SOME_DAY

    outlook = await look(resources.database, some_day, names=names, telling=telling)
    health = {name: pass_.pipeline.pollers[name].health for name in names}
    unread = {name: pass_.pipeline.backfillers[name].error for name in names}
    broken: dict[str, str] = {name: error for name, error in unread.items() if error is not None}
    for name, each in health.items():
        if each.broken_since is not None:
            broken[name] = each.reason or "no reason given"
    named = partial(resources.operator.listing, names=names, limit=NAMED + 1)
    return Circumstances(
        broken=broken,
        clock=resources.clock_check.problem,
        missing=resources.missing_content,
        cut_short=pass_.cut_short,
        stopped=stop.is_set(),
        unpublished=len(outlook.unpublished),
        untold=outlook.untold,
        waiting=[each.id for each in await named(states=["waiting"])],
        pending=[each.id for each in await named(states=["due"])],
    )


def print_summary(out: Output, passed: Passed) -> None:
    """Print a row for each provider, and a summary."""
    out.show(providers_table(out, passed.providers))
    out.line()
    print_troubles(out, passed.failures, passed.failed)
    if passed.known:
        out.show(cell(f"Known before this pass: {'; '.join(passed.known)}.", "yellow"))
    out.show(cell(passed.sentence(), "bold green" if passed.ok else "bold red"))


@click.command
@providers
@click.option(
    "--timeout",
    type=DurationType(),
    metavar="DURATION",
    help="Stop after this time, such as 30m; running transfers resume in the next pass.",
)
@click.option(
    "--new-failures-only",
    is_flag=True,
    help="For timers: files that failed before this pass are shown, but the exit code is not 1.",
)
@as_json
@click.pass_obj
def command(
    call: Invocation,
    *,
    names: tuple[str, ...],
    timeout: timedelta | None,
    new_failures_only: bool,
    as_json: bool,
) -> int:
    """Make one complete pass, then exit: for cron and for tests.

    Polls every provider once, then requests transcoding, downloads, verifies, publishes and
    acknowledges until nothing is left that can be done now or by a retry within the time limit.
    """
    from reelkeep.cli.live_progress import Screen

    settings = call.settings_for(names)
    chosen, screen = enabled(settings, names), Screen()
    log = log_of(settings, screen.stream)

    async def work() -> Passed:
        return await make_pass(
            settings, chosen, log, screen, limit=timeout, new_failures_only=new_failures_only
        )

    passed = run_in_loop(work)
    if as_json:
        call.out.json(passed.document())
    else:
        print_summary(call.out, passed)
    return Exit.DONE if passed.ok else Exit.LEFT
