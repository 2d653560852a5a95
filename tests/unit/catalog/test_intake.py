from __future__ import annotations

from reelkeep.catalog.intake import SeenCache
from reelkeep.core.model import ProviderName, RecordingId

NAME, OTHER = ProviderName("meetings"), ProviderName("support")
A, B, C = RecordingId("a"), RecordingId("b"), RecordingId("c")


def test_what_was_remembered_is_known_by_its_mark() -> None:
    familiar = SeenCache()
    familiar.remember(NAME, A, "1")
    assert [familiar.knows(NAME, A, mark) for mark in ("1", "2")] == [True, False]


def test_providers_are_kept_apart() -> None:
    familiar = SeenCache()
    familiar.remember(NAME, A, "1")
    assert not familiar.knows(OTHER, A, "1")


def test_what_is_about_to_change_is_not_known() -> None:
    familiar = SeenCache()
    familiar.remember(NAME, A, "1")
    familiar.forget(NAME, [A, B])
    assert not familiar.knows(NAME, A, "1")


def test_what_was_longest_not_listed_is_forgotten_first() -> None:
    familiar = SeenCache(most=2)
    familiar.remember(NAME, A, "1")
    familiar.remember(NAME, B, "1")
    assert familiar.knows(NAME, A, "1")
    familiar.remember(NAME, C, "1")
    assert [familiar.knows(NAME, each, "1") for each in (A, B, C)] == [True, False, True]
