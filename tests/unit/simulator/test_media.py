"""The tiny film."""

from __future__ import annotations

import pytest

from reelkeep.simulator.media import BitWriter, _unit, frames


@pytest.mark.parametrize("last", range(4))
def test_no_unit_holds_a_start_code(last: int) -> None:
    payload = bytes([0x65, 0, 0, last])
    assert _unit(BitWriter().octets(payload)) == bytes([0x65, 0, 0, 3, last, 0x80])


def test_a_sample_begins_with_its_length() -> None:
    assert [int.from_bytes(one[:4]) for one in frames(3, 5)] == [
        len(one) - 4 for one in frames(3, 5)
    ]


def test_only_the_first_frame_is_a_picture() -> None:
    assert [one[4] & 0x1F for one in frames(3, 4)] == [5, 1, 1, 1]


def test_exp_golomb_codes_are_those_of_the_standard() -> None:
    """0 is 1, 1 is 010, 2 is 011, 3 is 00100."""
    assert BitWriter().unsigned(0, 1, 2, 3).done() == bytes([0b10100110, 0b01000000])
