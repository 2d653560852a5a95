"""The real fetcher, client and archive against hosts that do whatever hosts were seen to do.

Whatever happens, a file is stored byte for byte, or has failed for the right reason; and a host
is not asked more often than that takes. Rules are those of the transfer notes, (b); the list of
hosts is theirs, (e) 2.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.attempts import Desk, Locating, stored
from fakes.disk import FaultyDisk, archive_on
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import FakeReply
from reelkeep.archive.local import LocalArchive
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, FileId, Locator, Outcome, RecordingId, Stored
from reelkeep.core.retry import Policy, judge, reason_code
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Seen, Site, Wire, serving

BODY = media(50_000)
DUE = download(size=len(BODY))
HELD = 30_000
"""What an earlier attempt left, where one did."""

STEP = 20_000
"""After so many bytes those hosts break that break."""

BEARER = "Bearer secret-token"
POLICY = Policy(attempts=4, base=timedelta(0), longest=timedelta(0))
OPTIONS = TransportOptions(
    connect_timeout=timedelta(seconds=5),
    stall_timeout=timedelta(milliseconds=400),
    stall_rate=20_000,
    allow=AddressPolicy.parse(["127.0.0.1", "localhost"]),
)

End = Callable[[Wire], Awaitable[None]]


@dataclass(frozen=True)
class Act:
    """What goes over the wire, and how it ends; without an end the connection stays."""

    pieces: Sequence[bytes]
    end: End | None = None
    pause: float = 0.0


Mischief = Callable[[Seen, Shelf], Act]


def head(status: int, headers: dict[str, str], version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status} Status", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def body_of(reply: FakeReply) -> bytes:
    (body,) = reply.pieces
    assert isinstance(body, bytes)
    return body


def on_wire(reply: FakeReply, *, end: End | None = None, version: str = "1.1") -> Act:
    return Act([head(reply.status, dict(reply.headers), version), body_of(reply)], end)


def good(seen: Seen, shelf: Shelf) -> Act:
    return on_wire(shelf(seen.headers))


# --- hosts ----------------------------------------------------------------------------------------


def changed(*, ranged_only: bool = True, body: bytes | None = None, **headers: str) -> Mischief:
    """Return a host whose replies (to ranged requests) have other headers; empty ones are left out.

    `{start}`, `{size}` and the like in a value are those of the right Content-Range.
    """

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        if ranged_only and reply.status != 206:
            return on_wire(reply)
        size = len(shelf.content)
        start = size - len(body_of(reply))
        known = {
            "start": start, "before": start - 1, "after": start + 1, "end": size - 1,
            "size": size, "more": size + 1, "rest": size - start, "less": size - start - 1,
        }  # fmt: skip
        named = dict(reply.headers)
        for name, value in headers.items():
            named[name.replace("_", "-")] = value.format(**known)
        named = {name: value for name, value in named.items() if value}
        content = body_of(reply) if body is None else body
        named["Content-Length"] = headers.get("Content_Length", str(len(content))).format(**known)
        return on_wire(replace(reply, headers=named, pieces=[content]), end=Wire.close)

    return act


def answering(
    status: int, body: bytes = b"no", *, ranged_only: bool = False, **headers: str
) -> Mischief:
    """Return a host that answers so (to ranged requests)."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        if ranged_only and "Range" not in seen.headers:
            return good(seen, shelf)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Content-Length"] = str(len(body))
        return on_wire(FakeReply(status=status, headers=named, pieces=[body]))

    return act


def raw(*pieces: bytes, end: End | None = Wire.close) -> Mischief:
    return lambda _seen, _shelf: Act(pieces, end)


