from __future__ import annotations

from reelkeep.stages.worker_pool import ActiveTransfers


def test_a_rate_counts_from_when_it_was_asked_for() -> None:
    now = 10.0
    transfers = ActiveTransfers(received=500)
    rate = transfers.metered(lambda: now)
    transfers.received += 3000
    now += 2
    assert rate() == 1500
    now += 2
    assert rate() == 750


def test_a_rate_over_no_time_is_nought() -> None:
    transfers = ActiveTransfers()
    rate = transfers.metered(lambda: 10.0)
    transfers.received += 1
    assert rate() == 0
