"""Promised digests over real sockets: what holds is recorded, what does not is refused.

Rules are those of the transfer notes, (b) 36 to 39.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.attempts import Desk, Locating, failed, stored
from fakes.disk import FaultyDisk, archive_on
from fakes.holdings import download
from fakes.shelf import media
from reelkeep.archive.hashed_file import new_hash
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.model import Level, Locator, Outcome
from reelkeep.errors import DigestMismatch
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Seen, Wire, serving

BODY = media(50_000)
DUE = download(size=len(BODY))
STEP = 30_000
OPTIONS = TransportOptions(allow=AddressPolicy.parse(["127.0.0.1"]))

Lines = Sequence[tuple[str, str]]
"""Header lines; one field may have several."""


def b64(name: str, content: bytes = BODY) -> str:
    hashed = new_hash(name)
    hashed.update(content)
    return base64.b64encode(bytes.fromhex(hashed.hexdigest())).decode()


@dataclass(frozen=True)
class Host:
    """Sends `whole` with the file; if it breaks, it goes on with `rest` and the other bytes."""

    whole: Lines = ()
    rest: Lines | None = None

    async def __call__(self, seen: Seen, wire: Wire) -> None:
        if "Range" in seen.headers:
            told = [("Content-Range", f"bytes {STEP}-{len(BODY) - 1}/{len(BODY)}")]
            await wire.send(head(206, BODY[STEP:], [*told, *(self.rest or ())]), BODY[STEP:])
        elif self.rest is None:
            await wire.send(head(200, BODY, self.whole), BODY)
        else:
            await wire.send(head(200, BODY, self.whole), BODY[:STEP])
            await wire.close()


def head(status: int, body: bytes, lines: Lines) -> bytes:
    named = [("Content-Length", str(len(body))), *lines]
    text = "".join(f"{name}: {value}\r\n" for name, value in named)
    return f"HTTP/1.1 {status} Status\r\n{text}\r\n".encode()


@asynccontextmanager
async def operator(host: Host, root: Path) -> AsyncIterator[Desk]:
    async with serving(host) as site, AiohttpTransport(OPTIONS) as transport:
        archive = archive_on(root, FaultyDisk())
        await archive.prepare()
        yield Desk(transport, archive, provider=Locating([Locator(site.url("/file"))]))


@pytest.fixture(autouse=True)
def no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resume asks for what is missing alone, as these hosts answer."""
    monkeypatch.setattr("reelkeep.core.resume.SEAM", 0)


async def outcome_of(host: Host, root: Path) -> Outcome:
    async with operator(host, root) as there:
        outcome = await there.fetch(DUE)
        return outcome if host.rest is None else await there.fetch(DUE)


ALGORITHMS = ["crc32", "crc32c", "crc64nvme", "md5", "sha1", "sha256", "sha512"]


@pytest.mark.parametrize("name", ALGORITHMS)
async def test_rule_39_what_held_is_recorded_as_the_level(name: str, tmp_path: Path) -> None:
    host = Host([(f"x-amz-checksum-{name}", b64(name)), ("x-amz-checksum-type", "FULL_OBJECT")])
    outcome = stored(await outcome_of(host, tmp_path))
    assert outcome.verified is (Level.CRC if name.startswith("crc") else Level.DIGEST)
    assert outcome.sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("name", ALGORITHMS)
async def test_rule_41_what_does_not_hold_is_refused_and_put_aside(
    name: str, tmp_path: Path
) -> None:
    host = Host([(f"x-amz-checksum-{name}", b64(name, BODY[:-1]))])
    error = failed(await outcome_of(host, tmp_path)).error
    assert type(error) is DigestMismatch
    assert str(error) == f"the {name} of what came is not the promised one"
    assert list((tmp_path / ".reelkeep" / "finished").iterdir()) == []
    (put_aside,) = (tmp_path / ".reelkeep" / "quarantine").glob("*.part")
    assert put_aside.read_bytes() == BODY


@pytest.mark.parametrize("first", ["crc32c", "md5"])
async def test_rule_36_a_broken_promise_is_seen_on_any_line(first: str, tmp_path: Path) -> None:
    values = {"crc32c": b64("crc32c"), "md5": b64("md5", b"other")}
    names = sorted(values, key=lambda name: name != first)
    host = Host([("x-goog-hash", f"{name}={values[name]}") for name in names])
    assert type(failed(await outcome_of(host, tmp_path)).error) is DigestMismatch


async def test_rule_36_a_range_speaks_of_the_whole_in_repr_digest_only(tmp_path: Path) -> None:
    rest = [
        ("Repr-Digest", f"crc32c=:{b64('crc32c')}:;a=1"),
        ("Content-Digest", f"crc32c=:{b64('crc32c', BODY[STEP:])}:"),
        ("Content-MD5", b64("md5", BODY[STEP:])),
    ]
    outcome = stored(await outcome_of(Host([("ETag", '"v1"')], rest), tmp_path))
    assert outcome.verified is Level.CRC


async def test_rule_36_halves_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    """There is no validator: the CRC of the whole stands for one."""
    host = Host([("x-goog-hash", f"crc32c={b64('crc32c', BODY[:STEP] + bytes(20_000))}")], [])
    assert type(failed(await outcome_of(host, tmp_path)).error) is DigestMismatch


@pytest.mark.parametrize(
    "lines",
    [
        [("x-amz-checksum-crc32c", f"{b64('crc32c', b'other')}-4")],
        [("x-amz-checksum-crc32c", b64("crc32c", b"x")), ("x-amz-checksum-type", "COMPOSITE")],
        [
            ("x-goog-hash", f"crc32c={b64('crc32c', b'compressed')}"),
            ("x-goog-hash", f"md5={b64('md5', b'compressed')}"),
            ("x-goog-stored-content-encoding", "gzip"),
            ("x-guploader-response-body-transformations", "gunzipped"),
        ],
    ],
    ids=["parts", "composite", "transcoded"],
)
async def test_rule_37_what_is_of_other_bytes_neither_proves_nor_accuses(
    lines: Lines, tmp_path: Path
) -> None:
    assert stored(await outcome_of(Host(lines), tmp_path)).verified is Level.SIZE_CONTAINER


@pytest.mark.parametrize(
    ("content", "more", "level"),
    [
        (BODY, (), Level.ETAG_MD5),
        (b"other", (), Level.SIZE_CONTAINER),
        (BODY, [("x-amz-server-side-encryption", "aws:kms")], Level.SIZE_CONTAINER),
        (BODY, [("x-amz-checksum-crc64nvme", b64("crc64nvme"))], Level.ETAG_MD5),
        (b"other", [("x-amz-checksum-crc64nvme", b64("crc64nvme"))], Level.CRC),
    ],
    ids=["md5", "no-md5", "kms", "md5-and-crc", "no-md5-and-crc"],
)
async def test_rule_38_an_etag_of_s3_can_confirm_and_never_accuse(
    content: bytes, more: Lines, level: Level, tmp_path: Path
) -> None:
    tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    host = Host([("Server", "AmazonS3"), ("ETag", f'"{tag}"'), *more])
    assert stored(await outcome_of(host, tmp_path)).verified is level
