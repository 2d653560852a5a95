"""The hosts that the transfer notes, (e) 2, want us to have met, and how meeting them must end."""

from hostile.answers import ANSWERS, REDIRECTS, REFUSALS
from hostile.case import BODY, DUE, HELD, LARGEST, OVERHEAD, Case
from hostile.framing import CHUNKS, HEADS, LENGTHS, NONSENSE
from hostile.ranges import BREAKS, ENDLESS, RANGES, VALIDATORS

__all__ = ["BODY", "CASES", "DUE", "HELD", "LARGEST", "OVERHEAD", "Case"]

CASES = {
    **RANGES, **BREAKS, **ENDLESS, **VALIDATORS, **LENGTHS, **CHUNKS, **HEADS, **NONSENSE,
    **ANSWERS,
    **REFUSALS, **REDIRECTS,
}  # fmt: skip
