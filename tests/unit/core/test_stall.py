from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.rates import StallMeter

WINDOW = timedelta(seconds=60)
RATE = 1000


def meter() -> StallMeter:
    return StallMeter(WINDOW, RATE)


def test_rule_54_a_drip_stalls_after_one_window() -> None:
    metered = meter()
    verdicts = [metered.record(1, 4) for _ in range(61)]
    assert verdicts.index(True) == 59


def test_a_slow_beginning_is_no_stall() -> None:
    assert not meter().record(59, 0)


def test_the_demanded_rate_is_enough() -> None:
    metered = meter()
    assert not any(metered.record(1, RATE) for _ in range(1000))


def test_a_fast_hour_does_not_excuse_a_slow_minute() -> None:
    metered = meter()
    for _ in range(3600):
        metered.record(1, 1_000_000)
    assert any(metered.record(1, 10) for _ in range(70))


def test_one_burst_in_each_window_is_enough() -> None:
    metered = meter()
    assert not any(metered.record(30, 30 * RATE) for _ in range(100))


def test_rule_31_what_came_without_waiting_counts_and_costs_no_time() -> None:
    metered = meter()
    assert not any(metered.record(0, 1) for _ in range(10_000))
    assert not metered.record(60, 60 * RATE)


@given(st.lists(st.floats(0.001, 50), min_size=1, max_size=200))
def test_twice_the_demanded_rate_never_stalls(waits: list[float]) -> None:
    metered = meter()
    assert not any(metered.record(waited, int(waited * 2 * RATE) + 1) for waited in waits)


@given(st.lists(st.floats(0.001, 50), min_size=1, max_size=200))
def test_half_the_demanded_rate_always_stalls(waits: list[float]) -> None:
    metered = meter()
    verdicts = [metered.record(waited, int(waited * RATE / 2)) for waited in waits]
    assert any(verdicts) == (sum(waits) >= WINDOW.total_seconds())


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 1 << 18)), max_size=500))
def test_memory_is_bounded(samples: list[tuple[float, int]]) -> None:
    metered = meter()
    for waited, received in samples:
        metered.record(waited, received)
    assert len(metered._buckets) <= 17
