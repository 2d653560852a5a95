"""The host that the signed addresses of files point to."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from urllib.parse import parse_qs, unquote, urlsplit

from fakes.shelf import Shelf
from reelkeep.errors import Unreachable
from reelkeep.ports import Request
from reelkeep.simulator.state import SimulatorState
from reelkeep.simulator.world import SimFile
from simulation.bodies import Said, reply


@dataclass
class Files:
    """Serves what is signed, exists, and did not run out."""

    scene: SimulatorState
    random: Random
    etags: float = 1.0  #: The share of files that have a strong ETag.
    dates: bool = True  #: Whether files have a date.
    digests: bool = False  #: Whether replies promise a digest; without, none can tell bad bytes.
    leaks: list[str] = field(default_factory=list)  #: Paths that credentials came to.
    _bytes: dict[str, bytes] = field(default_factory=dict)
    _generation: dict[str, int] = field(default_factory=dict)

    def content(self, file: SimFile) -> bytes:
        if file.key not in self._bytes:
            self._bytes[file.key] = file.content.bytes()
        return self._bytes[file.key]

    def answer(self, hop: Request, flaw: str | None) -> Said:
        """Answer a GET as `flaw` has it.

        Raises:
            Unreachable: There is no connection.
        """
        asked, condition = hop.headers.get("Range"), hop.headers.get("If-Range")
        return replace(self._said(hop, flaw), asked=asked, condition=condition)

    def _said(self, hop: Request, flaw: str | None) -> Said:
        key, signature = _address(hop.url)
        file = self.scene.world.file(key)
        if "Authorization" in hop.credentials:
            self.leaks.append(key)
            return _refused(403, key)
        if file is None or not self.scene.signer.check(key, signature, self.scene.now()):
            if flaw == "down":
                raise Unreachable("the host is down")
            return _refused(403, key)
        if file.missing or file.deleted:
            return _refused(404, key)
        if flaw in ("corrupt", "grown") and not self.digests:
            flaw = "cut"
        if flaw == "changed":
            self._generation[key] = self._generation.get(key, 0) + 1
        return replace(reply(self._shelf(file), hop.headers, flaw, self.random), key=key)

    def _shelf(self, file: SimFile) -> Shelf:
        tagged = Random(f"{self.scene.world.seed}/etag/{file.key}").random() < self.etags
        etag = f'"{file.key}-{self._generation.get(file.key, 0)}"'
        headers = {"Content-Type": file.content.kind.value}
        if self.digests:
            digest = base64.b64encode(bytes.fromhex(file.content.sha256)).decode()
            headers["Repr-Digest"] = f"sha-256=:{digest}:"
        return Shelf(
            self.content(file),
            etag=etag if tagged else None,
            modified=timedelta(days=30) if self.dates else None,
            headers=headers,
        )


def _refused(status: int, key: str) -> Said:
    body = f"<Error><Code>{status}</Code></Error>".encode()
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
    return Said(status=status, headers=headers, pieces=((0.0, body),), flaw="refusal", key=key)


def _address(url: str) -> tuple[str, str]:
    """Return key and signature of the address of either provider."""
    split = urlsplit(url)
    parts = split.path.split("/")
    if len(parts) == 5 and parts[1] == "g2a":
        return unquote(parts[3]), parts[2]
    if len(parts) == 8 and parts[1:3] == ["cmr", "replay"]:
        return unquote(parts[6]), parse_qs(split.query).get("Signature", [""])[0]
    return "", ""
