"""Single recordings are asked for of which something is unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from reelkeep.core.admission import UNLISTED
from reelkeep.core.model import (
    File,
    FileId,
    Recording,
    RecordingId,
    Shortfall,
)
from reelkeep.errors import AuthFailed, BadAnswer, ProviderError, RateLimited, Unavailable
from reelkeep.ports import Intake, Missed, Provider
from reelkeep.stages.discovery import MOST, MOST_FAILED, Review


@dataclass
class Asked:
    """A provider and an intake that note what they are asked, and told."""

    answers: dict[str, Recording | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told: list[tuple[list[str], list[str], bool]] = field(default_factory=list)
    name: str = "z"
    traits: Any = None

    async def look_up(self, recording: RecordingId) -> Recording | None:
        self.asked.append(recording)
        answer = self.answers.get(recording)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def reviewed(
        self, _name: str, _traits: Any, found: Sequence[Recording], absent: Sequence[str], *,
        gone: bool,
    ) -> bool:  # fmt: skip
        self.told.append(([each.id for each in found], list(absent), gone))
        return bool(found)


def a_file(id_: str) -> File:
    return File(id=FileId(id_), stem="video", extension="mp4")


def seen(id_: str, *files: str, **more: Any) -> Recording:
    return Recording(id=RecordingId(id_), files=tuple(map(a_file, files)), **more)


def missed(id_: str, *files: str, asked: bool = True) -> Missed:
    return Missed(recording=RecordingId(id_), files=frozenset(map(FileId, files)), asked=asked)


async def ask(asked: Asked, review: Review, *, complete: bool = True, listed: bool = True) -> bool:
    intake, provider = cast(Intake, asked), cast(Provider, asked)
    return await review.ask(intake, provider, complete=complete, listed=listed)


async def test_what_is_listed_as_it_was_is_not_asked_for() -> None:
    asked = Asked()
    review = Review(asked, [missed("a", "1"), missed("b", "1"), missed("c", UNLISTED)])
    review.see([seen("a", "1"), seen("b", "2"), seen("c", shortfall=Shortfall(missing=1))])
    await ask(asked, review)
    assert asked.asked == ["b"]
    assert asked.told == [([], ["b"], True)]


async def test_what_is_found_is_told() -> None:
    asked = Asked({"a": seen("a", "1")})
    assert await ask(asked, Review(asked, [missed("a", "1")]))
    assert asked.told == [(["a"], [], True)]


async def test_what_was_listed_is_not_gone_though_it_is_not_found() -> None:
    """It lies in the trash, which one asks for as a whole only."""
    asked = Asked()
    review = Review(asked, [missed("a", "1", asked=False)])
    review.see([seen("a", "1")])
    assert not await ask(asked, review)
    assert (asked.asked, asked.told) == (["a"], [])


async def test_where_nothing_was_listed_only_what_an_operator_wants_is_asked_for() -> None:
    asked = Asked()
    review = Review(asked, [missed("a", "1"), missed("b", "1", asked=False)])
    await ask(asked, review, complete=False, listed=False)
    assert asked.told == [([], ["b"], False)]


async def test_where_some_listings_failed_all_are_asked_for_and_none_is_gone() -> None:
    asked = Asked({"a": seen("a", "1")})
    review = Review(asked, [missed("a", "1"), missed("b", "1")])
    await ask(asked, review, complete=False)
    assert asked.told == [(["a"], ["b"], False)]


@pytest.mark.parametrize("error", [BadAnswer("no"), Unavailable("x")])
async def test_one_that_fails_keeps_no_other_waiting_and_is_named(error: ProviderError) -> None:
    asked = Asked({"a": error, "b": seen("b", "1")})
    review = Review(asked, [missed("a", "1"), missed("b", "1")])
    assert await ask(asked, review)
    assert asked.asked == ["a", "b"]
    failure = review.failure([])
    assert failure is not None
    assert (str(failure), failure.unread) == (f"recording a: {error}", ())


async def test_one_that_fails_is_noted_as_asked_for_and_is_not_gone() -> None:
    """So the next poll begins with others."""
    asked = Asked({"a": Unavailable("x")})
    assert not await ask(asked, Review(asked, [missed("a", "1")]))
    assert asked.told == [([], ["a"], False)]


@pytest.mark.parametrize("error", [RateLimited("slow"), AuthFailed("no")])
async def test_an_error_about_all_ends_it_and_the_next_poll_asks_again(
    error: ProviderError,
) -> None:
    asked = Asked({"a": error, "b": seen("b", "1")})
    review = Review(asked, [missed("a", "1"), missed("b", "1")])
    await ask(asked, review)
    assert (asked.asked, asked.told) == (["a"], [])
    assert review.failure([]) is not None


async def test_many_that_fail_come_to_an_end_and_some_that_do_cost_no_other() -> None:
    asked = Asked({f"{n}": Unavailable("x") for n in range(MOST_FAILED - 1)})
    await ask(asked, Review(asked, [missed(f"{n}", "1") for n in range(3 * MOST)]))
    assert len(asked.asked) == MOST + MOST_FAILED - 1
    asked = Asked({f"{n}": Unavailable("x") for n in range(3 * MOST)})
    await ask(asked, Review(asked, [missed(f"{n}", "1") for n in range(3 * MOST)]))
    assert len(asked.asked) == MOST_FAILED


async def test_where_nothing_fails_there_is_no_failure() -> None:
    asked = Asked({"a": seen("a", "1")})
    review = Review(asked, [missed("a", "1")])
    await ask(asked, review)
    assert review.failure([]) is None


async def test_a_poll_asks_for_so_many_at_most() -> None:
    asked = Asked()
    await ask(asked, Review(asked, [missed(f"{n}", "1") for n in range(2 * MOST)]))
    assert len(asked.asked) == MOST
