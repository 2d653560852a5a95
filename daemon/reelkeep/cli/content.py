"""`reelkeep audit --content`: its options, its progress and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import Any

import anyio
from rich.console import RenderableType

from reelkeep.app.content_audit import Compared, ContentAudit
from reelkeep.app.content_repair import ContentRequest, ContentRun
from reelkeep.cli.invocation import Exit, log_of
from reelkeep.cli.live_progress import Draw, Rate, Screen
from reelkeep.cli.loop import obey, run_in_loop
from reelkeep.cli.options import enabled, window_of
from reelkeep.cli.output import Output, listed, number
from reelkeep.cli.tables import cell, table
from reelkeep.core.audit import Choice, Comparison
from reelkeep.core.quantities import duration, size
from reelkeep.settings.model import Settings

_NAMED = (Comparison.DIFFERS, Comparison.UNSTEADY, Comparison.MATCHES)
_MOST_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentOptions:
    """The options of the command."""

    names: tuple[str, ...]
    first: date | None
    last: date | None
    sample: Fraction | None
    seed: str | None
    since: date | None
    suspects: bool
    repair: bool

    def request(self, settings: Settings) -> ContentRequest:
        """Return what to compare.

        Raises:
            click.UsageError: A provider is unknown, or the range of days is empty.
        """
        since = None if self.since is None else datetime.combine(self.since, time(), UTC)
        return ContentRequest(
            asked=enabled(settings, self.names),
            only=self.names,
            window=window_of(self.first, self.last),
            choice=Choice(
                sample=self.sample, seed=self.seed or "", since=since, suspects=self.suspects
            ),
            repair=self.repair,
        )

    def told(self) -> dict[str, Any]:
        """Return which files were selected, as JSON."""
        return {
            "from": None if self.first is None else self.first.isoformat(),
            "to": None if self.last is None else self.last.isoformat(),
            "since": None if self.since is None else self.since.isoformat(),
            "sample_percent": None if self.sample is None else float(self.sample * 100),
            "seed": self.seed,
            "suspects": self.suspects,
        }


def compare_content(
    out: Output, settings: Settings, asked: ContentOptions, *, as_json: bool
) -> int:
    """Download the selected files again, print the results, and return the exit code."""
    run = run_in_loop(_run, settings, asked.request(settings))
    if as_json:
        out.json(content_document(run, asked))
    else:
        print_content(out, run.found, fetched=run.transfers.received)
    return Exit.DONE if run.found.ok else Exit.LEFT


async def _run(settings: Settings, request: ContentRequest) -> ContentRun:
    screen, stop = Screen(), anyio.Event()
    run = ContentRun(settings, request, log_of(settings, screen.stream))
    async with anyio.create_task_group() as group:
        await group.start(obey, stop)
        async with screen.showing(_drawing(run)):
            await run.run(stop)
        group.cancel_scope.cancel()
    return run


def content_document(run: ContentRun, asked: ContentOptions) -> dict[str, Any]:
    """Return all of it as JSON."""
    found = run.found
    uncompared = found.listed(Comparison.NOT_COMPARED)
    repaired = [each for each in found.notable if each.repair == "replaced"]
    return {
        "ok": found.ok,
        "stopped": found.stopped,
        **asked.told(),
        "files": found.files,
        "bytes": found.bytes,
        "done": found.done,
        "fetched_bytes": run.transfers.received,
        "matches": found.counts[Comparison.MATCHES],
        "differs": [each.told() for each in found.listed(Comparison.DIFFERS)],
        "unsteady": [each.told() for each in found.listed(Comparison.UNSTEADY)],
        "repaired": len(repaired),
        "not_compared": {
            "total": len(uncompared),
            "codes": dict(sorted(found.codes.items())),
            "files": [each.told() for each in uncompared],
        },
    }


def print_content(out: Output, found: ContentAudit, *, fetched: int) -> None:
    """Print files that differ by name, files that were not compared by reason, and a summary."""
    _print_files(out, [each for comparison in _NAMED for each in found.listed(comparison)])
    _print_uncompared(out, found.listed(Comparison.NOT_COMPARED))
    out.show(
        cell(content_sentence(found, fetched=fetched), "bold green" if found.ok else "bold red")
    )


def _print_files(out: Output, rows: Sequence[Compared]) -> None:
    if not rows:
        return
    made = table(
        out, "found", "provider", "recording", "file", "reason",
        wrap=("file", "reason"), cut=("provider", "recording"),
    )  # fmt: skip
    for each in rows[:_MOST_NAMED]:
        told = "repaired" if each.repair == "replaced" else each.comparison.value
        holding, name = each.archived.holding, each.archived.file.name
        made.add_row(
            cell(told, "green" if each.ok else "bold red"),
            cell(holding.provider),
            cell(holding.id),
            cell(name),
            cell(each.reason or ""),
        )
    out.show(made)
    if len(rows) > _MOST_NAMED:
        out.line(f"… and {len(rows) - _MOST_NAMED:,} more; --json lists all.")
    out.line()


def _print_uncompared(out: Output, rows: Sequence[Compared]) -> None:
    """Print how many files were not compared for each code, with the first reason."""
    if not rows:
        return
    kinds: dict[tuple[str, str], list[Compared]] = {}
    for each in rows:
        kinds.setdefault((each.archived.holding.provider, each.code or ""), []).append(each)
    made = table(
        out, "provider", "not compared", "code", "first reason",
        right={"not compared"}, wrap=("first reason",), cut=("provider",),
    )  # fmt: skip
    for (provider, code), some in sorted(kinds.items()):
        style = "yellow" if some[0].ok else "bold red"
        first = some[0].reason or ""
        made.add_row(cell(provider), cell(f"{len(some):,}"), cell(code, style), cell(first))
    out.show(made)
    out.line("--json lists the files that were not compared.")
    out.line()


def content_sentence(found: ContentAudit, *, fetched: int) -> str:
    """Return the result in one sentence; what was not compared never counts as equal."""
    if not found.files and not found.stopped:
        return "No archived file matches these options: nothing was compared."
    counts = found.counts
    repaired = sum(each.repair == "replaced" for each in found.notable)
    parts = [f"{counts[Comparison.MATCHES]:,} equal"]
    figures = (
        (counts[Comparison.DIFFERS] - repaired, "differ"),
        (repaired, "repaired"),
        (counts[Comparison.UNSTEADY], "unsteady"),
    )
    parts += [f"{count:,} {word}" for count, word in figures if count]
    if counts[Comparison.NOT_COMPARED]:
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(found.codes.items()))
        parts.append(f"{counts[Comparison.NOT_COMPARED]:,} not compared ({codes})")
    told = f"{listed(parts)}; {size(fetched)} fetched."
    if found.stopped:
        return (
            f"Stopped after {found.done:,} of {number(found.files, 'file')}: {told} The same "
            "command starts over."
        )
    return f"Of {number(found.files, 'archived file')}: {told}"


def _drawing(run: ContentRun) -> Draw:
    began, rate, found = anyio.current_time(), Rate(), run.found

    async def draw(_height: int) -> RenderableType:
        now = anyio.current_time()
        speed = rate.add(now, run.transfers.received)
        share = f" ({min(100, found.done_bytes * 100 // found.bytes)} %)" if found.bytes else ""
        rest = found.bytes - found.done_bytes
        left = f", {duration(rest / speed)} left" if speed > 0 and rest > 0 else ""
        wrong = found.counts[Comparison.DIFFERS] + found.counts[Comparison.UNSTEADY]
        told = f" · {wrong:,} found" if wrong else ""
        return cell(
            f"comparing · {found.done:,} of {number(found.files, 'file')}"
            f" · {size(found.done_bytes)} of {size(found.bytes)}{share} · {size(round(speed))}/s"
            f" · {duration(now - began)} elapsed{left}{told}",
            "bold",
        )

    return draw
