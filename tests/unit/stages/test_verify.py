"""Whether a complete part is the promised file (rules 17, 36 to 41)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from fakes.attempts import Bench, bench, failed, stored
from fakes.holdings import download
from fakes.shelf import media
from fakes.transport import FakeReply
from reelkeep.archive.hashed_file import new_hash
from reelkeep.core.model import ANY_BYTES, Download, Level, Outcome
from reelkeep.errors import Damaged, DigestMismatch, SizeMismatch, TransferError, Unreachable

BODY = media(2000)
TEXT, JSON, VTT = b"a chat " * 100, b'{"timeline":[]}', b"WEBVTT\n\n" + b"words\n" * 200
CHUNKED = {"Transfer-Encoding": "chunked"}


def b64(name: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


def crc(name: str, content: bytes) -> str:
    hashed = new_hash(name)
    hashed.update(content)
    return base64.b64encode(bytes.fromhex(hashed.hexdigest())).decode()


def bare(content: bytes, **headers: str) -> FakeReply:
    """Return a reply that just ends: HTTP/1.0, or `Connection: close`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeReply(headers=named, pieces=[content])


@pytest.mark.parametrize(
    ("due", "reply", "level"),
    [
        (download(), FakeReply.of(BODY, Content_MD5=b64("md5", BODY)), Level.DIGEST),
        (
            download(),
            FakeReply.of(BODY, Repr_Digest=f"sha-512=:{b64('sha512', BODY)}:"),
            Level.DIGEST,
        ),
        (
            download(),
            FakeReply.of(BODY, Zoom_File_SHA256=hashlib.sha256(BODY).hexdigest()),
            Level.DIGEST,
        ),
        (
            download(),
            FakeReply.of(BODY, Server="AmazonS3", ETag=f'"{hashlib.md5(BODY).hexdigest()}"'),
            Level.ETAG_MD5,
        ),
        (download(), FakeReply.of(BODY, x_amz_checksum_crc32=crc("crc32", BODY)), Level.CRC),
        (download(), FakeReply.of(BODY, x_amz_checksum_crc32c=crc("crc32c", BODY)), Level.CRC),
        (
            download(size=2000),
            FakeReply.of(BODY, x_amz_checksum_crc64nvme=crc("crc64nvme", BODY)),
            Level.CRC,
        ),
        (download(), bare(BODY, x_goog_hash=f"crc32c={crc('crc32c', BODY)}"), Level.CRC),
        (download("a.txt"), bare(TEXT, x_goog_hash=f"crc32c={crc('crc32c', TEXT)}"), Level.CRC),
        (
            download(),
            FakeReply.of(BODY, x_amz_checksum_crc32=f"{crc('crc32', b'12345678')}-2"),
            Level.SIZE_CONTAINER,
        ),
        (download(size=2000), FakeReply.of(BODY), Level.SIZE_CONTAINER),
        (download(), FakeReply.of(BODY), Level.SIZE_CONTAINER),
        (download(size=2000), bare(BODY), Level.SIZE_CONTAINER),
        (download(), FakeReply(headers=CHUNKED, pieces=[BODY]), Level.CONTAINER),
        (download(), bare(BODY), Level.CONTAINER),
        (download("a.json"), bare(JSON), Level.CONTAINER),
        (download("a.txt"), FakeReply.of(TEXT), Level.SIZE),
        (download("a.txt", size=0), FakeReply.of(b""), Level.SIZE),
        (download("a.txt"), FakeReply(headers=CHUNKED, pieces=[TEXT]), Level.NONE),
    ],
)
async def test_rule_39_the_level_says_how_it_was_verified(
    due: Download, reply: FakeReply, level: Level
) -> None:
    assert (await bench([reply]).stored(due)).verified is level


