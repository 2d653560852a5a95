"""What strangers may send: any JSON, good documents with something wrong in them, any bytes.

`EXAMPLES` is how many of each are tried; the environment's FUZZ multiplies it for a long run.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = (60 if "REELKEEP_PROVE" in os.environ else 15) * int(os.environ.get("FUZZ", "1"))

FAST = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
FEW = settings(FAST, max_examples=max(10, EXAMPLES // 4))

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "", " ", "\x00", "\ud800", "x\udfff", "../../etc/passwd", "/", "..", "%2e%2e", "\u202e",
            "0", "-1", "1e400", "9" * 5000, "NaN", "A" * 100_000, "https://", "http://[::1",
            "https://user:pw@x/", "\r\nX: y", "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00", "2025-02-30T00:00:00Z", "2025-01-01T25:00:00Z",
            "2025-11-18T09:00:12Z", "2025-W01-1", "20251118T090012Z",
        ]
    ),
)  # fmt: skip
"""Text that is long, broken, or means something elsewhere."""

NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**4000]),
)


def values(floats: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return any JSON value, with `floats` where a number has a point."""
    leaves = st.one_of(st.none(), st.booleans(), NUMBERS, floats, TEXTS)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    )


DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal("1e400"), Decimal("1e-400"), Decimal("0.5"), Decimal("9E17")]),
)

PARSED = values(DECIMALS)
"""What `providers.web.parse` may give."""

RAW = values(st.floats())
"""What `json.loads` may give: also NaN, infinity and halves of surrogate pairs."""


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@st.composite
def spoilt(draw: st.DrawFn, document: Any, foreign: st.SearchStrategy[Any] = RAW) -> Any:
    """Return a copy of a good `document` in which up to three places hold something else."""
    copy: Any = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(copy))
        if not places:  # nothing is left of it
            break
        holder, key = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.booleans()) and key in holder:
            del holder[key]
        else:
            holder[key] = draw(foreign)
    return copy


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, inner in pairs:
        yield value, key
        if isinstance(inner, dict | list) and inner:
            yield from _places(inner)
