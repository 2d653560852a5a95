"""When a recording may be moved to its provider's trash."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.catalog import START, a_file, a_recording
from fakes.holdings import held_file, holding
from reelkeep.core.lifecycle import objection
from reelkeep.core.model import FileId, HeldFile, Holding, Readiness, Recording, RecordingId

PAST, FUTURE = START - timedelta(seconds=1), START + timedelta(seconds=1)
KEPT = replace(held_file("video.mp4", b"0123456789"), id=FileId("1"))
HERE = replace(
    holding(KEPT, folder="a/folder"), id=RecordingId("a"), state="archived", settles=PAST
)
THERE = a_recording("a", a_file("1", size=10), settles=PAST)


def with_file(**changes: object) -> Holding:
    file: HeldFile = replace(KEPT, **changes)  # type: ignore[arg-type]  # each is a field of it
    return replace(HERE, files=(file,))


def test_nothing_speaks_against_what_is_wholly_here() -> None:
    assert objection(HERE, THERE, START) is None


@pytest.mark.parametrize(
    ("here", "there", "reason"),
    [
        (HERE, replace(THERE, id=RecordingId("b")), "another recording"),
        (replace(HERE, state="open"), THERE, "not archived, but open"),
        (replace(HERE, state="incomplete"), THERE, "not archived, but incomplete"),
        (replace(HERE, state="acknowledged"), THERE, "not archived"),
        (replace(HERE, folder=None), THERE, "not archived"),
        (HERE, replace(THERE, files=()), "lists no file"),
        (HERE, replace(THERE, readiness=Readiness.PROCESSING), "not finished"),
        (HERE, replace(THERE, unfinished=1), "not finished"),
        (replace(HERE, unfinished=1), THERE, "not finished"),
        (HERE, replace(THERE, settles=FUTURE), "late files may come until"),
        (replace(HERE, settles=FUTURE), THERE, "late files may come until"),
        (HERE, replace(THERE, settles=None), "not known until when"),
        (replace(HERE, settles=None), THERE, "not known until when"),
        (HERE, replace(THERE, files=(*THERE.files, a_file("2"))), "not known here"),
        (HERE, replace(THERE, files=(a_file("1", size=11),)), "11 bytes there and 10 here"),
        (with_file(state="due"), THERE, "not stored, but due"),
        (with_file(state="skipped"), THERE, "not stored, but skipped"),
        (with_file(state="waived"), THERE, "not stored, but waived"),
        (with_file(state="failed"), THERE, "not stored, but failed"),
        (with_file(sha256=None), THERE, "not stored"),
        (with_file(verified=None), THERE, "could not be verified"),
        (with_file(verified="none"), THERE, "could not be verified"),
        (
            replace(HERE, files=(KEPT, replace(KEPT, id=FileId("2"), state="waived"))),
            THERE,
            "not stored, but waived",
        ),
    ],
)
def test_whatever_is_not_sure_speaks_against_it(
    here: Holding, there: Recording, reason: str
) -> None:
    assert reason in str(objection(here, there, START))


def test_a_size_that_the_provider_does_not_tell_does_not() -> None:
    assert objection(HERE, replace(THERE, files=(a_file("1", size=None),)), START) is None


def test_what_is_stored_and_no_longer_listed_does_not() -> None:
    more = replace(HERE, files=(KEPT, replace(KEPT, id=FileId("2"))))
    assert objection(more, THERE, START) is None
