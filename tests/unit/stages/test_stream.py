"""Bytes on their way from a host into a part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.archive import MemoryPart
from fakes.attempts import Bench, Locating, bench
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import Answer, FakeReply
from reelkeep.core.model import Level, Locator
from reelkeep.errors import (
    BadReply,
    Damaged,
    DiskFull,
    Encoded,
    Garbled,
    IoFailed,
    NotMedia,
    Parked,
    Refused,
    SizeMismatch,
    Throttled,
    TransferError,
    Unreachable,
)
from reelkeep.ports import Request
from reelkeep.stages import body as bodies
from reelkeep.stages.request import HOSTS, HostBackoff
from virtual import VIRTUAL, Backend

BODY = media(2000)
DUE = download(size=len(BODY))
BREAK = Unreachable("the connection broke")
ALL_BUT_RANGES = {"ETag": '"v1"', "Content-Length": str(len(BODY))}


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def cut(size: int, **headers: str) -> FakeReply:
    """Return a 200 that breaks after `size` bytes."""
    return FakeReply(headers={**ALL_BUT_RANGES, **headers}, pieces=[BODY[:size], BREAK])


def rest(start: int, stop: int = len(BODY), **changes: str) -> FakeReply:
    """Return a 206 with the bytes from `start` to `stop`; in `changes`, `_` stands for `-`."""
    headers = {
        "ETag": '"v1"',
        "Content-Range": f"bytes {start}-{stop - 1}/{len(BODY)}",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return FakeReply(status=206, headers=headers, pieces=[BODY[start:stop]])


async def with_800_held(*script: FakeReply | Exception) -> Bench:
    """Return a bench where an earlier attempt left 800 bytes."""
    there = bench([cut(800), *script])
    await there.failed(DUE)
    assert there.left(DUE) == BODY[:800]
    return there


# --- going on ------------------------------------------------------------------------------------


async def test_a_file_that_comes_in_one_piece_needs_one_request() -> None:
    there = bench(lambda request: Shelf(BODY)(request.headers))
    outcome = await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert (outcome.verified, outcome.source) == (Level.SIZE_CONTAINER, "https://dl.example")
    assert there.ranges == [None]


async def test_rule_15_identity_is_asked_for() -> None:
    there = bench([FakeReply.of(BODY)])
    await there.stored(DUE)
    assert there.transport.requests[0].headers["Accept-Encoding"] == "identity"


async def test_rule_3_what_is_missing_is_asked_for_with_the_validator() -> None:
    there = await with_800_held(rest(800))
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    last = there.transport.requests[-1].headers
    assert (last["Range"], last["If-Range"]) == ("bytes=800-", '"v1"')


async def test_rule_9_a_shorter_range_than_asked_for_is_progress() -> None:
    there = await with_800_held(rest(800, 900), rest(900, 1900), rest(1900))
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert there.ranges == [None, "bytes=800-", "bytes=900-", "bytes=1900-"]


async def test_rule_9_a_range_that_ends_before_it_said_is_progress_too() -> None:
    short = replace(rest(800), pieces=[BODY[800:1000]])
    there = await with_800_held(short, rest(1000))
    await there.stored(DUE)
    assert there.kept(DUE) == BODY


async def test_crumbs_without_end_are_left_for_later() -> None:
    there = await with_800_held(*(rest(800 + n, 801 + n) for n in range(200)))
    outcome = await there.failed(DUE)
    assert (type(outcome.error), outcome.progressed) == (Unreachable, True)
    assert len(there.ranges) == 101


async def test_a_range_without_bytes_is_not_asked_for_again_at_once() -> None:
    there = await with_800_held(replace(rest(800), pieces=[]))
    outcome = await there.failed(DUE)
    assert (type(outcome.error), outcome.progressed) == (Unreachable, False)


async def test_rules_5_and_10_bug_1_a_200_begins_anew() -> None:
    other = media(len(BODY)).replace(b"mp42", b"isom")
    there = await with_800_held(FakeReply.of(other, ETag='"v2"'))
    await there.stored(DUE)
    assert there.kept(DUE) == other


async def test_rule_2_bug_5_the_validator_follows_each_restart() -> None:
    a, b, c = media(1000), media(1100), media(1200)
    unsized = download()
    there = bench(
        [
            FakeReply(headers={"ETag": '"a"', "Content-Length": "1000"}, pieces=[a[:600], BREAK]),
            FakeReply(headers={"ETag": '"b"', "Content-Length": "1100"}, pieces=[b[:600], BREAK]),
            FakeReply(headers={"ETag": '"c"', "Content-Length": "1200"}, pieces=[c[:700], BREAK]),
            FakeReply(
                status=206,
                headers={"ETag": '"c"', "Content-Range": "bytes 700-1199/1200"},
                pieces=[c[700:]],
            ),
        ]
    )
    for _ in range(3):
        await there.failed(unsized)
    await there.stored(unsized)
    assert there.kept(unsized) == c
    sent = [request.headers.get("If-Range") for request in there.transport.requests]
    assert sent == [None, '"a"', '"b"', '"c"']


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(
            FakeReply(headers={"Content-Range": "bytes 800-1999/2000"}, pieces=[BODY[800:]]),
            id="rule-11-200-with-a-range",
        ),
        pytest.param(FakeReply(status=416, pieces=[b"x" * 10_000]), id="rule-13-416-of-apache"),
        pytest.param(
            FakeReply(
                status=416, headers={"Content-Range": "bytes */700"}, pieces=[b"<html>no</html>"]
            ),
            id="rule-13-416-and-shorter",
        ),
        pytest.param(
            FakeReply(status=416, headers={"Content-Encoding": "gzip"}, pieces=[b"\x1f\x8b"]),
            id="rule-15-a-compressed-page-nobody-reads",
        ),
    ],
)
async def test_rules_11_and_13_bugs_6_and_7_where_ranges_cannot_be_trusted_all_is_asked_for(
    refusal: FakeReply,
) -> None:
    there = await with_800_held(refusal, FakeReply.of(BODY))
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert there.ranges == [None, "bytes=800-", None]


async def test_rule_13_a_range_that_brings_nothing_new_says_that_all_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end was not announced, so that only the seam before it tells."""
    monkeypatch.setattr("reelkeep.core.resume.SEAM", 100)
    unsized = download("notes.txt")
    there = bench(
        [
            FakeReply(
                headers={"ETag": '"v1"', "Transfer-Encoding": "chunked"},
                pieces=[b"a" * 600, BREAK],
            ),
            FakeReply(
                status=206,
                headers={"ETag": '"v1"', "Content-Range": "bytes 500-599/600"},
                pieces=[b"a" * 100],
            ),
        ]
    )
    await there.failed(unsized)
    await there.stored(unsized)
    assert there.kept(unsized) == b"a" * 600


