"""A rate that many share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.rates import Allowance

SIZES = st.lists(st.integers(1, 10**6), min_size=1, max_size=30)


@given(SIZES, st.integers(1, 10**6), st.floats(0, 10))
def test_whoever_asks_at_once_waits_for_all_before(sizes: list[int], rate: int, now: float) -> None:
    shared = Allowance(rate)
    waits = [shared.spend(size, now) for size in sizes]
    assert waits == sorted(waits)
    assert abs(waits[-1] - sum(sizes) / rate) < 1e-6 * max(1.0, waits[-1])


def test_a_silence_is_not_saved_up() -> None:
    shared = Allowance(100)
    assert shared.spend(100, 0.0) == 1.0
    assert shared.spend(100, 3600.0) == 1.0


def test_what_did_not_come_is_given_back() -> None:
    shared = Allowance(100)
    shared.spend(300, 0.0)
    shared.refund(200)
    assert shared.spend(100, 0.0) == 2.0


def test_without_a_rate_nobody_waits_and_another_rate_begins_anew() -> None:
    shared = Allowance(1)
    shared.spend(1000, 0.0)
    shared.keep_to(None)
    assert shared.spend(10**12, 0.0) == 0.0
    shared.keep_to(100)
    assert shared.spend(100, 0.0) == 1.0
