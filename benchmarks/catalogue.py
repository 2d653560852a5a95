"""The cases in words, and what is expected of reelkeep in each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

OURS = "reelkeep"
"""Of which goals are, if not of a rival or a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One case, as the manual describes it."""

    key: str
    title: str
    what: str


class Metric(Enum):
    """What a goal is about."""

    WALL = "wall time"  #: Ours over a rival's, the median of all pairs.
    CPU = "CPU"  #: The same of CPU seconds.
    RESENT = "part sent again"  #: Of all bytes, by the worst of our runs.
    READING = "reading"  #: A quantity of reelkeep alone, the worst of all rounds.
    MEDIAN = "median"  #: The same, the median of all rounds.


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How much something may be at most."""

    case: str
    of: str  #: The name of a rival or of a reading, or `OURS`.
    metric: Metric
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How a reading is written."""

    title: str
    form: str = "{:.1f}"


ENTRIES = (
    Entry(
        key="large-http",
        title="Eight large files over http",
        what="Eight meetings with one MP4 of 256 MiB each, into an archive in memory. What is left "
        "is the work of the programs themselves: reading, hashing, writing.",
    ),
    Entry(
        key="large-https",
        title="The same over https",
        what="TLS 1.2 or 1.3, as the program likes; the certificate is of an authority made for "
        "the day. Before the runs that count, each contender is seen to refuse it without being "
        "told of that authority.",
    ),
    Entry(
        key="single-https",
        title="One file of 2 GiB over https",
        what="The rivals fetch it in four ranges at once. reelkeep uses one stream.",
    ),
    Entry(
        key="small",
        title="2,000 recordings of three small files",
        what="A thumbnail of 2 kB, events of 20 kB and a video of 200 kB each, from GoToAssist, to "
        "the real disk. reelkeep flushes each file and folder, and tells the provider; the others "
        "leave it to the kernel when anything becomes durable, and know the addresses beforehand.",
    ),
    Entry(
        key="resume",
        title="Going on at seven tenths of 1 GiB",
        what="nginx sends 70 % of the file, then next to nothing. When no more bytes reach the "
        "disk, the program is stopped (SIGTERM) or killed (SIGKILL), nginx serves normally again, "
        "and the program is started once more: that run is measured, and all bytes that nginx sent "
        "in both are counted. aria2c saves its state each second, rather than each minute as it "
        "would by default. It compares no digest; reelkeep hashes what is here before it goes on.",
    ),
    Entry(
        key="slow64",
        title="64 slow streams at once",
        what="64 files of 8 MiB over https at 1 MiB/s each, with `workers: 64` and `per_host: 64`.",
    ),
    Entry(
        key="idle",
        title="A daemon with nothing to do",
        what="`reelkeep run` with three providers, each polled every second, none of which has "
        "anything new; all is archived before. Its CPU time is read after a minute.",
    ),
    Entry(
        key="polls",
        title="Polls beside a small and a large catalog",
        what="Zoom lists the same 200 recordings to two daemons, whose catalogs hold 5,000 and "
        "50,000 in all. Nothing is new.",
    ),
)

_RATIOS: dict[str, dict[str, dict[Metric, float]]] = {
    "large-http": {
        "aria2c, SHA-256": {Metric.WALL: 0.55, Metric.CPU: 0.80},
        "aria2c": {Metric.WALL: 1.0},
        "wget2, sha256sum": {Metric.WALL: 1.0},
        "parfive": {Metric.WALL: 0.5},
        "pypdl": {Metric.WALL: 0.5},
    },
    "large-https": {
        "aria2c, SHA-256": {Metric.WALL: 0.80},
        "aria2c": {Metric.WALL: 1.15},
        "parfive": {Metric.WALL: 0.5},
        "pypdl": {Metric.WALL: 0.5},
    },
    "single-https": {
        "aria2c, SHA-256": {Metric.WALL: 0.80},
        "parfive": {Metric.WALL: 0.5},
        "pypdl": {Metric.WALL: 0.5},
    },
    "small": {
        "aria2c": {Metric.WALL: 0.5},
        "curl": {Metric.WALL: 3.0},
        "parfive": {Metric.WALL: 0.5},
        "pypdl": {Metric.WALL: 0.5},
    },
    "resume": {
        "aria2c -c": {Metric.WALL: 1.2},
        OURS: {Metric.RESENT: 0.01},
    },
    "slow64": {"peak": {Metric.READING: 160.0}},
    "idle": {"share": {Metric.READING: 1.0}},
    "polls": {"growth": {Metric.MEDIAN: 1.1}},
}

GOALS = tuple(
    Goal(case=case, of=of, metric=metric, most=most)
    for case, goals in _RATIOS.items()
    for of, metrics in goals.items()
    for metric, most in metrics.items()
)

UNITS = {
    ("slow64", "peak"): Unit(title="Peak of resident memory, MiB", form="{:.0f}"),
    ("slow64", "streams"): Unit(title="Streams at the same time, as nginx saw them", form="{:.0f}"),
    ("slow64", "cpu"): Unit(title="CPU seconds"),
    ("idle", "share"): Unit(title="CPU, % of a core", form="{:.2f}"),
    ("idle", "polls"): Unit(title="Polls a second, of all three together", form="{:.2f}"),
    ("idle", "a poll"): Unit(title="CPU of one poll, ms"),
    ("polls", "growth"): Unit(title="CPU of a poll, large over small", form="{:.2f}"),
    ("polls", "small"): Unit(title="CPU of a poll beside the small catalog, ms"),
    ("polls", "large"): Unit(title="CPU of a poll beside the large catalog, ms"),
    ("polls", "statements, small"): Unit(
        title="SQL statements of a whole `sync`, small", form="{:.0f}"
    ),
    ("polls", "statements, large"): Unit(
        title="SQL statements of a whole `sync`, large", form="{:.0f}"
    ),
}


def goal(case: str, of: str, *metrics: Metric) -> Goal | None:
    """Return what is expected of that quantity, if anything is."""
    fitting = (each for each in GOALS if (each.case, each.of) == (case, of))
    return next((each for each in fitting if each.metric in metrics), None)