async def test_rule_14_what_is_all_here_is_verified_without_a_question() -> None:
    there = bench([cut(len(BODY))])
    await there.failed(DUE)
    there.operator.provider.asked.clear()
    outcome = await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert outcome.verified is Level.SIZE_CONTAINER
    assert (len(there.ranges), there.operator.provider.asked) == (1, [])


async def test_rule_14_the_hosts_own_figure_says_what_is_all() -> None:
    """It is not what the provider promised, but nothing more is to be had of it."""
    due = download(size=len(BODY) + 5)
    there = bench([cut(len(BODY))])
    await there.failed(due)
    assert there.operator.log.events[0][1]["bytes"] == len(BODY)
    assert type((await there.failed(due)).error) is SizeMismatch
    assert len(there.ranges) == 1


async def test_rule_17_a_whole_file_that_ends_early_is_not_whole() -> None:
    headers = {"Content-Range": "bytes 0-1999/2000", "Transfer-Encoding": "chunked"}
    there = bench([FakeReply(headers={"ETag": '"v1"', **headers}, pieces=[BODY[:800]])])
    outcome = await there.failed(DUE)
    assert outcome.error.args == ("the stream ended 800 bytes into 2000",)
    assert outcome.progressed


async def test_rule_4_without_a_validator_all_is_asked_for_again() -> None:
    there = bench([cut(800, ETag='W/"v1"'), FakeReply.of(BODY, ETag='W/"v1"')])
    outcome = await there.failed(DUE)
    assert not outcome.progressed
    await there.stored(DUE)
    assert there.ranges == [None, None]


async def test_rule_4_a_digest_that_will_be_checked_is_as_good_as_a_validator() -> None:
    promise = {"Repr-Digest": "sha-256=:j0NDRmSPa5bfid2pAcUXaxDm2Dlh3TwayItZstwyeqQ=:"}
    there = bench(
        [
            FakeReply(headers={"Content-Length": "2000", **promise}, pieces=[BODY[:800], BREAK]),
            replace(rest(800), headers={"Content-Range": "bytes 800-1999/2000"}),
        ]
    )
    assert (await there.failed(DUE)).progressed
    outcome = await there.failed(DUE)
    assert there.ranges == [None, "bytes=800-"]
    assert outcome.error.args == ("the sha256 of what came is not the promised one",)


