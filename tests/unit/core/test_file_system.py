from __future__ import annotations

from dataclasses import replace

import pytest

from reelkeep.core.file_system import FileSystem, limitations

GOOD = FileSystem(
    folder=".",
    renames=True,
    links=True,
    flushes_directories=True,
    locks=True,
    modes=True,
    longest_name=255,
    case=True,
    unicode=True,
    free_bytes=10**9,
    free_files=10**6,
)


def test_one_that_can_do_all_has_no_limits() -> None:
    assert list(limitations(GOOD)) == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (replace(GOOD, renames=False), "nothing can be archived"),
        (replace(GOOD, locks=False), "only one reelkeep"),
        (replace(GOOD, flushes_directories=False), "power cut"),
        (replace(GOOD, modes=False), "options of the mount"),
        (replace(GOOD, longest_name=143), "143 bytes"),
        (replace(GOOD, unicode=False), "beyond ASCII"),
    ],
)
def test_each_lack_is_one_sentence(found: FileSystem, sentence: str) -> None:
    (told,) = limitations(found)
    assert sentence in told


@pytest.mark.parametrize("found", [replace(GOOD, links=False), replace(GOOD, case=False)])
def test_what_nothing_depends_on_is_no_limit(found: FileSystem) -> None:
    assert list(limitations(found)) == []


def test_what_is_free_makes_no_difference() -> None:
    assert not GOOD.differs(replace(GOOD, free_bytes=1, free_files=None))
    assert GOOD.differs(replace(GOOD, links=False))
