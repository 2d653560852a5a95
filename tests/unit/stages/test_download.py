"""One file, from its locator to its name: rules 1, 14, 21 to 23, 40, and what is kept of what."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import replace

import anyio
import pytest

from fakes.attempts import TOKEN, URL, Bench, Locating, bench
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import FakeReply
from reelkeep.core.model import Failed, FileId, Level, Locator
from reelkeep.errors import (
    AuthFailed,
    DigestMismatch,
    DiskFull,
    Error,
    Expired,
    Gone,
    NotFound,
    NotMedia,
    NotYet,
    ProviderError,
    RateLimited,
    Refused,
    SizeMismatch,
    Throttled,
    TransferError,
    Unauthorized,
    Unreachable,
)
from reelkeep.stages.download import WAITING_FOR_FLUSH
from virtual import VIRTUAL, Backend

BODY = media(2000)
DUE = download(size=len(BODY))
OLD, NEW = Locator("https://dl.example/old?sig=1"), Locator("https://dl.example/new?sig=2")
CUT = FakeReply(
    headers={"ETag": '"v1"', "Content-Length": "2000"}, pieces=[BODY[:800], Unreachable("x")]
)
PAGE = FakeReply.of(b"<html>sign in</html>", Content_Type="text/html")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def urls(there: Bench) -> list[str]:
    return [request.url for request in there.transport.requests]


# --- good ends ------------------------------------------------------------------------------------


async def test_a_file_is_stored_with_what_is_known_of_it() -> None:
    outcome = await bench([FakeReply.of(BODY)]).stored(DUE)
    assert outcome.size == len(BODY)
    assert outcome.sha256 == hashlib.sha256(BODY).hexdigest()
    assert outcome.verified is Level.SIZE_CONTAINER
    assert not outcome.adopted


async def test_a_file_that_was_finished_before_a_crash_is_not_fetched_again() -> None:
    there = bench([])
    there.archive.waiting[DUE.key, DUE.file] = BODY
    outcome = await there.stored(DUE)
    assert outcome.adopted
    assert outcome.verified is Level.SIZE_CONTAINER
    assert outcome.seconds == 0
    assert outcome.sha256 == hashlib.sha256(BODY).hexdigest()
    assert there.operator.provider.asked == []


async def test_the_level_of_what_was_finished_claims_no_size_that_nobody_promised() -> None:
    due = download()
    there = bench([])
    there.archive.waiting[due.key, due.file] = BODY
    assert (await there.stored(due)).verified is Level.CONTAINER


async def test_the_time_of_a_transfer_is_told() -> None:
    gate = anyio.Event()
    there = bench([FakeReply(headers={"Content-Length": "2000"}, pieces=[gate, BODY])])
    seconds: list[float] = []

    async def watch() -> None:
        seconds.append((await there.stored(DUE)).seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await anyio.sleep(7)
        gate.set()
    assert seconds == [pytest.approx(7)]


async def test_a_finished_file_of_another_size_is_not_taken_for_it() -> None:
    there = bench([FakeReply.of(BODY)])
    there.archive.waiting[DUE.key, DUE.file] = media(1000)
    assert not (await there.stored(DUE)).adopted


async def test_bug_9_doing_it_twice_fetches_once() -> None:
    there = bench([FakeReply.of(BODY)])
    first, second = await there.stored(DUE), await there.stored(DUE)
    assert first.sha256 == second.sha256
    assert there.kept(DUE) == BODY


async def test_events_say_how_it_began_and_went_on() -> None:
    there = bench([CUT, rest(800)])
    await there.failed(DUE)
    await there.stored(DUE)
    where = {
        "provider": DUE.provider,
        "recording": DUE.recording,
        "file": DUE.name,
        "host": "https://dl.example",
    }
    assert there.operator.log.events == [
        ("file.started", {**where, "bytes": 2000, "attempt": 1}),
        ("file.resumed", {**where, "bytes": 2000, "offset": 800}),
    ]


def rest(start: int) -> FakeReply:
    return Shelf(BODY)({"Range": f"bytes={start}-"})


# --- locators -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [*(FakeReply(status=status) for status in (400, 401, 403, 404, 410)), PAGE],
)
async def test_rule_22_a_refused_locator_is_replaced_once_and_the_bytes_stay(
    refusal: FakeReply,
) -> None:
    provider = Locating([OLD, OLD, NEW])
    there = bench([CUT, refusal, rest(800)], provider=provider)
    await there.failed(DUE)
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert provider.asked == [False, False, True]
    assert urls(there) == [OLD.url, OLD.url, NEW.url]
    assert there.ranges[-1] == "bytes=800-"


async def test_rule_22_bug_34_expiry_half_way_is_healed_within_the_attempt() -> None:
    """The host gives little at a time, and meanwhile the address runs out."""
    shelf = Shelf(BODY)
    first = replace(
        shelf({"Range": "bytes=800-"}),
        headers={"Content-Range": "bytes 800-999/2000"},
        pieces=[BODY[800:1000]],
    )
    script = [CUT, first, FakeReply(status=403), shelf({"Range": "bytes=1000-"})]
    there = bench(script, provider=Locating([OLD, OLD, NEW]))
    await there.failed(DUE)
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert there.ranges == [None, "bytes=800-", "bytes=1000-", "bytes=1000-"]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (FakeReply(status=401), Unauthorized),
        (FakeReply(status=403), Expired),
        (FakeReply(status=404), NotFound),
        (PAGE, NotMedia),
    ],
)
async def test_rule_22_one_replacement_an_attempt(
    refusal: FakeReply, error: type[TransferError]
) -> None:
    provider = Locating([OLD, NEW])
    there = bench([refusal, refusal], provider=provider)
    assert type((await there.failed(DUE)).error) is error
    assert provider.asked == [False, True]


async def test_rule_23_the_same_locator_again_is_not_tried_again() -> None:
    there = bench([FakeReply(status=401)])
    assert type((await there.failed(DUE)).error) is Unauthorized
    assert there.operator.provider.asked == [False, True]
    assert len(there.ranges) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_shortly_after_completion_heals_on_a_later_attempt(status: int) -> None:
    there = bench([FakeReply(status=status), FakeReply(status=status), FakeReply.of(BODY)])
    await there.failed(DUE)
    await there.failed(DUE)
    await there.stored(DUE)


async def test_rule_23_credentials_refused_by_the_first_host_are_about_us() -> None:
    there = bench([FakeReply(status=403)])
    assert type((await there.failed(DUE)).error) is Unauthorized


async def test_rule_23_a_refusal_behind_a_redirect_is_about_the_address() -> None:
    there = bench([FakeReply.redirect("https://cdn.example/x?sig=1"), FakeReply(status=403)])
    assert type((await there.failed(DUE)).error) is Expired


async def test_rule_21_credentials_stay_with_the_first_host() -> None:
    there = bench([FakeReply.redirect("https://cdn.example/x?sig=1"), FakeReply.of(BODY)])
    outcome = await there.stored(DUE)
    first, second = there.transport.requests
    assert (first.credentials, second.credentials) == ({"Authorization": f"Bearer {TOKEN}"}, {})
    assert outcome.source == "https://cdn.example"


@pytest.mark.parametrize(
    "error", [Gone("x"), NotYet("x"), Refused("x"), AuthFailed("x"), RateLimited("x")]
)
async def test_what_the_provider_says_is_the_outcome(error: Error) -> None:
    there = bench([], provider=Locating([error]))
    assert (await there.failed(DUE)).error is error


@pytest.mark.parametrize("error", [Gone("x"), AuthFailed("x")])
async def test_what_the_provider_says_instead_of_a_replacement_is_the_outcome(
    error: TransferError | ProviderError,
) -> None:
    there = bench([CUT, FakeReply(status=404)], provider=Locating([OLD, OLD, error]))
    await there.failed(DUE)
    assert (await there.failed(DUE)).error is error
    assert there.left(DUE) == BODY[:800]


# --- bad ends -------------------------------------------------------------------------------------


async def test_rule_40_bug_22_wrong_bytes_are_put_aside_and_fetched_from_the_first_byte() -> None:
    wrong = BODY[:-1] + b"!"
    there = bench(
        [
            FakeReply.of(wrong, ETag='"v1"', Content_MD5=f"{'A' * 22}=="),
            FakeReply.of(BODY, ETag='"v1"'),
        ]
    )
    outcome = await there.failed(DUE)
    assert type(outcome.error) is DigestMismatch
    assert there.archive.quarantined[0][0] == wrong
    assert there.operator.log.names[-1] == "file.quarantined"
    await there.stored(DUE)
    assert there.ranges == [None, None]


async def test_rule_40_only_the_first_wrong_file_renews_the_attempts() -> None:
    there = bench(lambda _: FakeReply.of(media(1000)))
    outcomes = [await there.failed(DUE) for _ in range(3)]
    assert [outcome.progressed for outcome in outcomes] == [True, False, False]


async def test_a_wrong_size_is_told_with_both_figures() -> None:
    there = bench([FakeReply.of(media(1900))])
    outcome = await there.failed(DUE)
    assert type(outcome.error) is SizeMismatch
    assert str(outcome.error) == "2000 bytes were promised, 1900 came"
    assert there.archive.quarantined == [(media(1900), f"size_mismatch: {outcome.error}")]


async def test_less_than_was_held_is_no_progress() -> None:
    """The host begins anew each time and breaks sooner: the attempts must run out."""
    sooner = replace(CUT, pieces=[BODY[:700], Unreachable("x")])
    there = bench([CUT, sooner])
    assert (await there.failed(DUE)).progressed
    assert not (await there.failed(DUE)).progressed


async def test_a_throttled_attempt_says_for_how_long() -> None:
    there = bench([FakeReply(status=429, headers={"Retry-After": "77"})])
    error = (await there.failed(DUE)).error
    assert isinstance(error, Throttled)
    assert error.after == 77


async def test_a_full_disk_while_the_offset_is_made_durable_is_a_full_disk() -> None:
    async def full(_: object) -> None:
        raise DiskFull("no room")

    there = bench([CUT])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fakes.archive.MemoryPart.checkpoint", full)
        assert type((await there.failed(DUE)).error) is DiskFull


async def test_what_waits_for_the_disk_alone_is_in_flight_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    async def keep(_: object) -> None:
        seen.append(len(there.operator.transfers.under_way))

    there = bench([FakeReply(headers={"Content-Length": "2000"}, pieces=[BODY])])
    monkeypatch.setattr("fakes.archive.MemoryPart.keep", keep)
    await there.operator.fetch(DUE, lambda: seen.append(len(there.operator.transfers.under_way)))
    assert seen == [0, 0]


async def test_so_many_files_wait_for_the_disk_and_others_are_still_in_flight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landed: list[int] = []
    disk = anyio.Event()

    async def keep(_: object) -> None:
        await disk.wait()

    def scripted() -> FakeReply:
        return FakeReply(headers={"Content-Length": "2000"}, pieces=[BODY])

    there = bench([scripted() for _ in range(WAITING_FOR_FLUSH + 2)])
    monkeypatch.setattr("fakes.archive.MemoryPart.keep", keep)
    async with anyio.create_task_group() as group:
        for row in range(WAITING_FOR_FLUSH + 2):
            due = replace(DUE, row=row, file=FileId(str(row)))
            group.start_soon(there.operator.fetch, due, lambda row=row: landed.append(row))
        await anyio.wait_all_tasks_blocked()
        assert len(landed) == WAITING_FOR_FLUSH
        assert len(there.operator.transfers.under_way) == 2
        disk.set()
    assert len(landed) == WAITING_FOR_FLUSH + 2


async def test_a_bug_is_not_hidden_here() -> None:
    """The worker bounds it."""
    there = bench([ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        await there.attempt(DUE)
    assert not there.operator.transfers.under_way


async def test_being_stopped_is_not_an_outcome() -> None:
    there = bench([FakeReply(headers={"Content-Length": "2000"}, pieces=[anyio.Event()])])
    with anyio.move_on_after(1) as scope:
        await there.attempt(DUE)
    assert scope.cancelled_caught
    assert there.transport.open_replies == 0


SECRETS = ("secret", "sig=", "sign in")
MISHAPS = [
    *(FakeReply(status=status) for status in (204, 302, 400, 401, 403, 404, 416, 429, 451, 500)),
    PAGE,
    FakeReply.of(BODY, Content_Encoding="gzip, secret"),
    FakeReply.of(BODY, Content_Range="secret"),
    FakeReply.of(BODY, status=206, Content_Range="bytes secret", ETag="secret"),
    FakeReply.of(BODY + b"!", Content_Type="secret"),
    FakeReply.of(BODY[:-1] + b"!", Content_MD5="AAAAAAAAAAAAAAAAAAAAAA==", ETag='"secret"'),
    FakeReply.redirect("http://cdn.example/secret?sig=1"),
    FakeReply.redirect("https://user:secret@cdn.example/"),
]


@pytest.mark.parametrize("mishap", MISHAPS)
async def test_rule_22_no_address_nor_credential_is_in_error_or_event(mishap: FakeReply) -> None:
    there = bench(lambda _: mishap, provider=Locating([Locator(URL), Locator(f"{URL}&fresh")]))
    outcome = await there.failed(DUE)
    chain = "".join(traceback.format_exception_only(outcome.error)) + repr(outcome)
    told = repr(there.operator.log.events)
    assert not any(secret in chain + told for secret in SECRETS)
    assert isinstance(outcome, Failed)
