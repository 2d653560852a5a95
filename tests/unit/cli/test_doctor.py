from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reelkeep.cli.doctor import ailment, endpoint_of
from reelkeep.core.addresses import DEFAULT, Endpoint
from reelkeep.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("", DEFAULT, id="nothing"),
        pytest.param("providers: []\n", DEFAULT, id="no-server"),
        pytest.param("server:\n", DEFAULT, id="empty-server"),
        pytest.param("server: {listen: '[::1]:80'}\n", Endpoint("::1", 80), id="said"),
        pytest.param(
            "server: {listen: a.example:80}\nproviders: [{secret: {env: UNSET}}]\n",
            Endpoint("a.example", 80),
            id="without-secrets",
        ),
    ],
)
def test_asks_where_the_configuration_says(text: str, where: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "reelkeep.yaml"
    file.write_text(text)
    assert endpoint_of(file) == where


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("server: {listen: null}\n", "is null"),
        ("server: {listen: 127.0.0.1:0}\n", "port 0"),
        ("server: {listen: nowhere}\n", "expected HOST:PORT"),
        ("server: [\n", "is not valid YAML"),
    ],
)
def test_says_why_no_daemon_can_be_asked(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "reelkeep.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        endpoint_of(file)


@contextmanager
def answering(reply: bytes) -> Iterator[Endpoint]:
    """Answer one connection with `reply`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield Endpoint(*server.getsockname())
        thread.join()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "None"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "expected status 200, got 503"),
        (b"\xff\xfe\r\n\r\n", "nothing answers on"),
        (b"", "nothing answers on"),
    ],
)
def test_only_200_is_well(reply: bytes, reason: str) -> None:
    with answering(reply) as where:
        assert str(ailment(where, None)).startswith(reason)


def test_nobody_there_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = Endpoint(*server.getsockname())
    assert ailment(where, None) == f"nothing answers on {where}: [Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("theirs", "well"), [("/here/catalog.db", True), ("/there/catalog.db", False)]
)
def test_a_daemon_with_another_catalog_is_not_ours(theirs: str, well: bool) -> None:
    body = f'{{"healthy": true, "catalog": "{theirs}"}}'.encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering(reply) as where:
        found = ailment(where, Path("/here/catalog.db"))
    assert (found is None) is well
