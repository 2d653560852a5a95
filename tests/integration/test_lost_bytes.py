"""Faults that are planted between the socket and the disk: none of them may get a file its name.

Each happens once. The attempt that met it fails, all that was held of the file is thrown away,
that is said, and the next attempt stores the right bytes (ADR 23).
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from aiohttp import StreamReader

from fakes.disk import FaultyDisk, StubbornDisk
from fakes.holdings import download
from fakes.shelf import Shelf, media
from hosts import breaking
from reelkeep.archive import hashed_file
from reelkeep.archive.hashed_file import PrefixHash
from reelkeep.core import resume
from reelkeep.core.coverage import Scale
from reelkeep.core.model import Failed
from reelkeep.core.resume import Ask
from reelkeep.errors import BadReply, IoFailed, WrongBytes
from reelkeep.stages import segments
from reelkeep.transport.connection import Plain, Secure, count_of
from reelkeep.transport.direct_reader import Body
from servers import Wire
from stage import BRIEF, Host, Scene, scene

BODY = media(3_000_000)
DUE = download(size=len(BODY))
LANES = Scale(large=500_000, rest=250_000, piece=300_000, stolen=64 << 10)


def counts() -> bool:
    """Return whether this kernel counts what it receives."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
        server.accept()[0] as other,
    ):
        other.sendall(b"x")
        sock.recv(1)
        return count_of(sock) is not None


needs_a_count = pytest.mark.skipif(not counts(), reason="this kernel does not count bytes")


@pytest.fixture(params=["http", "https"])
def tls(
    request: pytest.FixtureRequest, quick_trust: None, localhost_tls: ssl.SSLContext
) -> ssl.SSLContext | None:
    return localhost_tls if request.param == "https" else None


@pytest.fixture
def all_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small ranges have connections of their own, too."""
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", 1)
    monkeypatch.setattr("reelkeep.transport.direct_reader.TAP_FROM", 1)


async def settled(there: Scene, *, faults: int = 1) -> None:
    """See that an attempt fails for each fault, that this is said, and that the file is right."""
    there.check(await there.settle(DUE), "stored", BODY)
    errors = [each.error for each in there.outcomes if isinstance(each, Failed)]
    wrong = [error for error in errors if isinstance(error, WrongBytes)]
    assert len(wrong) == faults, errors
    told = [keys for name, keys in there.operator.log.events if name == "file.discarded"]
    assert [keys["reason"] for keys in told] == [str(error) for error in wrong]


class Once:
    """Does something when a method was called `after` so many bytes, and never again."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.done = False

    def is_due(self, count: int) -> bool:
        self.left -= count
        if self.done or self.left > 0:
            return False
        self.done = True
        return True


