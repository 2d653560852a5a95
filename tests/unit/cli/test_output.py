from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO
from typing import TextIO

import click
import pytest

from reelkeep.cli.output import Output
from reelkeep.cli.tables import cell, table


class Full(StringIO):
    """A file on a disk without room."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def flush(self) -> None:
        raise OSError(28, "No space left on device")

    def fileno(self) -> int:
        return self._descriptor


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """Return a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        yield stream


def test_a_reader_that_has_gone_is_noticed_and_no_error(unread: TextIO) -> None:
    out = Output(unread)
    assert not out.line("x" * 100)
    assert out.line("nobody hears it")


def test_a_full_disk_is_said(tmp_path: object) -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        with pytest.raises(click.ClickException, match="No space left on device"):
            Output(Full(descriptor)).line("x")
    finally:
        os.close(descriptor)


def test_json_is_ascii() -> None:
    stream = StringIO()
    Output(stream).json({"title": "Zoë \x1b[31m \u202e \ud800"})
    assert stream.getvalue().isascii()
    assert stream.getvalue().isprintable() is False  # but for the line ends of the document
    assert set(stream.getvalue()) & {"\x1b", "\x07"} == set()


def test_a_table_fits_80_columns_wherever_it_goes() -> None:
    stream = StringIO()
    out = Output(stream)
    made = table(out, "id", "n", "text", right={"n"}, wrap={"text"})
    made.add_row(cell("i" * 20), cell(7), cell("w " * 200))
    out.show(made)
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_a_sentence_is_not_wrapped_where_programs_read_it() -> None:
    stream = StringIO()
    Output(stream).show(cell("word " * 100))
    assert len(stream.getvalue().splitlines()) == 1


def test_a_wide_table_is_as_wide_as_it_is() -> None:
    stream = StringIO()
    out = Output(stream)
    out.wide = True
    made = table(out, "id", "n", "text", right={"n"}, wrap={"text"})
    made.add_row(cell("i" * 300), cell(7), cell("w " * 200))
    out.show(made)
    head, row = stream.getvalue().splitlines()
    assert row == f"{'i' * 300}  7  {'w ' * 200}".rstrip()
    assert head == f"{'ID':<300}  N  TEXT"


def test_numbers_stand_on_the_right() -> None:
    stream = StringIO()
    out = Output(stream)
    made = table(out, "n", right={"n"})
    made.add_row(cell(1))
    made.add_row(cell(1000))
    out.show(made)
    assert stream.getvalue().splitlines() == ["   N", "   1", "1000"]


def test_foreign_text_in_a_cell_neither_acts_nor_leaves_its_line() -> None:
    stream = StringIO()
    out = Output(stream)
    made = table(out, "title")
    made.add_row(cell("a\x1b[31m\n[bold]b[/bold]\u202e:smile:"))
    out.show(made)
    assert stream.getvalue().splitlines()[1] == r"a\x1b[31m\n[bold]b[/bold]\u202e:smile:"
