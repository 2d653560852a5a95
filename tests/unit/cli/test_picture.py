from __future__ import annotations

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from reelkeep.cli.live_progress import Frame, Gauge, Transfer, picture


def gauge(name: str = "meetings", *, broken: str | None = None) -> Gauge:
    return Gauge(name=name, done=3, total=12, failed=1, stored_bytes=1500, broken=broken)


def transfer(file: str = "recording.mp4", total: int | None = 2000) -> Transfer:
    return Transfer(provider="meetings", file=file, done=500, total=total, rate=1e6)


def drawn(frame: Frame, *, width: int = 80, height: int = 24) -> list[str]:
    stream = StringIO()
    console = Console(file=stream, width=width, height=height, color_system=None)
    console.print(picture(frame, height))
    return stream.getvalue().splitlines()


def frame(*transfers: Transfer, gauges: tuple[Gauge, ...] = (gauge(),)) -> Frame:
    return Frame(
        gauges=gauges, transfers=transfers, received=12_345, rate=1e6, seconds=3.0, left=61.0
    )


def test_a_picture_says_how_far_all_is() -> None:
    text = "\n".join(drawn(frame(transfer()), width=100))
    for word in ("3 of 12 files, 1 failed", "25 %", "1.0 MB/s", "12.3 kB", "1 min 01 s left"):
        assert word in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_picture_stays_within_the_terminal(width: int) -> None:
    lines = drawn(frame(*(transfer("x" * 200) for _ in range(3))), width=width)
    assert len(lines) == 1 + 1 + 3 + 1 + 1
    assert all(cell_len(line) <= width for line in lines)


def test_a_picture_is_not_higher_than_the_terminal() -> None:
    lines = drawn(frame(*(transfer(str(n)) for n in range(50))), height=20)
    assert len(lines) <= 20
    assert any("… and 36 more" in line for line in lines)


def test_a_broken_provider_is_seen() -> None:
    assert "broken" in drawn(frame(gauges=(gauge(broken="refused"),)))[0]


def test_a_provider_without_files_is_being_asked() -> None:
    empty = Gauge(name="a", done=0, total=0, failed=0, stored_bytes=0, broken=None)
    assert "asking" in drawn(frame(gauges=(empty,)))[0]


def test_a_transfer_of_unknown_size_has_no_bar() -> None:
    assert any("size unknown" in line for line in drawn(frame(transfer(total=None))))


def test_foreign_names_do_not_act_on_the_terminal() -> None:
    assert all("\x1b[31mX" not in line for line in drawn(frame(transfer("\x1b[31mX"))))
