"""Write and read the checksum files of a recording: `SHA256SUMS`, and BagIt (RFC 8493).

bagit.txt                 says that it is one
bag-info.txt              says for people what is in it
manifest-sha256.txt       digests of the files in data/
tagmanifest-sha256.txt    digests of all papers but itself
data/                     the recording's files
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from reelkeep.core.lifecycle import FileState
from reelkeep.core.manifest import MANIFEST, SUMS, is_plain_name
from reelkeep.core.model import HeldFile, Holding

_SUM_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_SUM_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {written: char for char, written in _SUM_ESCAPES.items()}


def encode_sums(sums: Mapping[str, str]) -> bytes:
    """Return the lines for `sums`, hex digests by file name, in the order given."""
    return "".join(_line(name, digest) for name, digest in sums.items()).encode()


def decode_sums(content: bytes) -> dict[str, str]:
    """Return hex digests in lower case by file name.

    Raises:
        ValueError: A line is none that `sha256sum` writes, or names a file again.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(content.decode().split("\n"), start=1):
        if not line:
            continue
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a digest and a name")
        name = _unescaped(match[3]) if match[1] else match[3]
        if name in sums:
            raise ValueError(f"line {number} names a file again")
        sums[name] = match[2].lower()
    return sums


def _line(name: str, digest: str) -> str:
    escaped = re.sub(r"[\\\n\r]", lambda match: _SUM_ESCAPES[match[0]], name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _unescaped(text: str) -> str:
    return re.sub(r"\\[\\nr]", lambda match: _UNESCAPES[match[0]], text)


BAGIT: Final = "bagit.txt"
INFO: Final = "bag-info.txt"
PAYLOAD: Final = "manifest-sha256.txt"
TAGS: Final = "tagmanifest-sha256.txt"
DATA: Final = "data"

BAG_PAPERS: Final = (MANIFEST, BAGIT, PAYLOAD, INFO, TAGS)
"""In the order in which they are written: each speaks only of what is there already."""

PAPERS: Final = frozenset({*BAG_PAPERS, SUMS})
"""All that stands beside a recording's own files, in either format."""

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ESCAPES = {"%": "%25", "\n": "%0A", "\r": "%0D"}


def bag_papers(holding: Holding, manifest: bytes, *, version: str) -> dict[str, bytes]:
    """Return the papers of a bag by name, in the order in which they are to be written.

    All of them follow from the holding and its `manifest` (`recording.json`) alone.
    """
    stored = [file for file in holding.files if file.state == FileState.STORED]
    papers = {
        MANIFEST: manifest,
        BAGIT: _DECLARATION,
        PAYLOAD: encode_payload({file.name: file.sha256 or "" for file in stored}),
        INFO: _info(holding, stored, version),
    }
    digests = {name: sha256(content).hexdigest() for name, content in papers.items()}
    return {**papers, TAGS: _lines(digests)}


def encode_payload(digests: Mapping[str, str]) -> bytes:
    """Return the payload manifest for files in `data/`, hex digests by their names."""
    return _lines({f"{DATA}/{name}": digest for name, digest in digests.items()})


def decode_payload(content: bytes) -> dict[str, str]:
    """Return hex digests of the files in `data/` by their names.

    Raises:
        ValueError: It is no such manifest, or names what is not directly in `data/`.
    """
    found: dict[str, str] = {}
    for path, digest in decode_tags(content).items():
        folder, _, name = path.partition("/")
        if folder != DATA or not is_plain_name(name):
            raise ValueError(f"{path!a} is no file of {DATA}/")
        found[name] = digest
    return found


def decode_tags(content: bytes) -> dict[str, str]:
    """Return hex digests by path.

    Raises:
        ValueError: A line is no digest and path, or names a path again.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode().split("\n"), start=1):
        if not line.strip("\r"):
            continue
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match is None:
            raise ValueError(f"line {number} is not a digest and a path")
        path = re.sub("%(25|0[AaDd])", lambda each: chr(int(each[1], 16)), match[2])
        if path in found:
            raise ValueError(f"line {number} names a path again")
        found[path] = match[1].lower()
    return found


def _lines(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {_escaped(path)}\n" for path, digest in digests.items()).encode()


def _escaped(path: str) -> str:
    return re.sub("[%\n\r]", lambda each: _ESCAPES[each[0]], path)


def _info(holding: Holding, stored: list[HeldFile], version: str) -> bytes:
    octets = sum(file.size or 0 for file in stored)
    last = max((file.stored_at for file in stored if file.stored_at), default=None)
    labels = {
        "Bag-Software-Agent": f"reelkeep {version}",
        "Bagging-Date": last and f"{last:%Y-%m-%d}",
        "External-Identifier": holding.id,
        "External-Description": holding.title,
        "Bag-Group-Identifier": holding.provider,
        "Payload-Oxum": f"{octets}.{len(stored)}",
    }
    shown = {label: _plain(value) for label, value in labels.items() if value}
    return "".join(f"{label}: {value}\n" for label, value in shown.items() if value).encode()


def _plain(value: str) -> str:
    """Return foreign text as one line that begins and ends with ink."""
    return _UNPRINTABLE.sub(" ", value).strip()
