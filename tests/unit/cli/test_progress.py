from __future__ import annotations

import pytest

from reelkeep.catalog.operator import Summary
from reelkeep.cli.live_progress import Rate, Transfer, gauge, time_left
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName


def transfer(done: int) -> Transfer:
    return Transfer(provider="a", file="b", done=done, total=None, rate=0.0)


def test_the_first_look_knows_no_rate() -> None:
    assert Rate().add(1.0, 500) == 0.0


def test_a_rate_is_growth_by_time() -> None:
    rate = Rate()
    rate.add(10.0, 1000)
    assert rate.add(12.0, 5000) == 2000.0


def test_a_rate_forgets_what_was_long_ago() -> None:
    rate = Rate()
    for second in range(20):
        rate.add(float(second), 1_000_000 if second else 0)
    assert rate.add(20.0, 1_000_000) == 0.0


@pytest.mark.parametrize(
    ("pending", "done", "rate", "left"),
    [(1000, 200, 100.0, 8.0), (1000, 0, 0.0, None), (0, 0, 5.0, None), (100, 200, 5.0, None)],
)
def test_the_time_left_is_what_is_pending_by_the_rate(
    pending: int, done: int, rate: float, left: float | None
) -> None:
    assert time_left(pending, [transfer(done)], rate) == left


def test_a_gauge_leaves_out_what_is_not_wanted() -> None:
    files = dict.fromkeys((state.value for state in FileState), 0)
    files |= {"stored": 4, "due": 2, "active": 1, "failed": 1, "gone": 1, "skipped": 9, "waived": 9}
    seen = gauge(Summary(name=ProviderName("a"), files=files, stored_bytes=7))
    assert (seen.done, seen.total, seen.failed, seen.stored_bytes) == (4, 9, 2, 7)