@pytest.mark.parametrize(
    ("due", "reply", "error"),
    [
        (download(size=2001), FakeReply.of(BODY), SizeMismatch),
        (download(size=2001), bare(BODY), SizeMismatch),
        (download(size=1999), FakeReply.of(BODY), SizeMismatch),
        (download(), FakeReply.of(BODY, Content_MD5=b64("md5", b"other")), DigestMismatch),
        (download(), FakeReply.of(BODY, Digest=f"SHA-256={b64('sha256', b'x')}"), DigestMismatch),
        (
            download(),
            FakeReply.of(BODY, x_amz_checksum_crc32c=crc("crc32c", b"other")),
            DigestMismatch,
        ),
        (
            download(),
            FakeReply.of(
                BODY,
                Repr_Digest=f"sha-256=:{b64('sha256', BODY)}:",
                x_amz_checksum_crc64nvme=crc("crc64nvme", b"other"),
            ),
            DigestMismatch,
        ),
        (download(), bare(BODY[:-50], Digest=f"crc32c={crc('crc32c', BODY)}"), DigestMismatch),
        (download(), bare(BODY[:-50]), Damaged),
        (download("a.json"), bare(JSON[:-1]), Damaged),
        (download("a.jpg"), bare(b"\xff\xd8\xff" + b"\0" * 600), Damaged),
    ],
)
async def test_rule_41_what_is_not_the_promised_file_gets_no_name(
    due: Download, reply: FakeReply, error: type[TransferError]
) -> None:
    there = bench([reply])
    assert type((await there.failed(due)).error) is error
    assert there.kept(due) is None
    assert (len(there.archive.quarantined), there.left(due)) == (1, b"")


async def test_rule_37_a_checksum_of_what_google_stored_compressed_accuses_nobody() -> None:
    reply = FakeReply.of(
        BODY,
        x_goog_hash=f"crc32c={crc('crc32c', b'the stored bytes')}",
        x_guploader_response_body_transformations="gunzipped",
    )
    assert (await bench([reply]).stored(download())).verified is Level.SIZE_CONTAINER


@pytest.mark.parametrize(
    "headers",
    [
        {"Server": "AmazonS3", "ETag": f'"{"0" * 32}"'},
        {"Zoom-File-SHA256": "0" * 64},
    ],
)
async def test_rule_38_a_hint_that_does_not_hold_accuses_nobody(headers: dict[str, str]) -> None:
    reply = FakeReply(headers={"Content-Length": "2000", **headers}, pieces=[BODY])
    assert (await bench([reply]).stored(download())).verified is Level.SIZE_CONTAINER


# --- what a range promises ------------------------------------------------------------------------


def interrupted(**headers: str) -> FakeReply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeReply(
        headers={"ETag": '"v1"', "Content-Length": "2000", **named},
        pieces=[BODY[:800], Unreachable("x")],
    )


