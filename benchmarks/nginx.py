"""The server that all contenders fetch from: nginx, with sendfile, on loopback."""

from __future__ import annotations

import os
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.certificates import Certificates
from benchmarks.processes import Mishap, children_of, cpu_of, last_words, started, surroundings

_CONFIGURATION = """\
{user}worker_processes 2;
daemon off;
pid {home}/nginx.pid;
error_log {home}/nginx-errors.log;
events {{ worker_connections 2048; }}
http {{
    client_body_temp_path {home}/nginx-body;
    proxy_temp_path {home}/nginx-proxy;
    fastcgi_temp_path {home}/nginx-fastcgi;
    uwsgi_temp_path {home}/nginx-uwsgi;
    scgi_temp_path {home}/nginx-scgi;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    log_format served "$msec $request_time $body_bytes_sent $status";
    access_log off;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        {limits}
        location = /connections {{ stub_status; }}
        location /files/ {{ {log} alias {goods}/; }}
        location ~ "^/cmr/replay/[^/]+/[^/]+/[^/]+/(?<key>[^/]+)/" {{ {log} alias {goods}/$key; }}
        location ~ "^/g2a/[^/]+/(?<key>[^/]+)/" {{ {log} alias {goods}/$key; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How nginx serves."""

    rate: int = 0  #: Bytes a second for each connection; 0: no limit.
    rein: int = 0  #: Bytes a second for each connection, while `Nginx.reined` holds.
    counted: bool = False  #: Whether `Nginx.served` is wanted.


@dataclass(frozen=True, slots=True)
class Served:
    """One reply that nginx has sent, or broke off."""

    began: float  #: Seconds since 1970.
    ended: float
    size: int  #: Bytes of its body.


@dataclass(slots=True, kw_only=True)
class Nginx:
    """A running nginx."""

    home: Path
    goods: Path
    http: int
    https: int
    pid: int = field(default=0)

    def origin(self, scheme: str) -> str:
        """Return where it is."""
        return f"{scheme}://127.0.0.1:{self.https if scheme == 'https' else self.http}"

    def cpu(self) -> float:
        """Return the CPU seconds that it has taken so far."""
        return sum(cpu_of(pid) for pid in [self.pid, *children_of(self.pid)])

    @contextmanager
    def reined(self) -> Iterator[None]:
        """Let new replies come no faster than its manner says."""
        mark = self.home / "rein"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def forget(self) -> None:
        """Begin to count anew."""
        os.truncate(self.home / "served.log", 0)

    def served(self) -> list[Served]:
        """Return the replies since it was told to forget, once none is under way any more."""
        deadline = time.monotonic() + 20.0
        while self._connections() > 1:  # the one that asks is one itself
            if time.monotonic() > deadline:
                raise Mishap("connections to nginx stay open")
            time.sleep(0.05)
        lines = (self.home / "served.log").read_text(encoding="utf-8").splitlines()
        return [_served(line) for line in lines]

    def _connections(self) -> int:
        status = f"{self.origin('http')}/connections"
        with urllib.request.urlopen(status, timeout=5) as reply:  # noqa: S310 (it is our own)
            return int(reply.readline().split()[-1])


@contextmanager
def serving(
    home: Path, certificates: Certificates, manner: Manner | None = None
) -> Iterator[Nginx]:
    """Serve what will be in the directory `goods` of `home`; logs and the like go to `home`."""
    manner, goods = manner or Manner(), home / "goods"
    goods.mkdir()
    nginx = Nginx(home=home, goods=goods, http=free_port(), https=free_port())
    configuration = home / "nginx.conf"
    configuration.write_text(_configured(nginx, certificates, manner), encoding="utf-8")
    log = home / "nginx.log"
    command = ["nginx", "-c", str(configuration), "-p", str(home)]
    with started(command, surroundings(), log) as process:
        nginx.pid = process.pid
        _wait_for(nginx.http, log)
        yield nginx


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _configured(nginx: Nginx, certificates: Certificates, manner: Manner) -> str:
    limits = f"limit_rate {manner.rate};"
    if manner.rein:
        limits = (
            f"set $rate 0; if (-f {nginx.home}/rein) {{ set $rate {manner.rein}; }} "
            "limit_rate $rate;"
        )
    return _CONFIGURATION.format(
        user="user root;\n" if os.geteuid() == 0 else "",
        home=nginx.home,
        http=nginx.http,
        https=nginx.https,
        certificate=certificates.server,
        goods=nginx.goods,
        limits=limits,
        log=f"access_log {nginx.home}/served.log served;" if manner.counted else "",
    )


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise Mishap(f"nginx does not start: {last_words(log)}")


def _served(line: str) -> Served:
    ended, seconds, size, _status = line.split()
    return Served(float(ended) - float(seconds), float(ended), int(size))
