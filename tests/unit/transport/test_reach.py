"""Whom the transport connects to: addresses, names, certificates and proxies."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from fakes.names import Names
from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import ConfigError, Refused, TransferError, Unreachable
from reelkeep.ports import Request
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Seen, Site, Wire, reply, replying, serving

pytestmark = pytest.mark.usefixtures("way")

WEB, FILES, STRANGER = "us02web.zoom.test", "ssrweb.zoom.test", "cdn.test"
HOSTS = {WEB: ["127.0.0.1"], FILES: ["127.0.0.1"], STRANGER: ["127.0.0.1"]}
LOOPBACK = AddressPolicy.parse(["127.0.0.0/8"])


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", *HOSTS).configure_cert(context)
    return context


async def status(options: TransportOptions, request: Request, names: Names | None = None) -> int:
    async with (
        AiohttpTransport(options, resolver=names or Names(HOSTS)) as transport,
        transport.open(request) as answer,
    ):
        return answer.status


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/",
        "https://[::1]:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://169.254.169.254/",
        "http://169.254.169.254/",
        "https://10.0.0.1/",
        "http://8.8.8.8/",
        "https://inside.test:{port}/",
        "http://inside.test:{port}/",
        "https://both.test:{port}/",
    ],
)
async def test_what_is_not_public_is_refused_before_a_connection(url: str) -> None:
    names = Names({"inside.test": ["127.0.0.1"], "both.test": ["::1", "127.0.0.1", "10.0.0.1"]})
    async with serving(replying(reply())) as site:
        with pytest.raises(Refused, match=r"network\.allow"):
            await status(TransportOptions(), Request(url=url.format(port=site.port)), names)
    assert site.connections == 0


@pytest.mark.parametrize(
    ("allow", "host"),
    [
        (["127.0.0.0/8"], "127.0.0.1"),
        (["127.0.0.1"], "inside.test"),
        (["inside.test"], "inside.test"),
        (["INSIDE.test."], "inside.test"),
        (["127.0.0.1"], "both.test"),
        (["127.0.0.1"], "localhost"),
    ],
)
async def test_network_allow_permits_plain_http_and_private_addresses(
    allow: list[str], host: str
) -> None:
    names = Names(
        {"inside.test": ["127.0.0.1"], "both.test": ["10.0.0.1", "127.0.0.1"]}
        | {"localhost": ["127.0.0.1"]}
    )
    options = TransportOptions(allow=AddressPolicy.parse(allow))
    async with serving(replying(reply())) as site:
        assert await status(options, Request(url=f"http://{host}:{site.port}/"), names) == 200


async def test_the_system_s_own_names_are_checked_too() -> None:
    async with (
        serving(replying(reply())) as site,
        AiohttpTransport(TransportOptions()) as transport,
    ):
        with pytest.raises(Refused):
            async with transport.open(Request(url=f"https://localhost:{site.port}/")):
                pass
    assert site.connections == 0


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest", "https://10.0.0.1/", "http://inside.test/", "http://[::1]/"],
)
async def test_every_hop_is_checked(location: str) -> None:
    names = Names({"inside.test": ["192.168.1.1"]})
    async with serving(replying(reply(status=302, Location=location))) as site:
        with pytest.raises(Refused):
            await status(TransportOptions(allow=LOOPBACK), Request(url=site.url()), names)


async def test_a_name_without_address_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="could not be resolved"):
        await status(TransportOptions(), Request(url="https://nowhere.test/"))


async def test_a_closed_port_is_unreachable() -> None:
    async with serving(replying()) as site:
        url = site.url()
    with pytest.raises(Unreachable, match="refused"):
        await status(TransportOptions(allow=LOOPBACK), Request(url=url))


async def test_the_ca_file_is_trusted(tls: ssl.SSLContext, ca_file: Path) -> None:
    async with serving(replying(reply()), tls=tls, host=WEB) as site:
        options = TransportOptions(allow=LOOPBACK, ca_file=ca_file)
        assert await status(options, Request(url=site.url())) == 200


async def test_whom_the_system_trusts_is_trusted(
    tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with serving(replying(reply()), tls=tls, host=WEB) as site:
        assert await status(TransportOptions(allow=LOOPBACK), Request(url=site.url())) == 200


async def test_plain_http_does_not_ask_whom_the_system_trusts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", read.append)
    async with serving(replying(reply())) as site:
        assert await status(TransportOptions(allow=LOOPBACK), Request(url=site.url())) == 200
    assert read == []


def test_aiohttp_reads_nobodys_certificates_when_it_is_imported() -> None:
    code = (
        "import ssl\n"
        "calls, read = [], ssl.SSLContext.set_default_verify_paths\n"
        "ssl.SSLContext.set_default_verify_paths = counted = calls.append\n"
        "import reelkeep.transport, aiohttp\n"
        "assert ssl.SSLContext.set_default_verify_paths is counted, 'not put back'\n"
        "assert not calls, 'read'\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


async def test_an_unknown_authority_is_refused(tls: ssl.SSLContext) -> None:
    async with serving(replying(reply()), tls=tls) as site:
        with pytest.raises(Refused, match=r"certificate is not accepted: .*issuer"):
            await status(TransportOptions(allow=LOOPBACK), Request(url=site.url()))


async def test_a_certificate_for_another_name_is_refused(
    tls: ssl.SSLContext, ca_file: Path
) -> None:
    async with serving(replying(reply()), tls=tls, host="other.test") as site:
        options = TransportOptions(allow=LOOPBACK, ca_file=ca_file)
        with pytest.raises(Refused, match=r"certificate is not accepted: .*mismatch"):
            await status(options, Request(url=site.url()), Names({"other.test": ["127.0.0.1"]}))


async def test_a_server_without_tls_is_unreachable() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(status=400))
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(Unreachable, match="TLS failed: WRONG_VERSION_NUMBER"):
            await status(TransportOptions(allow=LOOPBACK), Request(url=url))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_a_fault_of_the_configuration(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"network\.ca_file"):
        async with AiohttpTransport(TransportOptions(ca_file=path)):
            pass


@asynccontextmanager
async def denying(tls: ssl.SSLContext, *, files: str) -> AsyncIterator[tuple[Site, Site]]:
    """Two https sites: one redirects to `files`, which denies whoever shows no token."""

    async def deny(request: Seen, wire: Wire) -> None:
        await wire.send(reply(status=200 if "Authorization" in request.headers else 403))

    async with serving(deny, tls=tls, host=files) as second:
        redirect = replying(reply(status=302, Location=second.url("/f?Signature=s")))
        async with serving(redirect, tls=tls, host=WEB) as first:
            yield first, second


@pytest.mark.parametrize(
    ("files", "kin", "shown"),
    [
        (FILES, ".zoom.test", [False, True]),
        (FILES, None, [False]),
        (FILES, ".zoom.us", [False]),
        (STRANGER, ".zoom.test", [False]),
    ],
)
async def test_only_kin_is_shown_the_credentials_after_a_denial(
    tls: ssl.SSLContext, ca_file: Path, files: str, kin: str | None, shown: Sequence[bool]
) -> None:
    options = TransportOptions(allow=LOOPBACK, ca_file=ca_file)
    async with denying(tls, files=files) as (first, second):
        request = Request(url=first.url(), credentials={"Authorization": "Bearer x"}, kin=kin)
        assert await status(options, request) == (200 if shown[-1] else 403)
    assert [("Authorization" in seen.headers) for seen in second.seen] == shown


async def test_from_https_to_http_is_refused(tls: ssl.SSLContext, ca_file: Path) -> None:
    options = TransportOptions(allow=LOOPBACK, ca_file=ca_file)
    async with serving(replying(reply())) as plain:
        redirect = replying(reply(status=302, Location=plain.url()))
        async with serving(redirect, tls=tls, host=WEB) as site:
            with pytest.raises(Refused, match="from https to http"):
                await status(options, Request(url=site.url()))
    assert plain.connections == 0


async def test_from_http_to_https_leaves_the_credentials_behind(
    tls: ssl.SSLContext, ca_file: Path
) -> None:
    options = TransportOptions(allow=LOOPBACK, ca_file=ca_file)
    async with (
        serving(replying(reply()), tls=tls, host=WEB) as site,
        serving(replying(reply(status=301, Location=site.url()))) as plain,
    ):
        request = Request(url=plain.url(), credentials={"X-Api-Key": "x"})
        assert await status(options, request) == 200
    assert "X-Api-Key" in plain.seen[0].headers
    assert "X-Api-Key" not in site.seen[0].headers


async def test_a_raw_location_is_sent_as_a_browser_would() -> None:
    async def script(request: Seen, wire: Wire) -> None:
        location = b"HTTP/1.1 302 Found\r\nLocation: /\xc3\xa9 \xff\r\nContent-Length: 0\r\n\r\n"
        await wire.send(location if request.target == "/" else reply())

    async with serving(script) as site:
        assert await status(TransportOptions(allow=LOOPBACK), Request(url=site.url())) == 200
    assert site.seen[1].target == "/%C3%A9%20%FF"


@asynccontextmanager
async def proxying(port: int = 0) -> AsyncIterator[Site]:
    """A proxy that tunnels to `port` whatever is asked for, and answers plain http itself."""

    async def script(request: Seen, wire: Wire) -> None:
        if request.method != "CONNECT":
            await wire.send(reply())
        elif port:
            await wire.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            await wire.tunnel(port)
        else:
            await wire.send(reply(status=407))

    async with serving(script) as site:
        yield site


async def test_a_proxy_may_be_private_and_plain_and_resolves_for_us() -> None:
    names = Names({})
    async with proxying() as proxy:
        options = TransportOptions(proxy=proxy.url(""), allow=AddressPolicy.parse(["plain.test"]))
        assert await status(options, Request(url="http://plain.test/a%2Fb?c"), names) == 200
    assert proxy.seen[0].target == "http://plain.test/a%2Fb?c"
    assert names.asked == []


async def test_https_goes_through_the_tunnel_of_a_proxy(tls: ssl.SSLContext, ca_file: Path) -> None:
    async with serving(replying(reply()), tls=tls, host=WEB) as site, proxying(site.port) as proxy:
        options = TransportOptions(proxy=proxy.url(""), ca_file=ca_file)
        assert await status(options, Request(url=site.url())) == 200
    assert [seen.method for seen in proxy.seen] == ["CONNECT"]


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://169.254.169.254/", "http://plain.test/", "http://8.8.8.8/"],
)
async def test_a_proxy_is_not_asked_for_what_is_against_the_policy(url: str) -> None:
    async with proxying() as proxy:
        with pytest.raises(Refused, match=r"network\.allow"):
            await status(TransportOptions(proxy=proxy.url("")), Request(url=url))
    assert proxy.connections == 0


async def test_the_proxy_s_password_is_for_the_proxy() -> None:
    async with proxying() as proxy:
        url = proxy.url("").replace("://", "://user:pa%20ss@")
        options = TransportOptions(proxy=url, allow=AddressPolicy.parse(["plain.test"]))
        await status(options, Request(url="http://plain.test/"))
        with pytest.raises(Unreachable):
            await status(options, Request(url="https://zoom.test/"))
    assert [seen.headers.get("Proxy-Authorization") for seen in proxy.seen] == [
        "Basic dXNlcjpwYSBzcw=="
    ] * 2
    assert "pa" not in repr(options)


async def test_a_proxy_that_denies_us_is_unreachable() -> None:
    async with proxying() as proxy:
        with pytest.raises(Unreachable, match="the proxy answered 407"):
            await status(TransportOptions(proxy=proxy.url("")), Request(url="https://zoom.test/"))


async def test_a_dead_proxy_is_unreachable() -> None:
    async with proxying() as proxy:
        url = proxy.url("")
    with pytest.raises(TransferError) as caught:
        await status(TransportOptions(proxy=url), Request(url="https://zoom.test/"))
    assert type(caught.value) is Unreachable