def rest(**headers: str) -> FakeReply:
    told = {"ETag": '"v1"', "Content-Range": "bytes 800-1999/2000"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeReply(status=206, headers={**told, **named}, pieces=[BODY[800:]])


async def in_two(first: FakeReply, second: FakeReply) -> Outcome:
    there = bench([first, second])
    await there.failed(download())
    outcome = await there.attempt(download())
    assert there.ranges == [None, "bytes=800-"]
    return outcome


WRONG = b64("md5", b"other")


@pytest.mark.parametrize(
    ("headers", "level"),
    [
        ({"Repr_Digest": f"sha-256=:{b64('sha256', BODY)}:"}, Level.DIGEST),
        ({"x_goog_hash": f"crc32c={crc('crc32c', BODY)}"}, Level.CRC),
        # these speak of the range, or may do so
        ({"Content_Digest": f"md5=:{WRONG}:"}, Level.SIZE_CONTAINER),
        ({"Content_MD5": WRONG}, Level.SIZE_CONTAINER),
        ({"x_amz_checksum_crc32c": crc("crc32c", BODY[800:])}, Level.SIZE_CONTAINER),
    ],
)
async def test_rule_36_what_a_range_promises_of_the_whole_is_checked(
    headers: dict[str, str], level: Level
) -> None:
    assert stored(await in_two(interrupted(), rest(**headers))).verified is level


@pytest.mark.parametrize(
    "headers", [{"Repr_Digest": f"md5=:{WRONG}:"}, {"x_goog_hash": "crc32c=AAAAAA=="}]
)
async def test_rule_36_a_range_of_another_whole_is_refused(headers: dict[str, str]) -> None:
    error = failed(await in_two(interrupted(), rest(**headers))).error
    assert type(error) is DigestMismatch


async def test_rule_36_what_the_part_was_begun_with_has_its_way() -> None:
    first = interrupted(Digest=f"md5={b64('md5', BODY)}")
    outcome = stored(await in_two(first, rest(Digest=f"md5={WRONG}")))
    assert outcome.verified is Level.DIGEST


def some(digest: str) -> FakeReply:
    """Return a range that ends early, and promises the whole."""
    headers = {"Content-Range": "bytes 800-999/2000", "Repr-Digest": f"md5=:{digest}:"}
    return FakeReply(status=206, headers=headers, pieces=[BODY[800:1000]])


async def test_rule_36_what_one_range_promises_holds_for_the_next() -> None:
    last = FakeReply(
        status=206, headers={"Content-Range": "bytes 1000-1999/2000"}, pieces=[BODY[1000:]]
    )
    there = bench([interrupted(), some(b64("md5", BODY)), last])
    await there.failed(download())
    assert (await there.stored(download())).verified is Level.DIGEST


async def test_rule_36_what_a_range_promised_is_forgotten_when_it_begins_anew() -> None:
    there = bench([interrupted(), some(WRONG), FakeReply.of(BODY)])
    await there.failed(download())
    assert (await there.stored(download())).verified is Level.SIZE_CONTAINER


@pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme"])
async def test_rule_4_without_a_validator_a_crc_lets_it_go_on_and_shows_joined_halves(
    name: str,
) -> None:
    first = interrupted(ETag="", **{f"x_amz_checksum_{name}": crc(name, BODY)})
    assert stored(await in_two(first, rest())).verified is Level.CRC
    other = replace(rest(), pieces=[BODY[801:] + b"!"])
    assert type(failed(await in_two(first, other)).error) is DigestMismatch


# --- bodies that just end -------------------------------------------------------------------------


async def read_twice(name: str, first: FakeReply, second: FakeReply) -> tuple[Bench, Download]:
    there, due = bench([first, second]), download(name)
    assert type((await there.failed(due)).error) is Unreachable
    assert there.kept(due) is None
    return there, due


@pytest.mark.parametrize(("name", "content"), [("a.txt", TEXT), ("a.vtt", VTT), ("a.events", b"")])
async def test_rule_17_a_body_that_just_ends_is_believed_when_it_comes_twice(
    name: str, content: bytes
) -> None:
    there, due = await read_twice(name, bare(content), bare(content))
    await there.stored(due)
    assert there.kept(due) == content


async def test_rule_17_a_body_that_was_cut_is_not_believed() -> None:
    there, due = await read_twice("a.vtt", bare(VTT[:700]), bare(VTT))
    await there.failed(due)
    assert there.kept(due) is None


async def test_rule_17_a_range_can_confirm_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelkeep.core.resume.SEAM", 10)
    size = len(TEXT)
    headers = {"ETag": '"v1"', "Content-Range": f"bytes {size - 10}-{size - 1}/{size}"}
    confirmed = FakeReply(status=206, headers=headers, pieces=[TEXT[-10:]])
    there, due = await read_twice("a.txt", bare(TEXT, ETag='"v1"'), confirmed)
    await there.stored(due)
    assert there.kept(due) == TEXT


async def test_rule_17_a_range_can_bring_what_was_cut_off() -> None:
    rest = FakeReply(
        status=206,
        headers={"ETag": '"v1"', "Content-Range": f"bytes 600-{len(TEXT) - 1}/{len(TEXT)}"},
        pieces=[TEXT[600:]],
    )
    there, due = await read_twice("a.txt", bare(TEXT[:600], ETag='"v1"'), rest)
    await there.stored(due)
    assert there.kept(due) == TEXT


# --- bytes that do not fit ------------------------------------------------------------------------

CUT_MP4, CUT_JSON = BODY[:-50], JSON[:-1]
PAGE = b"<!doctype html><html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("name", "content", "sized", "level"),
    [
        ("a.mp4", CUT_MP4, True, Level.SIZE),
        ("a.mp4", CUT_MP4, False, Level.NONE),
        ("a.jpg", b"\x89PNG\r\n\x1a\n" + bytes(50), False, Level.NONE),
        ("a.mp4", b"PK\3\4 no MP4 file" * 9, True, Level.SIZE),
        ("a.json", CUT_JSON, True, Level.SIZE),
        ("a.vtt", b"1\n00:01.000 --> 00:02.000\nHello\n", True, Level.SIZE),
        ("a.jpg", b"%PDF-1.4\n" + bytes(50), True, Level.SIZE),
    ],
)
async def test_the_same_bytes_twice_are_the_file(
    name: str, content: bytes, sized: bool, level: Level
) -> None:
    due = download(name, size=len(content) if sized else None)
    chunked = FakeReply(headers=CHUNKED, pieces=[content])
    there = bench(lambda _: FakeReply.of(content) if sized else chunked)
    first = await there.failed(due)
    assert (type(first.error), first.sha256) == (Damaged, hashlib.sha256(content).hexdigest())
    again = await there.stored(due)
    assert (again.verified, again.reason) == (level, "not_media")
    assert "the same bytes came twice" in (again.note or "")
    assert there.ranges == [None, None]
    assert there.kept(due) == content


