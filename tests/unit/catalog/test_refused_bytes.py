"""What the catalog remembers of bytes that a check refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.catalog import NAME, Catalog, a_recording, failed, open_catalog, stored
from reelkeep.core.model import ANY_BYTES, Download, Level, Stored
from reelkeep.errors import Damaged, Unreachable

SEEN = "5" * 64


async def refused(catalog: Catalog) -> Download:
    """Return a file whose bytes came whole and were not believed, claimed again."""
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([replace(failed(due, Damaged("cut")), sha256=SEEN)])
    catalog.clock.later(hours=1)
    (again,) = (await catalog.claim_all()).values()
    return again


async def test_the_digest_of_what_came_survives_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    catalog = open_catalog(url)
    assert (await refused(catalog)).seen == SEEN
    catalog.engine.dispose()
    reopened = open_catalog(url)
    await reopened.queue.recover()
    reopened.clock.later(hours=2)
    (due,) = (await reopened.claim_all()).values()
    assert (due.seen, due.reason) == (SEEN, "not_media")
    reopened.engine.dispose()


async def test_a_failure_without_bytes_leaves_it() -> None:
    catalog = open_catalog()
    due = await refused(catalog)
    await catalog.ledger.record([failed(due, Unreachable("x"))])
    catalog.clock.later(hours=2)
    (again,) = (await catalog.claim_all()).values()
    assert again.seen == SEEN


async def test_bytes_that_are_not_to_be_built_on_are_remembered_until_they_are_gone() -> None:
    catalog = open_catalog()
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    for told in (True, False):
        await catalog.ledger.record([replace(failed(due, Unreachable("x")), distrusted=told)])
        catalog.clock.later(hours=1)
        (due,) = (await catalog.claim_all()).values()
        assert due.distrusted is told


async def test_what_is_stored_against_a_check_is_said_once_and_kept() -> None:
    catalog = open_catalog()
    due = await refused(catalog)
    good: Stored = replace(
        stored(due), verified=Level.SIZE, reason="not_media", note="it is cut", label="utf-8"
    )
    await catalog.ledger.record([good])
    (said,) = catalog.log.named("file.accepted")
    assert (said["code"], said["reason"], said["verified"]) == ("not_media", "it is cut", "size")
    (file,) = (await catalog.holding("a")).files
    assert (file.state, file.reason, file.verified) == ("stored", "not_media", "size")
    assert file.detail == "it is cut; its host labels it as utf-8, which is no encoding"


async def test_a_label_alone_is_kept_and_no_warning() -> None:
    catalog = open_catalog()
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([replace(stored(due), label="aws-chunked")])
    assert catalog.log.named("file.accepted") == []
    (file,) = (await catalog.holding("a")).files
    assert "aws-chunked" in (file.detail or "")


@pytest.mark.parametrize(("sha256", "accepts"), [(SEEN, SEEN), (None, ANY_BYTES)])
async def test_an_accepted_file_is_due_at_once_and_knows_why_it_failed(
    sha256: str | None, accepts: str
) -> None:
    catalog = open_catalog(attempts=1)
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([replace(failed(due, Damaged("cut")), sha256=SEEN)])
    (file,) = (await catalog.holding("a")).files
    assert file.state == "failed"
    assert await catalog.decisions.accept(file.row, sha256) == 1
    (said,) = catalog.log.named("file.acceptance_requested")
    assert said == {
        "provider": NAME, "recording": "a", "file": "video.mp4", "code": "not_media",
        "sha256": sha256,
    }  # fmt: skip
    (again,) = (await catalog.claim_all()).values()
    assert (again.accepts, again.reason) == (accepts, "not_media")


async def test_what_is_fetched_or_stored_cannot_be_accepted() -> None:
    catalog = open_catalog()
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    assert await catalog.decisions.accept(due.row, None) == 0
    await catalog.ledger.record([stored(due)])
    assert await catalog.decisions.accept(due.row, None) == 0
    assert catalog.log.named("file.acceptance_requested") == []


async def test_retry_takes_an_acceptance_back() -> None:
    catalog = open_catalog(attempts=1)
    await catalog.admit(a_recording())
    (due,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([failed(due, Damaged("cut"))])
    await catalog.decisions.accept(due.row, None)
    (again,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([failed(again, Damaged("cut"))])
    await catalog.decisions.retry([due.row])
    (last,) = (await catalog.claim_all()).values()
    assert (last.accepts, last.seen) == (None, None)
