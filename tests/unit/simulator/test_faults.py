"""Scripted and seeded faults."""

from __future__ import annotations

from itertools import pairwise

from reelkeep.simulator.switches import Chaos, Fault, Faults, Flaw, status

RESET = Fault(flaw=Flaw.RESET, at=10)


def test_faults_come_one_after_the_other() -> None:
    faults = Faults()
    faults.add("zm-0-0", status(503, times=2), RESET)
    taken = [faults.take("zm-0-0") for _ in range(4)]
    assert [fault and fault.flaw for fault in taken] == [
        Flaw.STATUS,
        Flaw.STATUS,
        Flaw.RESET,
        None,
    ]


def test_a_pattern_is_played_anew_for_each_name() -> None:
    faults = Faults()
    faults.add("zm-*", RESET)
    assert [faults.take(name) for name in ("zm-0", "zm-0", "zm-1", "vs-0")] == [
        RESET,
        None,
        RESET,
        None,
    ]


def test_a_fault_without_an_end_goes_on() -> None:
    faults = Faults()
    faults.add("zm-0", Fault(flaw=Flaw.RESET, times=None))
    assert all(faults.take("zm-0") for _ in range(50))


def test_a_cleared_script_is_over() -> None:
    faults = Faults()
    faults.add("zm-0", RESET)
    faults.clear()
    assert faults.take("zm-0") is None


def test_chaos_is_the_same_for_the_same_seed() -> None:
    first, second = (Chaos(3, 0.5, (RESET,)) for _ in range(2))
    assert [first.of("zm-0", n) for n in range(50)] == [second.of("zm-0", n) for n in range(50)]


def test_chaos_never_strikes_twice_running() -> None:
    chaos = Chaos(3, 0.9, (RESET,))
    struck = [chaos.of("zm-0", number) is not None for number in range(200)]
    assert any(struck)
    assert not any(a and b for a, b in pairwise(struck))
