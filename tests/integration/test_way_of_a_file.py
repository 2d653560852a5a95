"""How many calls and files a file passes from due to stored: the list is in the architecture.

A call is counted if it is on the stack when the file moves on: when it is claimed, handed from one
task to another, asked for, received, written, flushed, named, or recorded. Work in a thread has the
stack of its thread and of the task that waits for it. What only decides, examines (the first bytes,
too) or measures is not on the way; nor is what happens beneath the claim and the commit, which are
the two ends, or within a method of `Disk`, which is the move. Lambdas and comprehensions belong to
their function.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import pytest

import reelkeep
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import open_resources
from reelkeep.catalog.results import SqlLedger
from reelkeep.cli.demo import furnish
from reelkeep.core.model import ProviderName
from reelkeep.settings.load import load
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches
from reelkeep.stages.publish import Publisher

CALLS, FILES = 60, 25
HOME = f"{Path(reelkeep.__file__).parent}{os.sep}"
ARCHITECTURE = Path(__file__).parents[2] / "docs" / "explanation" / "architecture.md"
NOTHING = Extent(recordings=0, meetings=0, sessions=0, odd=False)
MEETINGS = ProviderName("meetings")

SYSTEM_CALLS = {"pwritev", "fsync", "fdatasync", "rename", "recv_into", "send"}
HANDED = {
    ("aiohttp/client.py", "_request"),
    ("aiohttp/streams.py", "read_nowait"),
    ("aiohttp/streams.py", "readany"),
    ("aiohappyeyeballs/impl.py", "start_connection"),
    ("streams/memory.py", "send"),
    ("streams/memory.py", "send_nowait"),
    ("streams/memory.py", "receive"),
}
ENDS = {("catalog/queue.py", "claim"), ("catalog/results.py", "record")}

Call = tuple[str, str]  # the file, and the function

apart: ContextVar[bool] = ContextVar("no part of the way", default=False)
before_the_thread: ContextVar[tuple[Call, ...]] = ContextVar("calls in the loop", default=())


@dataclass
class Way:
    """The calls that are on the stack when a file moves."""

    calls: list[Call] = field(default_factory=list)
    is_under_way: bool = False

    def __call__(self, frame: FrameType, event: str, what: Any) -> None:
        """See `sys.setprofile`."""
        if not self.is_under_way or apart.get():
            return
        moves = False
        if event == "c_call":
            moves = getattr(what, "__name__", "") in SYSTEM_CALLS
        elif event == "call":
            place = "/".join(Path(frame.f_code.co_filename).parts[-2:]), frame.f_code.co_name
            if place == ("anyio/to_thread.py", "run_sync"):
                before_the_thread.set(tuple(stack(frame)))
            moves = place in HANDED or place in ENDS
        if moves:
            self._note(frame)

    def _note(self, frame: FrameType) -> None:
        calls = stack(frame)
        if threading.current_thread() is not threading.main_thread():
            calls += before_the_thread.get()
        if any(name == "_fitting_head" for _, name in calls):
            return
        ends = [at for at, (file, name) in enumerate(calls) if (file, name.split(".")[-1]) in ENDS]
        calls = calls[max(ends, default=0) :]
        self.calls += [call for call in reversed(calls) if call not in self.calls]

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(file for file, _ in self.calls))


def stack(frame: FrameType | None) -> list[Call]:
    """Return our own functions on the stack, the innermost first."""
    found: list[Call] = []
    while frame is not None:
        code = frame.f_code
        file, name = code.co_filename.removeprefix(HOME), code.co_qualname
        ours = code.co_filename.startswith(HOME) and not file.startswith(("simulator", "cli"))
        if ours and not name.endswith(">") and not name.startswith(("Disk.", "ArchiveDisk.")):
            found.append((file, name.replace(".<locals>", "")))
        frame = frame.f_back
    return found


async def way_of(size: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Archive one file of so many bytes, as the demo does; return how it went."""
    way, over = Way(), anyio.Event()
    record, publish = SqlLedger.record, Publisher.forever
    monkeypatch.setattr("reelkeep.stages.body.CHECKPOINT_AFTER", 3600.0)  # however slow it goes

    async def recorded(*what: Any) -> None:
        await record(*what)
        way.is_under_way = False
        over.set()

    async def published(*what: Any) -> None:
        apart.set(True)
        await publish(*what)

    monkeypatch.setattr(SqlLedger, "record", recorded)
    monkeypatch.setattr(Publisher, "forever", published)
    async with Simulator(7, extent=NOTHING, switches=Switches().unlimited()) as simulator:
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=30)
        del simulator.studio.add_meeting(began, size=size).files[1:]
        config = furnish(folder, simulator.configuration(), simulator.environment())
        with profiled(way):
            async with open_resources(load(config, environ=dict(os.environ)), nobody_hears) as all_:
                pipeline = Pipeline(all_, [MEETINGS])
                way.is_under_way = True

                async def steer() -> None:
                    apart.set(True)
                    await pipeline.pollers[MEETINGS].once()
                    await over.wait()

                await pipeline.run(steer)
    return way


@contextmanager
def profiled(way: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    threading.setprofile(way)
    sys.setprofile(way)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def nobody_hears(_event: str, /, **_keys: object) -> None:
    pass


@pytest.mark.parametrize(("kind", "size"), [("small", 30_000), ("large", 8_000_000)])
async def test_a_file_passes_few_calls_and_files_and_the_architecture_lists_them(
    kind: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = await way_of(size, tmp_path, monkeypatch)
    found = f"{kind}: {len(way.calls)} calls, {len(way.files)} files\n" + "\n".join(
        f"{file} {name}" for file, name in way.calls
    )
    assert len(way.calls) <= CALLS, found
    assert len(way.files) <= FILES, found
    assert set(way.calls) <= listed(kind), found


def listed(kind: str) -> set[Call]:
    """Return the calls that the architecture lists: those of both kinds, and those of `kind`."""
    text = (
        ARCHITECTURE.read_text(encoding="utf-8").partition("## The calls")[2].partition("\n## ")[0]
    )
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if "`" in row
    ]
    return {
        (file.strip("`"), name.strip("`"))
        for size, file, names in (row for row in rows if len(row) == 3)
        if size in ("both", kind)
        for name in names.split(", ")
    }