async def test_other_bytes_the_second_time_are_not_the_file() -> None:
    due = download(size=len(CUT_MP4))
    other = CUT_MP4[:-1] + b"!"
    there = bench([FakeReply.of(each) for each in (CUT_MP4, other, CUT_MP4)])
    for _ in range(3):
        assert type((await there.failed(due)).error) is Damaged
    assert there.kept(due) is None


@pytest.mark.parametrize(
    ("due", "reply"),
    [
        (download("a.txt", size=len(PAGE)), FakeReply.of(PAGE)),
        (download("a.docx", size=len(PAGE)), FakeReply.of(PAGE)),
        (download("a.txt"), bare(b"  " * 300 + PAGE)),
        (download(), FakeReply(headers=CHUNKED, pieces=[b"Access denied"])),
        (download(), FakeReply.of(b"Access denied", Content_Type="text/plain")),
        (download("a.events"), FakeReply.of(b"Access denied\n", Content_Type="text/plain")),
        (download("a.txt"), bare(b"access denied.")),
        (download(), bare(CUT_MP4)),
        (download(size=3000), FakeReply.of(BODY)),
        (download(), FakeReply.of(BODY, Content_MD5=b64("md5", b"other"))),
    ],
)
async def test_pages_and_broken_promises_are_not_believed_however_often_they_come(
    due: Download, reply: FakeReply
) -> None:
    there = bench(lambda _: reply)
    for _ in range(3):
        await there.failed(due)
    assert there.kept(due) is None


async def test_a_promised_digest_proves_what_looks_broken_at_once() -> None:
    reply = FakeReply.of(CUT_MP4, Content_MD5=b64("md5", CUT_MP4))
    outcome = await bench([reply]).stored(download(size=len(CUT_MP4)))
    assert outcome.verified is Level.DIGEST
    assert "truncated" in (outcome.note or "")


@pytest.mark.parametrize(
    ("due", "reply", "level", "code"),
    [
        (download(size=len(PAGE)), FakeReply.of(PAGE), Level.SIZE, "not_media"),
        (download(size=3000), FakeReply.of(BODY), Level.NONE, "size_mismatch"),
        (download(size=1000), FakeReply.of(BODY), Level.NONE, "size_mismatch"),
        (
            download(size=2000),
            FakeReply.of(BODY, Content_MD5=b64("md5", b"other")),
            Level.NONE,
            "digest_mismatch",
        ),
        (download(size=2000), FakeReply.of(BODY, Content_Encoding="gzip"), None, None),
        (download(size=2000), FakeReply.of(BODY), None, None),
    ],
)
async def test_what_the_operator_accepts_is_the_file_and_no_broken_promise_is_called_kept(
    due: Download, reply: FakeReply, level: Level | None, code: str | None
) -> None:
    outcome = await bench([reply]).stored(replace(due, accepts=ANY_BYTES))
    assert outcome.verified is (level or Level.SIZE_CONTAINER)
    assert outcome.reason == code
    assert ("accepted by the operator" in (outcome.note or "")) is (code is not None)


@pytest.mark.parametrize(
    ("promised", "code", "level"),
    [
        (len(CUT_MP4), "not_media", Level.SIZE),
        (2000, "size_mismatch", Level.NONE),
        (len(CUT_MP4), "digest_mismatch", Level.NONE),
        (None, "not_media", Level.NONE),
    ],
)
async def test_accepted_bytes_are_taken_from_quarantine_and_nobody_is_asked(
    promised: int | None, code: str, level: Level
) -> None:
    there = bench([])
    there.archive.quarantined.append((CUT_MP4, "why"))
    sha256 = hashlib.sha256(CUT_MP4).hexdigest()
    due = replace(download(size=promised), accepts=sha256, reason=code)
    outcome = await there.stored(due)
    assert (outcome.verified, outcome.reason, outcome.sha256) == (level, code, sha256)
    assert (there.kept(due), there.ranges) == (CUT_MP4, [])


async def test_a_crash_after_accepted_bytes_were_kept_changes_nothing() -> None:
    there = bench([])
    sha256 = hashlib.sha256(CUT_MP4).hexdigest()
    due = replace(download(size=2000), accepts=sha256, reason="size_mismatch")
    there.archive.waiting[due.key, due.file] = CUT_MP4
    assert (await there.stored(due)).verified is Level.NONE


async def test_other_bytes_than_the_accepted_ones_are_examined_as_ever() -> None:
    there = bench(lambda _: FakeReply.of(CUT_MP4))
    assert type((await there.failed(replace(download(), accepts="0" * 64))).error) is Damaged