@needs_a_count
@pytest.mark.parametrize("lanes", [1, 4])
async def test_the_bug_of_old_another_reader_of_the_same_socket_is_found_by_the_count_alone(
    lanes: int, all_direct: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop took up to 768 KiB from the connection that a thread read.

    Of several connections it is the first, early: what others have taken over is missed by nobody.
    """
    once, truly = Once(1_000_000 if lanes == 1 else 100_000), Plain.receive_into

    def receive_into(plain: Plain, into: memoryview) -> int:
        count = truly(plain, into)
        if once.is_due(count):
            ready, _, _ = select.select([plain._sock], [], [], 0.2)
            once.done = bool(ready and os.read(plain._sock.fileno(), 100_000))
        return count

    monkeypatch.setattr(Plain, "receive_into", receive_into)
    host = Host(Shelf(BODY))
    async with scene(host, tmp_path, lanes=lanes, scale=LANES) as there:
        await settled(there)
    assert once.done


@needs_a_count
async def test_bytes_that_nobody_sent_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, truly = Once(1_000_000), Plain.receive_into

    def receive_into(plain: Plain, into: memoryview) -> int:
        if len(into) > 1000 and once.is_due(len(into)):
            into[:1000] = bytes(1000)
            plain.taken += 1000
            return 1000
        return truly(plain, into)

    monkeypatch.setattr(Plain, "receive_into", receive_into)
    async with scene(Host(Shelf(BODY)), tmp_path) as there:
        await settled(there)
    assert once.done


@needs_a_count
async def test_bytes_of_two_connections_that_are_swapped_are_found(
    all_direct: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, truly, plains = Once(500_000), Plain.receive_into, list[Plain]()

    def receive_into(plain: Plain, into: memoryview) -> int:
        if plain not in plains:
            plains.append(plain)
        others = [each for each in plains if each is not plain and each._sock.fileno() >= 0]
        if others and once.is_due(len(into)):
            count = others[0]._sock.recv_into(into)
            plain.taken += count
            return count
        return truly(plain, into)

    monkeypatch.setattr(Plain, "receive_into", receive_into)
    host = Host(Shelf(BODY))
    async with scene(host, tmp_path, lanes=4, scale=LANES) as there:
        await settled(there)
    assert once.done


async def test_a_loss_within_tls_is_found_where_its_range_ends_too_early(
    all_direct: None,
    quick_trust: None,
    localhost_tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No count tells: what is lost was taken from the socket, and never left TLS."""
    once, truly = Once(500_000), Secure.receive_into

    def receive_into(self: Secure, into: memoryview) -> int:
        count = truly(self, into)
        return count - 10_000 if count > 10_000 and once.is_due(count) else count

    monkeypatch.setattr(Secure, "receive_into", receive_into)
    host = Host(Shelf(BODY))
    async with scene(
        host, tmp_path, options=BRIEF, tls=localhost_tls, lanes=4, scale=LANES
    ) as there:
        await settled(there)
    assert once.done


async def test_a_loss_before_a_seam_is_found(tls: ssl.SSLContext | None, tmp_path: Path) -> None:
    """Bytes are missing from the middle of what an earlier process left."""
    host = Host(Shelf(BODY), [breaking(Wire.close, at=2_000_000)])
    async with scene(host, tmp_path, tls=tls) as there:
        assert isinstance(await there.operator.fetch(DUE), Failed)
        (part,) = (tmp_path / ".reelkeep" / "parts").glob("*.part")
        held = part.read_bytes()
        part.write_bytes(held[:500_000] + held[510_000:])
        await settled(there)


async def test_a_loss_between_reply_and_part_is_found(
    tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, truly = Once(1_500_000), hashed_file.HashedFile._write

    def write(self: hashed_file.HashedFile, views: list[memoryview]) -> None:
        if once.is_due(sum(map(len, views))):
            views = [view[:-10] for view in views]
        truly(self, views)

    monkeypatch.setattr(hashed_file.HashedFile, "_write", write)
    async with scene(Host(Shelf(BODY)), tmp_path, tls=tls) as there:
        await settled(there)
    assert once.done


@pytest.mark.parametrize("how", ["twice", "elsewhere"])
async def test_a_piece_that_is_written_twice_or_in_the_place_of_another_is_found(
    how: str, all_direct: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many bytes came, were written and were hashed as there are: only their checksums tell."""
    once, truly, written = Once(1), hashed_file.HashedFile._pwrite, [b""]  # several threads write

    def pwrite(self: hashed_file.HashedFile, views: Sequence[memoryview], offset: int) -> int:
        piece, before = views[0], written[-1]
        if offset > self.hashed and len(before) >= len(piece) and once.is_due(len(piece)):
            if how == "twice":
                return truly(self, [memoryview(before)[: len(piece)]], offset)
            truly(self, views, offset - 40_000)
            return len(piece)
        written[:] = [bytes(piece)]
        return truly(self, views, offset)

    monkeypatch.setattr(hashed_file.HashedFile, "_pwrite", pwrite)
    host = Host(Shelf(BODY))
    async with scene(host, tmp_path, lanes=4, scale=LANES) as there:
        await settled(there)
    assert once.done


async def test_a_piece_behind_resumed_bytes_that_is_written_wrongly_is_found(
    tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash is not there yet: it follows from the disk."""
    once, truly = Once(1), hashed_file.HashedFile._pwrite

    def pwrite(self: hashed_file.HashedFile, views: Sequence[memoryview], offset: int) -> int:
        if offset > self.hashed and once.is_due(len(views[0])):
            views = [memoryview(bytes(views[0][:-1]) + b"?"), *views[1:]]
        return truly(self, views, offset)

    host = Host(Shelf(BODY), [breaking(Wire.close, at=2_000_000)])
    async with scene(host, tmp_path, tls=tls) as there:
        assert isinstance(await there.operator.fetch(DUE), Failed)
        monkeypatch.setattr(hashed_file.HashedFile, "_pwrite", pwrite)
        await settled(there)
    assert once.done


@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EROFS", "EIO"])
@pytest.mark.parametrize("refused", [{"truncate"}, {"unlink"}, {"truncate", "unlink"}])
async def test_what_cannot_be_thrown_away_is_not_built_on(
    refused: set[str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is on disk, and calls durable what came before the wrong byte."""
    once, truly = Once(1), hashed_file.HashedFile._pwrite
    disk = StubbornDisk(getattr(errno, error))

    def pwrite(self: hashed_file.HashedFile, views: Sequence[memoryview], offset: int) -> int:
        if offset > self.hashed and once.is_due(len(views[0])):
            views = [memoryview(bytes(views[0][:-1]) + b"?"), *views[1:]]
            disk.refused = frozenset(refused)
        return truly(self, views, offset)

    host = Host(Shelf(BODY), [breaking(Wire.close, at=2_000_000)])
    async with scene(host, tmp_path, disk=disk) as there:
        assert isinstance(await there.operator.fetch(DUE), Failed)
        monkeypatch.setattr(hashed_file.HashedFile, "_pwrite", pwrite)
        wrong = await there.operator.fetch(DUE)
        assert isinstance(wrong, Failed)
        assert isinstance(wrong.error, WrongBytes)
        if len(refused) == 2:
            assert wrong.distrusted
            assert sorted(there.parts()) == [".json", ".part"]
            wrong = await there.operator.fetch(replace(DUE, distrusted=True))
            assert isinstance(wrong, Failed)
            assert wrong.distrusted
        disk.refused = frozenset()
        there.check(await there.settle(replace(DUE, distrusted=wrong.distrusted)), "stored", BODY)
        assert there.operator.log.names.count("file.resumed") == 1
    assert once.done


async def test_a_range_that_is_asked_for_twice_fills_no_other_place(
    all_direct: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, asked, ranges = Once(3), resume.ask_between, list[tuple[int, int]]()

    def ask_between(start: int, until: int, validator: str) -> Ask:
        ranges.append((start, until))
        truly = asked(start, until, validator)
        if not once.is_due(1):
            return truly
        return replace(truly, headers=asked(*ranges[0], validator).headers)

    monkeypatch.setattr(segments, "ask_between", ask_between)
    host = Host(Shelf(BODY))
    async with scene(host, tmp_path, lanes=4, scale=LANES) as there:
        there.check(await there.settle(DUE), "stored", BODY)
    (failed,) = [each.error for each in there.outcomes if isinstance(each, Failed)]
    assert isinstance(failed, BadReply)
    assert once.done


@pytest.mark.parametrize("how", ["other bytes", "a changed buffer", "fewer bytes"])
async def test_a_hash_that_is_fed_other_bytes_than_were_written_is_found(
    how: str, tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, feed, write = Once(1_500_000), PrefixHash.feed, hashed_file.HashedFile._write

    def fed(self: PrefixHash, data: memoryview) -> bool:
        if how != "a changed buffer" and once.is_due(len(data)):
            data = memoryview(bytes(len(data))) if how == "other bytes" else data[:-1]
        return feed(self, data)

    def written(self: hashed_file.HashedFile, views: list[memoryview]) -> None:
        write(self, views)
        if how == "a changed buffer" and not views[0].readonly and once.is_due(len(views[0])):
            views[0][5] ^= 1

    monkeypatch.setattr(PrefixHash, "feed", fed)
    monkeypatch.setattr(hashed_file.HashedFile, "_write", written)
    async with scene(Host(Shelf(BODY)), tmp_path, tls=tls) as there:
        await settled(there)
    assert once.done


async def test_another_reader_of_what_aiohttp_reads_is_found(
    tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, truly = Once(300_000), StreamReader._read_nowait

    def read_nowait(self: StreamReader, n: int) -> bytes:
        piece = truly(self, n)
        return b"" if piece and once.is_due(len(piece)) else piece

    monkeypatch.setattr(StreamReader, "_read_nowait", read_nowait)
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", 1 << 40)
    async with scene(Host(Shelf(BODY)), tmp_path, tls=tls) as there:
        await settled(there)
    assert once.done


# --- what is no loss ------------------------------------------------------------------------------


async def fails_by_the_disk(there: Scene) -> None:
    """See that an attempt fails because of the disk, and that no loss is told."""
    outcome = await there.operator.fetch(DUE)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, IoFailed)
    assert "file.discarded" not in there.operator.log.names


@pytest.mark.parametrize("direct_from", [1, 1 << 40], ids=["drawn", "pooled"])
async def test_a_checkpoint_that_fails_is_no_loss(
    direct_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part is given up with it, so that nothing of what came is held any more."""
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", direct_from)
    monkeypatch.setattr("reelkeep.stages.body.CHECKPOINT", 1_000_000)
    disk = FaultyDisk()
    disk.fail_next("fdatasync")
    async with scene(Host(Shelf(BODY)), tmp_path, disk=disk) as there:
        await fails_by_the_disk(there)


async def test_held_bytes_that_cannot_be_read_while_more_come_are_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def catch_up(_stream: hashed_file.HashedFile, _upto: int) -> None:
        raise OSError(errno.EIO, "bad block")

    host = Host(Shelf(BODY), [breaking(Wire.close, at=1_000_000)])
    async with scene(host, tmp_path) as there:
        assert isinstance(await there.operator.fetch(DUE), Failed)
        monkeypatch.setattr(hashed_file.HashedFile, "catch_up", catch_up)
        await fails_by_the_disk(there)


@pytest.mark.parametrize(("lanes", "held"), [(1, 0), (1, 500_000), (4, 0)])
async def test_who_is_stopped_at_the_moment_of_a_loss_keeps_none_of_it(
    held: int, lanes: int, all_direct: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next process would build on it."""
    once, truly, scope = Once(300_000), Body.account, anyio.CancelScope()

    def account(body: Body, *, over: bool = False) -> None:
        truly(body, over=over)
        if body.given > 100_000 and once.is_due(body.given):
            anyio.from_thread.run_sync(scope.cancel)
            raise WrongBytes("planted")

    host = Host(Shelf(BODY), [breaking(Wire.close, at=held)] if held else [])
    async with scene(host, tmp_path, lanes=lanes, scale=LANES) as there:
        if held:
            assert isinstance(await there.operator.fetch(DUE), Failed)
        monkeypatch.setattr(Body, "account", account)
        with scope:
            await there.operator.fetch(DUE)
        told = [
            keys["reason"] for name, keys in there.operator.log.events if name == "file.discarded"
        ]
        assert told == ["planted"]
        assert there.parts() == []
    assert once.done
