"""Rule 56 and bug 13 of the transfer notes: no gap, no overlap, whatever is claimed and stolen."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reelkeep.core.coverage import Coverage, Scale, Segment, merged

SCALE = Scale(piece=1_000_000, stolen=200_000)
MIB = 1 << 20


def fill(claim: Segment, count: int) -> None:
    """Move `claim` on as its one transfer does."""
    claim.reach = min(claim.end, claim.at + count)
    claim.at = claim.reach


def test_pieces_are_claimed_in_order() -> None:
    coverage = Coverage(2_500_000, [(0, 100)])
    claims = [coverage.claim(SCALE) for _ in range(3)]
    assert [(c.start, c.end) for c in claims if c] == [
        (100, 1_000_100),
        (1_000_100, 2_000_100),
        (2_000_100, 2_500_000),
    ]


def test_gaps_that_were_left_come_first() -> None:
    coverage = Coverage(3_000_000, [(0, 100), (200, 1_000_000)])
    first = coverage.claim(SCALE)
    assert first is not None
    assert (first.start, first.end) == (100, 200)


def test_what_is_given_back_unfilled_is_claimed_again() -> None:
    coverage = Coverage(3_000_000)
    claim = coverage.claim(SCALE)
    assert claim is not None
    fill(claim, 400_000)
    coverage.release(claim)
    again = coverage.claim(SCALE)
    assert again is not None
    assert (coverage.prefix, again.start) == (400_000, 400_000)


def test_runs_that_meet_at_an_unproven_place_are_two_until_it_is_proven() -> None:
    coverage = Coverage(3_000_000)
    first, second = coverage.claim(SCALE), coverage.claim(SCALE)
    assert first is not None
    assert second is not None
    for claim in (first, second):
        fill(claim, claim.left)
    coverage.doubt(first.at)
    for claim in (first, second):
        coverage.release(claim)
    parts = ((0, 1_000_000), (1_000_000, 2_000_000))
    assert (coverage.filled, coverage.prefix) == (parts, 2_000_000)
    again = Coverage(3_000_000, coverage.filled)  # as a journal has it
    assert list(again.filled) == [*parts]
    again.prove(1_000_000)
    assert list(again.filled) == [(0, 2_000_000)]


def test_what_is_being_fetched_is_not_proven_to_its_end() -> None:
    coverage = Coverage(1_000_000, [(500_000, 1_000_000)])
    claim = coverage.claim(SCALE)
    assert claim is not None
    fill(claim, claim.left)
    assert list(coverage.filled) == [(0, 500_000), (500_000, 1_000_000)]
    coverage.release(claim)
    assert list(coverage.filled) == [(0, 1_000_000)]


def test_the_idle_take_half_of_what_another_has_left() -> None:
    coverage = Coverage(1_000_000)
    slow = coverage.claim(SCALE)
    assert slow is not None
    fill(slow, 200_000)
    thief = coverage.claim(SCALE)
    assert thief is not None
    assert slow.end == thief.start
    assert (thief.end, coverage.missing) == (1_000_000, 800_000)
    assert abs((thief.end - thief.start) - 400_000) <= 64 << 10


def test_little_is_halved_too_where_that_is_asked_for() -> None:
    coverage, scale = Coverage(1000), Scale(piece=1000, stolen=400)
    first = coverage.claim(scale)
    thief = coverage.claim(scale)
    assert first is not None
    assert thief is not None
    assert (first.left, thief.left) == (500, 500)


def test_what_is_on_its_way_is_not_stolen() -> None:
    coverage = Coverage(1_000_000)
    slow = coverage.claim(SCALE)
    assert slow is not None
    slow.reach = 900_000
    assert coverage.claim(SCALE) is None


def test_a_small_rest_is_not_worth_stealing() -> None:
    coverage = Coverage(399_000)
    assert coverage.claim(SCALE) is not None
    assert coverage.claim(SCALE) is None


@pytest.mark.parametrize(
    ("extents", "expected"),
    [
        ([], []),
        ([(3, 3)], []),
        ([(5, 9), (0, 5)], [(0, 9)]),
        ([(0, 4), (2, 3)], [(0, 4)]),
        ([(0, 2), (3, 4)], [(0, 2), (3, 4)]),
    ],
)
def test_extents_are_merged(
    extents: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert merged(extents) == expected


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_merging_keeps_every_byte_and_adds_none(extents: list[tuple[int, int]]) -> None:
    before = {byte for start, end in extents for byte in range(start, end)}
    after = [byte for start, end in merged(extents) for byte in range(start, end)]
    assert after == sorted(before)


class Transfers(RuleBasedStateMachine):
    """Any number of transfers claim, fill, steal and give back in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.coverage = Coverage(0)
        self.claims: list[Segment] = []
        self.written: list[tuple[int, int]] = []
        self.base: list[tuple[int, int]] = []

    @initialize(
        total=st.integers(0, 5 * MIB),
        base=st.lists(st.tuples(st.integers(0, 5 * MIB), st.integers(0, 5 * MIB)), max_size=3),
    )
    def begin(self, total: int, base: list[tuple[int, int]]) -> None:
        self.base = merged((a, min(b, total)) for a, b in base)
        self.coverage = Coverage(total, self.base)

    @precondition(lambda self: len(self.claims) < 6)
    @rule()
    def claim(self) -> None:
        claim = self.coverage.claim(SCALE)
        if claim is not None:
            self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), count=st.integers(1, 600_000), short=st.integers(0, 300_000))
    def fill(self, data: st.DataObject, count: int, short: int) -> None:
        """Reach for bytes, and get all or fewer of them; others may steal in between."""
        claim = data.draw(st.sampled_from(self.claims))
        claim.reach = min(claim.end, claim.at + count)
        thief = self.coverage.claim(SCALE) if len(self.claims) < 6 else None
        if thief is not None:
            self.claims.append(thief)
        end = max(claim.at, claim.reach - short)
        self.written.append((claim.at, end))
        claim.at = end

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self.claims.remove(claim)
        if claim.start < claim.at and data.draw(st.booleans()):
            self.coverage.doubt(claim.at)
        self.coverage.release(claim)

    @precondition(lambda self: self.coverage.unproven)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        self.coverage.prove(data.draw(st.sampled_from(sorted(self.coverage.unproven))))

    @invariant()
    def no_byte_is_claimed_twice(self) -> None:
        spans = sorted((c.at, c.end) for c in self.claims if c.left)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))

    @invariant()
    def no_byte_is_written_twice(self) -> None:
        spans = sorted(s for s in [*self.written, *self.base] if s[0] < s[1])
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))

    @invariant()
    def what_is_filled_is_what_was_written(self) -> None:
        assert merged(self.coverage.filled) == merged([*self.written, *self.base])

    @invariant()
    def no_run_has_an_unproven_place_within(self) -> None:
        filled = self.coverage.filled
        assert not any(a < at < b for a, b in filled for at in self.coverage.unproven)
        assert not any(a[1] > b[0] for a, b in itertools.pairwise(filled))

    def teardown(self) -> None:
        """Whoever goes on to the end gets it all."""
        for claim in self.claims:
            self.coverage.release(claim)
        while (last := self.coverage.claim(SCALE)) is not None:
            fill(last, last.left)
            self.coverage.release(last)
        assert self.coverage.missing == 0


TestTransfers = Transfers.TestCase
