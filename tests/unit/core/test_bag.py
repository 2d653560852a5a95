"""The papers of a BagIt bag, as RFC 8493 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.holdings import held_file, holding
from reelkeep.core.manifest import (
    TAGS,
    bag_papers,
    decode_payload,
    decode_tags,
    encode_payload,
    is_plain_name,
)

SHA = "ab" * 32
NAMES = (
    st.text(min_size=1, max_size=40)
    .filter(is_plain_name)
    .filter(lambda name: not any("\ud800" <= char <= "\udfff" for char in name))
)


@given(st.dictionaries(NAMES, st.just(SHA), max_size=5))
def test_what_is_written_is_read(digests: dict[str, str]) -> None:
    assert decode_payload(encode_payload(digests)) == digests


def test_percent_signs_are_escaped() -> None:
    """RFC 8493, section 2.1.3."""
    assert encode_payload({"50%.mp4": SHA}) == f"{SHA}  data/50%25.mp4\n".encode()


@pytest.mark.parametrize(
    "line",
    ["x", f"{SHA}", f"{SHA} ", f"{SHA}  data/../../etc/passwd", f"{SHA}  elsewhere/x",
     f"{SHA}  data/", f"{SHA}  data/a\n{SHA}  data/a", "\xff"],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"line|data/|decode"):
        decode_payload(f"{line}\n".encode("latin-1"))


def test_equal_holdings_give_equal_papers() -> None:
    held = holding(held_file("a.mp4", b"x"))
    assert bag_papers(held, b"{}", version="1") == bag_papers(held, b"{}", version="1")


def test_the_last_paper_speaks_of_all_others() -> None:
    papers = bag_papers(holding(held_file("a.mp4", b"x")), b"{}", version="1")
    assert list(papers)[-1] == TAGS
    assert decode_tags(papers[TAGS]).keys() == papers.keys() - {TAGS}