async def test_rule_4_a_hint_is_not() -> None:
    there = bench([cut(800, ETag="", **{"Zoom-File-SHA256": "0" * 64}), FakeReply.of(BODY)])
    await there.failed(DUE)
    await there.stored(DUE)
    assert there.ranges == [None, None]


# --- what must not get into a part ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (FakeReply.of(b"<html>Passcode Required</html>", Content_Type="text/html"), NotMedia),
        (FakeReply.json({"status": False, "errorCode": 401}), NotMedia),
        (FakeReply.of(b"\0" * 2000, Content_Type="video/mp4"), Damaged),
        (FakeReply.of(b""), NotMedia),
        (FakeReply.of(b"Access denied"), NotMedia),
        (FakeReply.of(BODY, Content_Encoding="gzip"), Encoded),
        (FakeReply.of(BODY, Content_Type="multipart/byteranges; boundary=x"), BadReply),
        (FakeReply.of(BODY, status=204), Garbled),
        (FakeReply.of(BODY, status=206), BadReply),
        (FakeReply.of(b"no", status=451), Refused),
    ],
)
async def test_rule_18_bug_33_nothing_of_a_wrong_answer_is_kept(
    reply: FakeReply, error: type[TransferError]
) -> None:
    there = bench(lambda _: reply)
    assert type((await there.failed(DUE)).error) is error
    assert (there.left(DUE), there.kept(DUE)) == (b"", None)


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply.of(b"<html>Passcode Required</html>", Content_Type="text/html"),
        FakeReply.json({"status": False, "errorCode": 401}),
        FakeReply(status=403),
        FakeReply(status=404),
        FakeReply(status=502),
        FakeReply(status=204),
        FakeReply.redirect(""),
        Garbled("not HTTP"),
    ],
)
async def test_a_wrong_answer_costs_no_bytes(reply: Answer) -> None:
    there = await with_800_held(reply, reply)
    await there.failed(DUE)
    assert there.left(DUE) == BODY[:800]


@pytest.mark.parametrize("label", ["text/html", "application/json", "nonsense"])
async def test_the_label_of_a_range_outweighs_nothing(label: str) -> None:
    labelled = replace(rest(800), headers={**rest(800).headers, "Content-Type": label})
    there = await with_800_held(labelled)
    await there.stored(DUE)
    assert there.kept(DUE) == BODY


async def test_the_bytes_outweigh_a_label() -> None:
    there = bench([FakeReply.of(BODY, Content_Type="text/html")])
    await there.stored(DUE)
    assert there.kept(DUE) == BODY


@pytest.mark.parametrize("coding", ["aws-chunked", "UTF-8"])
async def test_a_label_that_is_no_compression_is_told(coding: str) -> None:
    there = bench([FakeReply.of(BODY, Content_Encoding=coding)])
    assert (await there.stored(DUE)).label == coding.lower()


@pytest.mark.parametrize(
    "reply",
    [
        rest(801),
        rest(799),
        rest(800, ETag='"v2"'),
        rest(800, Content_Range="bytes 800-1999/2001"),
        rest(800, Content_Encoding="gzip"),
        rest(800, Content_Type="multipart/byteranges; boundary=x"),
    ],
)
async def test_rule_8_a_wrong_range_costs_all_bytes(reply: FakeReply) -> None:
    """They may be of another version than everything to come."""
    there = await with_800_held(reply)
    outcome = await there.failed(DUE)
    assert isinstance(outcome.error, BadReply | Encoded)
    assert (outcome.progressed, there.left(DUE)) == (False, b"")


async def test_rule_8_bytes_beyond_the_announced_range_are_not_written() -> None:
    """Who cannot count may mean any place with them; not even for a moment are they in the part."""
    longer = replace(rest(800, 900), pieces=[BODY[800:850], BODY[850:950], BREAK])
    there = await with_800_held(longer)
    seen: list[int] = []
    truly = MemoryPart.write

    async def write(self: MemoryPart, pieces: list[bytes]) -> None:
        seen.append(sum(map(len, pieces)))
        await truly(self, pieces)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPart, "write", write)
        outcome = await there.failed(DUE)
    assert outcome.error.args == ("900 bytes were announced, at least 950 came",)
    assert sum(seen) <= 100
    assert there.left(DUE) == b""


@pytest.mark.parametrize("pieces", [[BODY, b"!"], [BODY + b"!"]])
async def test_rule_19_more_than_the_size_is_an_error_with_both_figures(
    pieces: list[bytes],
) -> None:
    there = bench([FakeReply(headers={"Transfer-Encoding": "chunked"}, pieces=pieces)])
    outcome = await there.failed(DUE)
    assert outcome.error.args == ("2000 bytes were announced, at least 2001 came",)
    assert there.kept(DUE) is None
    assert there.archive.quarantined[0][1].startswith("size_mismatch: 2000 bytes")


