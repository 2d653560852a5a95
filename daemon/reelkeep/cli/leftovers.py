"""Say in sentences what a pass has left undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reelkeep.cli.humanize import number
from reelkeep.cli.troubles import Troubles
from reelkeep.telemetry.text import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How a pass ended, beside what the catalog counts."""

    broken: Mapping[str, str] = field(default_factory=dict)  #: Why, by provider.
    cut_short: bool = False  #: The time was up.
    stopped: bool = False  #: A signal came.
    unpublished: int = 0  #: Recordings whose files are all here, but not in the archive's tree.
    untold: bool = False  #: Recordings are archived and not acknowledged.
    waiting: Sequence[str] = ()  #: Some recordings that the provider has not finished.
    pending: Sequence[str] = ()  #: Some recordings with files that are due.
    needing: Troubles | None = None  #: What failed, if not all of it counts.
    missing: int = 0  #: Newest stored files that are missing, if most of them are.
    clock: str | None = None  #: What is wrong with the clock.


NAMED = 3
"""Recordings that are named in one sentence at most."""


def leftovers(lines: Sequence[Mapping[str, Any]], how: Circumstances) -> list[str]:
    """Return what is not done, the gravest first; nothing if all is done.

    `lines` are those of the providers that the pass was about, as `app.status` gives them. A
    recording that is open for late files, with every file stored that it has, is done.
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
            "the archive: is it an old copy? No provider is told of anything; see `reelkeep verify`"
        )
    if how.clock is not None:
        yield f"{how.clock}, so that recordings may be missing from what was listed; set it"
    for name, reason in how.broken.items():
        yield f"{name} could not be read wholly: {reason}"


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
        yield f"{many} could not be put into the archive"
    if how.untold:
        yield "not all archived recordings could be acknowledged"


def known_before(now: Troubles, new: Troubles) -> list[str]:
    """Return in sentences what of `now` is not `new`."""
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
        yield "a signal ended the pass"


def _named(ids: Sequence[str]) -> str:
    """Return a few names in brackets; more are hinted at."""
    if not ids:
        return ""
    more = ", …" if len(ids) > NAMED else ""
    return f" ({', '.join(visible(each) for each in ids[:NAMED])}{more})"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
