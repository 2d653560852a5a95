from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import TextIO

import pytest
from rich.cells import cell_len

from reelkeep.cli.list import Columns
from reelkeep.cli.output import Output
from reelkeep.cli.tables import apart
from reelkeep.core.model import FileId, HeldFile, Holding, ProviderName, RecordingId

KEY = "0123456789abcdef"


def holding(title: str = "Weekly", id_: str = "900000000000001") -> Holding:
    file = HeldFile(row=1, id=FileId("f"), name="one.mp4", state="stored", size=1_500_000)
    return Holding(
        row=1,
        provider=ProviderName("meetings"),
        id=RecordingId(id_),
        key=KEY,
        state="acknowledged",
        title=title,
        started=datetime(2026, 11, 22, 8, 30, 59, tzinfo=UTC),
        files=(file,),
    )


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """Return a terminal to write to, and the descriptor where that can be read."""
    reading, writing = pty.openpty()
    with os.fdopen(writing, "w") as stream:
        yield stream, reading
    os.close(reading)


def on_terminal(terminal: tuple[TextIO, int], *shown: Holding) -> list[str]:
    stream, reading = terminal
    columns = Columns(Output(stream), ["meetings"])
    for each in shown:
        columns.row(each)
    return os.read(reading, 65_536).decode().splitlines()


def test_a_line_fits_80_columns_elsewhere_than_on_a_terminal() -> None:
    stream = StringIO()
    columns = Columns(Output(stream), ["meetings", "p" * 64])
    columns.head()
    columns.row(holding("t" * 300, "i" * 50))
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_nothing_is_cut_if_that_is_wanted() -> None:
    stream = StringIO()
    out = Output(stream)
    out.wide = True
    columns = Columns(out, ["meetings"])
    columns.head()
    columns.row(holding("t" * 300, "i" * 50))
    head, row = stream.getvalue().splitlines()
    assert row.endswith(f"{'i' * 50}  {'t' * 300}")
    assert head.index("PROVIDER") == row.index("meetings")
    assert head.index("STATE") == row.index("acknowledged")
    assert head.rindex("ID") == row.index("iii")


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize("title", ["t" * 300, "会議の録画" * 50, "short", ""])
def test_a_line_fits_into_the_terminal(
    terminal: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch, width: int, title: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    (line,) = on_terminal(terminal, holding(title))
    assert cell_len(line) <= width
    assert line.startswith(f"{KEY}  2026-11-22")


def test_a_title_does_not_act_on_the_terminal(
    terminal: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (line,) = on_terminal(terminal, holding("\x1b[31m\a\r\nx\u202e"))
    assert line.endswith(r"\x1b[31m\x07\r\nx\u202e")


def test_joined_emoji_stand_apart_so_that_their_width_is_known() -> None:
    stream = StringIO()
    Columns(Output(stream), ["meetings"]).row(holding("\U0001f469\u200d\U0001f469" * 40))
    (line,) = stream.getvalue().splitlines()
    assert "\u200d" not in line
    assert sum(map(cell_len, line)) <= 80
    assert apart("\u0915\u094d\u200d\u0937") == "\u0915\u094d\u200d\u0937"  # a script needs it
