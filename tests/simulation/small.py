"""The daemon's own measures, in small: files of kilobytes are large, and ticks are hours.

What the ticks find by looking, another process did; here is none. So a bell that somebody forgot
to ring is heard hours later, which the auditor notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache, partial
from importlib import import_module
from typing import Any
from unittest.mock import patch

from reelkeep.core.coverage import Scale
from reelkeep.providers.adapter import Installed

KIB = 1024
SMALL = 4 * KIB
"""Files up to this are held in memory until they are whole."""

_SCALE = partial(Scale, large=48 * KIB, rest=16 * KIB, piece=12 * KIB, stolen=2 * KIB)

installed = cache(Installed)
"""The types of providers; looking for them takes its time."""

MEASURES: dict[str, Any] = {
    "core.resume:SEAM": 256,
    "transport.client:DIRECT_FROM": 8 * KIB,
    "transport.direct_reader:TAP_FROM": 8 * KIB,
    "archive.part_file:_JOURNAL_FROM": 8 * KIB,
    "archive.hashed_file:MARK": 16 * KIB,
    "archive.part_file:MARK": 16 * KIB,
    "archive.flushing:_FEW": 1 << 30,  # its threads would be real ones
    "stages.stream:Scale": _SCALE,
    "stages.body:BATCH": 8 * KIB,
    "stages.body:CHECKPOINT": 32 * KIB,
    "stages.dispatch:TICK": timedelta(days=60),
    "stages.publish:AGAIN": timedelta(hours=24),
    "stages.acknowledge:AGAIN": timedelta(hours=12),
    "stages.storage:LOOK_AGAIN": timedelta(minutes=20),
    "stages.storage:LOOK": timedelta(hours=3),
    "app.clock_watch:LOOK": 300.0,
    "stages.storage:KEPT_FRESH": timedelta(hours=1),
    "app.pipeline:PATIENCE": timedelta(minutes=20),
    "core.retry:PATIENCE": timedelta(minutes=20),
    "app.resources:Installed": installed,
}


@contextmanager
def in_small() -> Iterator[None]:
    """Run the daemon in small."""
    with ExitStack() as stack:
        for place, value in MEASURES.items():
            module, _, name = place.partition(":")
            stack.enter_context(patch.object(import_module(f"reelkeep.{module}"), name, value))
        yield