async def test_an_address_that_cannot_be_read_is_refused_without_a_request() -> None:
    provider = Locating([Locator("https://user:secret@dl.example?token=secret")])
    there = bench([], provider=provider)
    outcome = await there.failed(DUE)
    assert type(outcome.error) is Refused
    assert "secret" not in str(outcome.error)


# --- writing --------------------------------------------------------------------------------------


async def test_rule_29_little_pieces_are_gathered() -> None:
    writes: list[int] = []
    original = MemoryPart.write

    async def write(self: MemoryPart, pieces: list[bytes]) -> None:
        writes.append(len(pieces))
        await original(self, pieces)

    body = media(bodies.BATCH + 100_000)
    pieces = [body[at : at + 10_000] for at in range(0, len(body), 10_000)]
    due = download(size=len(body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPart, "write", write)
        there = bench([FakeReply(headers={"Content-Length": str(len(body))}, pieces=pieces)])
        await there.stored(due)
    assert len(writes) == 2
    assert there.kept(due) == body


async def test_rule_43_the_offset_is_made_durable_now_and_then() -> None:
    piece = media(1000) + bytes(bodies.CHECKPOINT - 1000)
    due = download()
    there = bench([FakeReply(headers={"ETag": '"v1"'}, pieces=[piece, b"x", BREAK])])
    await there.failed(due)
    assert there.archive.checkpoints == 2  # one on the way, one after the break


async def test_a_break_after_progress_is_made_durable() -> None:
    there = bench([cut(800)])
    outcome = await there.failed(DUE)
    assert (outcome.progressed, there.archive.checkpoints) == (True, 1)


async def test_rule_28_being_stopped_keeps_the_bytes_that_came() -> None:
    hang = anyio.Event()
    there = bench(
        [FakeReply(headers=ALL_BUT_RANGES, pieces=[BODY[:700], BODY[700:900], hang]), rest(900)]
    )
    with anyio.move_on_after(1) as scope:
        await there.attempt(DUE)
    assert scope.cancelled_caught
    assert there.left(DUE) == BODY[:900]
    await there.stored(DUE)
    assert there.kept(DUE) == BODY
    assert there.ranges == [None, "bytes=900-"]


async def test_rule_28_being_stopped_while_a_batch_waits_for_the_disk_keeps_it() -> None:
    """The batch was taken already: lost here, it would be asked for again."""
    began, original = anyio.Event(), MemoryPart.write

    async def write(self: MemoryPart, pieces: list[bytes]) -> None:
        began.set()
        await anyio.sleep(1)
        await original(self, pieces)

    body = media(bodies.BATCH + 500)
    headers = {"ETag": '"v1"', "Content-Length": str(len(body))}
    there = bench([FakeReply(headers=headers, pieces=[body[: bodies.BATCH], anyio.Event()])])
    due = download(size=len(body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPart, "write", write)
        async with anyio.create_task_group() as group:
            group.start_soon(there.attempt, due)
            await began.wait()
            group.cancel_scope.cancel()
    assert len(there.left(due)) == bodies.BATCH


async def test_a_full_disk_keeps_what_fitted() -> None:
    there = bench([FakeReply.of(BODY, ETag='"v1"'), rest(1234)])
    there.archive.room = 1234
    assert type((await there.failed(DUE)).error) is DiskFull
    assert there.left(DUE) == BODY[:1234]
    there.archive.room = 1 << 20
    await there.stored(DUE)
    assert there.kept(DUE) == BODY


async def test_rule_27_a_failed_disk_is_told_as_it_was() -> None:
    """The part is given up by then; that it cannot be cleared is no news."""

    async def broken(*_: object, **__: object) -> None:
        raise IoFailed("Input/output error")

    async def given_up(*_: object, **__: object) -> None:
        raise IoFailed("the part was given up")

    there = bench([FakeReply.of(BODY)])
    begin = MemoryPart.begin
    calls = 0

    async def begin_once(self: MemoryPart, **told: object) -> None:
        nonlocal calls
        calls += 1
        await (begin(self, **told) if calls == 1 else given_up())  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPart, "write", broken)
        patch.setattr(MemoryPart, "begin", begin_once)
        outcome = await there.failed(DUE)
    assert outcome.error.args == ("Input/output error",)


async def test_progress_can_be_watched() -> None:
    gate = anyio.Event()
    body = media(bodies.BATCH + 1000)
    there = bench(
        [
            FakeReply(
                headers={"Content-Length": str(len(body))},
                pieces=[body[: bodies.BATCH], gate, body[bodies.BATCH :]],
            )
        ]
    )
    async with anyio.create_task_group() as group:
        group.start_soon(there.attempt, download(size=len(body)))
        await anyio.sleep(1)
        (transfer,) = there.operator.transfers.under_way
        assert (transfer.done, transfer.total) == (bodies.BATCH, len(body))
        gate.set()
    assert not there.operator.transfers.under_way
    assert there.operator.transfers.received == len(body)


# --- patience -------------------------------------------------------------------------------------


async def test_rule_52_a_host_that_wants_peace_gets_it_from_the_whole_pool() -> None:
    there = bench([FakeReply(status=429, headers={"Retry-After": "60"}), FakeReply.of(BODY)])
    assert type((await there.failed(DUE)).error) is Throttled
    other = replace(DUE, row=2, file=download("b.mp4").file)
    outcome = await there.failed(other)
    assert type(outcome.error) is Parked
    assert outcome.error.after == pytest.approx(60)
    assert len(there.ranges) == 1
    await anyio.sleep(60)
    await there.stored(other)


async def test_rule_52_a_later_shorter_wish_does_not_shorten_the_peace() -> None:
    backoff = HostBackoff()
    backoff.grant("https://dl.example", Throttled("x", after=60))
    backoff.grant("https://dl.example", Throttled("x"))
    await anyio.sleep(59)
    with pytest.raises(Parked):
        backoff.check("https://dl.example")
    await anyio.sleep(1)
    backoff.check("https://dl.example")


async def test_rule_52_no_host_silences_us_for_more_than_an_hour() -> None:
    backoff = HostBackoff()
    backoff.grant("https://dl.example", Throttled("x", after=1e9))
    await anyio.sleep(3600)
    backoff.check("https://dl.example")


async def test_throttling_is_told_when_it_begins_and_when_it_is_over() -> None:
    slow = FakeReply(status=429, headers={"Retry-After": "60"})
    there = bench([slow, slow, FakeReply.of(BODY)])
    told = []
    for _ in range(4):
        there.operator.log.events.clear()
        await there.attempt(DUE)
        told.append(
            [keys for name, keys in there.operator.log.events if name == "provider.throttled"]
        )
        await anyio.sleep(60)
    where = {"provider": DUE.provider, "host": "https://dl.example"}
    assert told == [[{**where, "until": "2026-01-05T12:01:00+00:00"}], [], [where], []]


async def test_the_peace_of_many_hosts_takes_little_memory() -> None:
    backoff = HostBackoff()
    for number in range(HOSTS + 1):
        backoff.grant(f"https://{number}.example", Throttled("x"))
    backoff.check("https://0.example")
    with pytest.raises(Parked):
        backoff.check("https://1.example")


async def test_another_host_is_not_parked() -> None:
    provider = Locating([Locator("https://a.example/f"), Locator("https://b.example/f")])
    there = bench([FakeReply(status=429), FakeReply.of(BODY)], provider=provider)
    await there.failed(DUE)
    await there.stored(DUE)


# --- all together ---------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(0, 1999), max_size=6), size=st.integers(40, 1500))
def test_whatever_breaks_wherever_the_bytes_are_exact(cuts: list[int], size: int) -> None:
    body = media(size)
    shelf, due = Shelf(body), download(size=size)
    left = iter(cuts)

    def script(request: Request) -> FakeReply:
        answer = shelf(request.headers)
        (piece,) = answer.pieces
        assert isinstance(piece, bytes)
        at = next(left, None)
        if at is None or at >= len(piece):
            return answer
        return replace(answer, pieces=[piece[:at], BREAK])

    async def main() -> None:
        there = bench(script)
        for _ in range(len(cuts) + 1):
            await there.attempt(due)
            if there.kept(due) is not None:
                break
        assert there.kept(due) == body
        assert there.operator.transfers.received == size

    anyio.run(main)


def test_headers_are_read_whatever_their_case() -> None:
    lower: Callable[[Mapping[str, str]], dict[str, str]] = lambda headers: {  # noqa: E731
        name.lower(): value for name, value in headers.items()
    }

    async def main() -> None:
        first, second = cut(800), rest(800)
        there = bench(
            [
                replace(first, headers=lower(first.headers)),
                replace(second, headers=lower(second.headers)),
            ]
        )
        await there.failed(DUE)
        await there.stored(DUE)
        assert there.ranges == [None, "bytes=800-"]

    anyio.run(main)
