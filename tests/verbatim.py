"""An account of Zoom that answers with given objects, word for word, over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reelkeep.simulator.content import ContentKind, GeneratedContent, Noise

Entry = dict[str, Any]


@dataclass
class Account:
    """What is listed, what lies in the trash, and what is said of single recordings.

    `W` in an address stands for the account's own host.
    """

    base: str = ""
    listed: list[Entry] = field(default_factory=list)
    trashed: list[Entry] = field(default_factory=list)  #: Whole recordings.
    trashed_files: list[Entry] = field(default_factory=list)  #: Recordings with single files.
    single: dict[str, Entry] = field(default_factory=dict)
    """By id, where the answer for one is not what is listed."""
    media: dict[str, bytes] = field(default_factory=dict)  #: By path.
    asked: list[str] = field(default_factory=list)

    def answer(self, target: str) -> tuple[int, bytes]:
        """Return status and body for a request."""
        parts = urlsplit(target)
        path = parts.path
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if path in self.media:
            return 200, self.media[path]
        if path == "/oauth/token":
            return _said({"access_token": "invented-0123456789", "expires_in": 3599})
        if path == "/v2/users":
            people = [{"id": "u1", "email": "h@example.test"}]
            return _said(_page("users", people if query.get("status") == "active" else []))
        if path.startswith("/v2/users/"):
            return self._listing("meetings", query)
        if path == "/v2/videosdk/recordings":
            return self._listing("sessions", query)
        return self._one(unquote(unquote(path.split("/")[-2])))

    def _listing(self, name: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        if query.get("trash") == "true":
            whole = query.get("trash_type") != "recording_file"
            return _said(_page(name, self._real(self.trashed if whole else self.trashed_files)))
        first, last = query["from"], query["to"]
        found = [each for each in self.listed if first <= each["start_time"][:10] <= last]
        return _said({"from": first, "to": last, **_page(name, self._real(found))})

    def _one(self, id_: str) -> tuple[int, bytes]:
        known = [each for each in self.listed if id_ in (each.get("uuid"), each.get("session_id"))]
        found = [self.single[id_]] if id_ in self.single else known
        if not found:
            return 404, json.dumps({"code": 3301, "message": "no recording"}).encode()
        return _said(self._real(found)[0])

    def _real(self, entries: list[Entry]) -> list[Entry]:
        written = json.dumps(entries).replace('"W/', f'"{self.base}/')
        found: list[Entry] = json.loads(written)
        return found

    def mp4(self, id_: str, seed: int = 0) -> int:
        """Serve a video as `W/rec/download/ID`; return its size."""
        return self._serve(id_, ContentKind.MP4, seed)

    def m4a(self, id_: str, seed: int = 0) -> int:
        """Serve a sound in the same way."""
        return self._serve(id_, ContentKind.M4A, seed)

    def _serve(self, id_: str, kind: ContentKind, seed: int) -> int:
        content = GeneratedContent(kind, f"{id_}-{seed}", 9_000 + 100 * seed, Noise(seed))
        body = b"".join(content.read(0, content.size))
        self.media[f"/rec/download/{id_}"] = body
        return len(body)


def _said(value: object) -> tuple[int, bytes]:
    return 200, json.dumps(value).encode()


def _page(name: str, entries: list[Entry]) -> Entry:
    return {"page_size": 300, "total_records": len(entries), "next_page_token": "", name: entries}


@contextmanager
def account() -> Iterator[Account]:
    """Serve an account on loopback."""
    served = Account()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            served.asked.append(self.path)
            status, body = served.answer(self.path)
            self.send_response(status)
            is_media = urlsplit(self.path).path in served.media
            self.send_header("Content-Type", "video/mp4" if is_media else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the library looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
