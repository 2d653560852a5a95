"""Write and read `SHA256SUMS` as GNU `sha256sum` does."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {written: char for char, written in _ESCAPES.items()}


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
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a digest and a name")
        name = _unescaped(match[3]) if match[1] else match[3]
        if name in sums:
            raise ValueError(f"line {number} names a file again")
        sums[name] = match[2].lower()
    return sums


def _line(name: str, digest: str) -> str:
    escaped = re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _unescaped(text: str) -> str:
    return re.sub(r"\\[\\nr]", lambda match: _UNESCAPES[match[0]], text)
