from __future__ import annotations

from io import StringIO

import pytest

from reelkeep.cli.output import Output
from reelkeep.cli.tables import cell, table


def shown(out: Output, stream: StringIO, **lengths: int) -> list[str]:
    made = table(out, *lengths, right={"size"}, cut={"title"}, wrap={"why"})
    made.add_row(*(cell("x" * length) for length in lengths.values()))
    out.show(made)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("title", [1, 40, 200])
@pytest.mark.parametrize("why", [1, 60, 300])
def test_what_may_be_cut_or_wrapped_gives_way_to_what_may_not(title: int, why: int) -> None:
    stream = StringIO()
    lines = shown(Output(stream), stream, key=16, size=9, title=title, why=why)
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[0] == "x" * 16
    assert lines[1].split()[1] == "x" * 9
    assert "".join(lines).count("x") >= 16 + 9 + why


def test_a_cut_title_ends_with_an_ellipsis() -> None:
    stream = StringIO()
    assert shown(Output(stream), stream, key=16, title=200)[1].endswith("x…")


def test_columns_say_how_wide_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    stream = StringIO()
    assert max(map(len, shown(Output(stream), stream, key=16, title=200))) == 120