def breaking(end: End, *, framing: str = "length", at: int = STEP) -> Mischief:
    """Return a host that breaks after so many bytes of each body."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        body = body_of(reply)
        headers = dict(reply.headers)
        if framing != "length":
            del headers["Content-Length"]
        if framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        version = "1.0" if framing == "close" else "1.1"
        pieces = [head(reply.status, headers, version), body[:at]]
        return Act(pieces, None if at >= len(body) and framing != "close" else end)

    return act


def dripping(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    body = body_of(reply)
    drops = [body[at : at + 10] for at in range(0, 1000, 10)]
    return Act([head(reply.status, dict(reply.headers)), *drops], Wire.hang, pause=0.01)


def slice_with_200(seen: Seen, shelf: Shelf) -> Act:
    return on_wire(replace(shelf(seen.headers), status=200))


def shorter_range(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    if reply.status != 206:
        return on_wire(reply)
    body, size = body_of(reply), len(shelf.content)
    start, some = size - len(body), body[:4000]
    told = f"bytes {start}-{start + len(some) - 1}/{size}"
    headers = {**reply.headers, "Content-Range": told, "Content-Length": str(len(some))}
    return on_wire(replace(reply, headers=headers, pieces=[some]))


def longer_range(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    if reply.status != 206:
        return on_wire(reply)
    body = body_of(reply) + b"more"
    headers = {**reply.headers, "Transfer-Encoding": "chunked"}
    del headers["Content-Length"]
    return Act([head(206, headers), b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)])


def range_for_all(seen: Seen, shelf: Shelf) -> Act:
    if "Range" in seen.headers:
        return good(seen, shelf)
    size = len(shelf.content)
    told = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    return on_wire(shelf.reply(206, shelf.content, told))


def another_tag(seen: Seen, shelf: Shelf) -> Act:
    """A new ETag each time, and If-Range is ignored."""
    shelf.etag = f'"{len(shelf.asked)}"'
    plain = {name: value for name, value in seen.headers.items() if name != "If-Range"}
    return on_wire(shelf(plain))


def both_framings(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    body = body_of(reply)
    headers = {**reply.headers, "Transfer-Encoding": "chunked"}
    return Act([head(reply.status, headers), b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)])


def http_date(ahead: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)


@dataclass(frozen=True)
class Case:
    """A host, and how it ends if it never changes: `stored`, or reason codes."""

    mischief: Mischief
    fresh: str = "stored"  #: When it meets us from the first request on.
    resumed: str = "stored"  #: When it first behaves, and breaks at HELD bytes.
    once: str = "stored"  #: When it behaves after the first time.
    lasting: bool = True  #: Whether it makes sense to try it without an end.
    etag: str | None = '"v1"'
    modified: timedelta | None = None


def failing(mischief: Mischief, codes: str, **details: str) -> Case:
    """Return a host from which the file is not to be had."""
    return Case(mischief, fresh=codes, resumed=codes, **details)  # type: ignore[arg-type]


HTML = b"<!DOCTYPE html><html><title>secret sign-in</title></html>"
ERROR = b'{"status":false,"errorCode":401,"errorMessage":"Forbidden","result":null}'
DAMAGED = BODY[:30] + bytes(len(BODY) - 30)
CASES = {
    "good": Case(good),
    # ranges
    "200-always": Case(lambda seen, shelf: good(replace_range(seen), shelf)),
    "200-with-content-range": Case(slice_with_200),
    "206-one-before": Case(changed(Content_Range="bytes {before}-{end}/{size}")),
    "206-one-after": Case(changed(Content_Range="bytes {after}-{end}/{size}")),
    "206-shifted": Case(changed(Content_Range="bytes {before}-{less}/{size}", body=BODY[1:])),
    "206-short": Case(shorter_range),
    "206-long": Case(longer_range),
    "206-beyond-the-end": Case(changed(Content_Range="bytes {start}-{size}/{size}")),
    "206-other-total": Case(changed(Content_Range="bytes {start}-{end}/{more}")),
    "206-no-total": Case(changed(Content_Range="bytes {start}-{end}/*")),
    "206-without-range": Case(changed(Content_Range="")),
    "206-other-unit": Case(changed(Content_Range="items {start}-{end}/{size}")),
    "206-multipart": Case(changed(Content_Type="multipart/byteranges; boundary=b")),
    "206-gzip": Case(changed(Content_Encoding="gzip")),
    "206-html": Case(
        changed(Content_Type="text/html", body=HTML), resumed="protocol not_media stored"
    ),
    "206-unasked": Case(range_for_all, fresh="protocol"),
    "416-with-total": Case(answering(416, HTML * 200, ranged_only=True, Content_Range="bytes */9")),
    "416-with-our-size": Case(
        answering(416, HTML, ranged_only=True, Content_Range=f"bytes */{HELD}")
    ),
    "416-bare": Case(answering(416, HTML, ranged_only=True)),
    "416-empty": Case(answering(416, b"", ranged_only=True)),
    "416-gzip": Case(answering(416, b"\x1f\x8b", ranged_only=True, Content_Encoding="gzip")),
    "416-always": failing(answering(416, HTML), "protocol"),
    # framing
    "length-short": failing(
        changed(ranged_only=False, Content_Length="{less}"), "protocol size_mismatch"
    ),
    "length-long": failing(
        changed(ranged_only=False, Content_Length="{more}"), "unreachable protocol"
    ),
    "length-negative": failing(changed(ranged_only=False, Content_Length="-5"), "protocol"),
    "length-twice": failing(
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "protocol"
    ),
    "length-and-chunked": failing(both_framings, "protocol"),
    "chunked": Case(breaking(Wire.close, framing="chunked", at=1 << 20)),
    "chunked-cut": Case(breaking(Wire.close, framing="chunked")),
    "chunked-reset": Case(breaking(Wire.reset, framing="chunked")),
    "http-1.0": Case(breaking(Wire.close, framing="close", at=1 << 20)),
    "http-1.0-cut": Case(breaking(Wire.close, framing="close"), fresh="size_mismatch"),
    "http-1.0-reset": Case(breaking(Wire.reset, framing="close")),
    "no-http": failing(raw(b"SSH-2.0-secret\r\n\r\n"), "protocol"),
    "switching": failing(
        raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "protocol"
    ),
    # connections that break
    "closed-at-once": failing(raw(), "unreachable"),
    "reset-at-once": failing(raw(end=Wire.reset), "unreachable"),
    "cut": Case(breaking(Wire.close)),
    "reset": Case(breaking(Wire.reset)),
    "cut-in-the-head": failing(raw(b"HTTP/1.1 200 OK\r\nContent-"), "unreachable protocol"),
    "stall": Case(breaking(Wire.hang)),
    "stall-before-head": failing(raw(end=Wire.hang), "stalled"),
    "drip": Case(dripping, lasting=False),
    # validators
    "weak-tag": Case(good, etag='W/"v1"'),
    "no-tag": Case(good, etag=None),
    "date": Case(good, etag=None, modified=timedelta(hours=1)),
    "young-date": Case(good, etag=None, modified=timedelta(0)),
    "tag-that-is-no-ascii": Case(good, etag='"vé"'),
    "tag-changes": Case(another_tag),
    # other answers
    "html": failing(answering(200, HTML, Content_Type="text/html"), "not_media"),
    "json-error": failing(answering(200, ERROR, Content_Type="application/json"), "not_media"),
    "octets-that-are-html": failing(answering(200, HTML), "not_media"),
    "empty": failing(answering(200, b""), "not_media"),
    "gzip": failing(changed(ranged_only=False, Content_Encoding="gzip"), "encoded"),
    "smaller": failing(answering(200, media(40_000)), "size_mismatch"),
    "larger": failing(answering(200, media(60_000)), "size_mismatch"),
    "damaged": failing(answering(200, DAMAGED), "not_media"),
    "other-digest": failing(
        answering(200, BODY, Content_MD5="AAAAAAAAAAAAAAAAAAAAAA=="), "digest_mismatch"
    ),
    "other-crc": failing(answering(200, BODY, x_goog_hash="crc32c=AAAAAA=="), "digest_mismatch"),
    "400": failing(answering(400), "refused", once="refused"),
    "401": failing(answering(401), "auth"),
    "403": failing(answering(403), "auth"),
    "404": failing(answering(404), "not_found"),
    "410": failing(answering(410), "expired"),
    "451": failing(answering(451), "refused", once="refused"),
    "500": failing(answering(500), "unreachable"),
    "429": failing(answering(429, Retry_After="0"), "throttled"),
    "429-date": failing(answering(429, Retry_After=http_date(-5)), "throttled"),
    "503": failing(answering(503, Retry_After="0"), "throttled"),
    "503-date": failing(answering(503, Retry_After=http_date(-5)), "throttled"),
    "circle": Case(
        answering(302, Location="/rec/secret-path?token=secret"), fresh="refused", resumed="refused"
    ),
    "nowhere": failing(answering(302), "protocol"),
    "to-a-private-host": failing(
        answering(302, Location="https://10.0.0.1/secret"), "refused", once="refused"
    ),
}


def replace_range(seen: Seen) -> Seen:
    headers = seen.headers.copy()
    headers.popall("Range", None)
    return replace(seen, headers=headers)


# --- the stage ------------------------------------------------------------------------------------


@dataclass
class Host:
    """Plays its acts one a request, then `then` for ever."""

    shelf: Shelf
    acts: list[Mischief]
    then: Mischief = good
    served: int = 0  #: Bytes of everything that was sent.

    async def __call__(self, seen: Seen, wire: Wire) -> None:
        act = (self.acts.pop(0) if self.acts else self.then)(seen, self.shelf)
        self.served += sum(map(len, act.pieces))
        await wire.send(*act.pieces, pause=act.pause)
        if act.end is not None:
            await act.end(wire)


@dataclass
class Renewing(Locating):
    """Gives a new address whenever a fresh one is asked for."""

    url: str = ""
    credentialed: bool = True

    async def locate(self, _recording: RecordingId, _file: FileId, *, fresh: bool) -> Locator:
        self.asked.append(fresh)
        headers = {"Authorization": BEARER} if self.credentialed else {}
        return Locator(f"{self.url}&signature=secret-{sum(self.asked)}", headers)


@dataclass
class Scene:
    site: Site
    archive: LocalArchive
    provider: Renewing
    desk: Desk
    root: Path
    outcomes: list[Outcome] = field(default_factory=list)

    async def settle(self, due: Download = DUE) -> str:
        """Try as often as the policy has it; return `stored` or the reason code."""
        while True:
            outcome = await self.desk.fetch(due)
            self.outcomes.append(outcome)
            if isinstance(outcome, Stored):
                return "stored"
            verdict = judge(outcome, now=datetime.now(UTC), policy=POLICY, dice=0.0)
            if verdict.state is not FileState.DUE:
                return reason_code(outcome.error)
            assert verdict.due_at is not None
            await anyio.sleep(max(0.0, (verdict.due_at - datetime.now(UTC)).total_seconds()))
            due = replace(due, attempts=verdict.attempts, tries=verdict.tries)

    def finished(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.root / ".reelkeep" / "finished").iterdir()]

    def parts(self) -> list[str]:
        return [path.suffix for path in (self.root / ".reelkeep" / "parts").iterdir()]

    def others(self) -> list[str]:
        return [path.name for path in self.root.iterdir() if path.name != ".reelkeep"]

    def told(self) -> str:
        return repr(self.outcomes) + repr(self.desk.log.events)


@asynccontextmanager
async def scene(
    host: Host,
    root: Path,
    *,
    tls: ssl.SSLContext | None = None,
    options: TransportOptions = OPTIONS,
) -> AsyncIterator[Scene]:
    name = "127.0.0.1" if tls is None else "localhost"
    async with serving(host, tls=tls, host=name) as site, AiohttpTransport(options) as transport:
        archive = archive_on(root, FaultyDisk())  # it does not fail; it only never flushes
        await archive.prepare()
        provider = Renewing(url=site.url("/rec/secret-path?token=secret"))
        desk = Desk(transport, archive, provider=provider, clock=lambda: datetime.now(UTC))
        yield Scene(site, archive, provider, desk, root)


def host_of(case: Case, *, resumed: bool, lasting: bool) -> Host:
    shelf = Shelf(BODY, etag=case.etag, modified=case.modified)
    acts = [breaking(Wire.close, at=HELD)] if resumed else []
    if lasting:
        return Host(shelf, acts, case.mischief)
    return Host(shelf, [*acts, case.mischief])


def check(there: Scene, ended: str, expected: str) -> None:
    """The invariant of this file."""
    assert ended in expected.split(), [getattr(each, "error", each) for each in there.outcomes]
    assert there.finished() == ([BODY] if ended == "stored" else [])
    assert there.others() == []
    if ended == "stored":
        outcome = stored(there.outcomes[-1])
        assert outcome.sha256 == hashlib.sha256(BODY).hexdigest()
        assert outcome.size == len(BODY)
        assert there.parts() == []
    assert len(there.site.seen) <= 12
    assert "secret" not in there.told()


# --- tests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resumed", [False, True], ids=["fresh", "resumed"])
@pytest.mark.parametrize("name", CASES)
async def test_a_host_that_misbehaves_once(name: str, resumed: bool, tmp_path: Path) -> None:
    case = CASES[name]
    async with scene(host_of(case, resumed=resumed, lasting=False), tmp_path) as there:
        check(there, await there.settle(), case.once)


@pytest.mark.parametrize("resumed", [False, True], ids=["fresh", "resumed"])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.lasting])
async def test_a_host_that_never_behaves(name: str, resumed: bool, tmp_path: Path) -> None:
    case = CASES[name]
    async with scene(host_of(case, resumed=resumed, lasting=True), tmp_path) as there:
        check(there, await there.settle(), case.resumed if resumed else case.fresh)


@pytest.mark.parametrize(
    "name", ["good", "cut", "reset", "stall", "chunked-cut", "http-1.0-reset", "html", "206-long"]
)
async def test_over_tls_it_is_the_same(name: str, tmp_path: Path) -> None:
    case, authority = CASES[name], trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    anchors = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(anchors))
    options = replace(OPTIONS, ca_file=anchors)
    host, root = host_of(case, resumed=True, lasting=False), tmp_path / "archive"
    async with scene(host, root, tls=context, options=options) as there:
        check(there, await there.settle(), case.once)


@pytest.mark.parametrize(
    "name", ["206-short", "cut", "reset", "stall", "401", "403", "404", "410", "html", "500", "429"]
)
async def test_bytes_that_are_good_are_not_asked_for_again(name: str, tmp_path: Path) -> None:
    host = host_of(CASES[name], resumed=True, lasting=False)
    async with scene(host, tmp_path) as there:
        await there.settle()
        asked = [seen.headers.get("Range") for seen in there.site.seen]
    assert asked[0] is None
    assert all(each is not None for each in asked[1:])
    assert host.served < len(BODY) + 5_000


async def test_rule_22_an_address_that_runs_out_is_renewed_once_a_time(tmp_path: Path) -> None:
    """Each address is good for one request; the file takes many."""
    used: set[str] = set()

    def once_each(seen: Seen, shelf: Shelf) -> Act:
        if seen.target in used:
            return answering(403)(seen, shelf)
        used.add(seen.target)
        return breaking(Wire.close, at=9_000)(seen, shelf)

    host = Host(Shelf(BODY), [], once_each)
    async with scene(host, tmp_path) as there:
        there.provider.credentialed = False
        assert await there.settle() == "stored"
        assert there.finished() == [BODY]
        assert sum(there.provider.asked) == 5
    assert host.served < len(BODY) + 10_000


async def test_rule_20_credentials_stay_behind_on_the_way(tmp_path: Path) -> None:
    here, there = Host(Shelf(BODY), []), Host(Shelf(BODY), [breaking(Wire.close, at=HELD)])
    async with serving(there) as elsewhere:
        here.then = answering(302, Location=elsewhere.url("/signed?sig=secret"))
        async with scene(here, tmp_path) as stage:
            assert await stage.settle() == "stored"
            assert stage.finished() == [BODY]
            assert stored(stage.outcomes[-1]).source == elsewhere.url("")
    assert {seen.headers.get("Authorization") for seen in stage.site.seen} == {BEARER}
    assert [seen.headers.get("Authorization") for seen in elsewhere.seen] == [None, None]
    assert [seen.headers.get("Range") for seen in elsewhere.seen] == [None, f"bytes={HELD}-"]


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "date")])
async def test_rule_51_a_host_is_left_alone_for_as_long_as_it_wants(
    status: int, form: str, tmp_path: Path
) -> None:
    wish = "1" if form == "seconds" else http_date(1.5)
    host = Host(Shelf(BODY), [answering(status, Retry_After=wish)])
    async with scene(host, tmp_path) as there:
        began = anyio.current_time()
        assert await there.settle() == "stored"
        assert anyio.current_time() - began > 0.4
        assert len(there.site.seen) == 2


async def test_being_stopped_keeps_what_came(tmp_path: Path) -> None:
    host = Host(Shelf(BODY), [breaking(Wire.hang, at=HELD)])
    patient = replace(OPTIONS, stall_timeout=timedelta(seconds=60))
    async with scene(host, tmp_path, options=patient) as there:
        async with anyio.create_task_group() as group:
            group.start_soon(there.desk.fetch, DUE)
            while not host.served:  # noqa: ASYNC110 - the server rings no bell
                await anyio.sleep(0.01)
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        assert await there.settle() == "stored"
        assert there.finished() == [BODY]
        assert there.site.seen[-1].headers["Range"] == f"bytes={HELD}-"


async def test_many_files_of_one_bad_host_do_not_mix(tmp_path: Path) -> None:
    """Bug 14: the same size, the same moment, one folder."""
    shelves = {f"/{n}": Shelf(media(20_000).replace(b"mp42", b"%04d" % n)) for n in range(20)}
    cut: set[str] = set()

    async def host(seen: Seen, wire: Wire) -> None:
        path = seen.target.partition("?")[0]
        act = (good if path in cut else breaking(Wire.reset, at=9_000))(seen, shelves[path])
        cut.add(path)
        await wire.send(*act.pieces)
        if act.end is not None:
            await act.end(wire)

    class Each(Renewing):
        async def locate(self, _recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
            self.asked.append(fresh)
            return Locator(f"{self.url}/{file.removeprefix('id of ').removesuffix('.mp4')}")

    async with serving(host) as site, AiohttpTransport(OPTIONS) as transport:
        archive = archive_on(tmp_path, FaultyDisk())
        await archive.prepare()
        desk = Desk(transport, archive, provider=Each(url=site.url("")))
        there = Scene(site, archive, Renewing(), desk, tmp_path)
        async with anyio.create_task_group() as group:
            for n in range(20):
                group.start_soon(there.settle, download(f"{n}.mp4", size=20_000))
    assert sorted(there.finished()) == sorted(shelf.content for shelf in shelves.values())
    assert there.parts() == []


ends = st.sampled_from([Wire.close, Wire.reset])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.tuples(st.integers(0, 60_000), ends), max_size=4),
    size=st.integers(40, 200_000),
)
def test_bug_8_wherever_it_is_cut_little_is_served_twice(
    cuts: list[tuple[int, End]], size: int
) -> None:
    """Of each break, at most the first bytes of a file and what was under way are lost."""
    body = media(size)
    host = Host(Shelf(body), [breaking(end, at=at) for at, end in cuts])

    async def main() -> None:
        with TemporaryDirectory() as root:
            async with scene(host, Path(root)) as there:
                due = download(size=size)
                for _ in range(len(cuts) + 1):
                    if await there.settle(due) == "stored":
                        break
                assert there.finished() == [body]
                assert len(there.site.seen) <= len(cuts) + 1

    anyio.run(main)
    lost = sum(512 if end is Wire.close else at for at, end in cuts)
    heads = 400 * (len(cuts) + 1)
    assert host.served <= size + lost + heads
