"""The bytes of simulated files, made on demand from a seed and never held whole."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from reelkeep.simulator.media import filler_unit, jpeg, m4a, mp4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SENTENCES = (
    "Good morning, can everybody hear me?",
    "Let us look at the open tickets first.",
    "Grüße aus Köln, ich teile jetzt den Bildschirm.",
    "The second machine needs a restart.",
    "Thank you, that solved it.",
)


def vtt(key: str, size: int) -> bytes:
    """Return WEBVTT captions of at least `size` bytes."""
    lines = ["WEBVTT", "", f"NOTE {key}", ""]
    return _repeated(lines, _cue, size)


def txt(key: str, size: int) -> bytes:
    """Return a chat of at least `size` bytes, a line a message."""
    return _repeated([f"# {key}"], lambda n: f"{_clock(n)}\tParticipant {n % 3}:\t{_said(n)}", size)


def csv(key: str, size: int) -> bytes:
    """Return poll answers of at least `size` bytes."""
    lines = ["#,User,Question,Answer", f'0,"{key}","",""']
    return _repeated(lines, lambda n: f'{n},"Participant {n}","Solved?","yes"', size)


def timeline(key: str, size: int) -> bytes:
    """Return a timeline of at least `size` bytes, as JSON."""
    entries: list[dict[str, object]] = []
    while True:
        users = [{"username": f"Participant {len(entries) % 3}", "user_id": str(len(entries))}]
        entries.append({"ts": f"{_clock(len(entries))}.000", "users": users})
        text = json.dumps({"recording": key, "timeline": entries})
        if len(text) >= size:
            return text.encode()


def summary(key: str, size: int) -> bytes:
    """Return a summary of at least `size` bytes, as JSON."""
    text = " ".join(_said(number) for number in range(max(1, size // 35 + 1)))
    return json.dumps({"recording": key, "summary": text}, ensure_ascii=False).encode()


def _repeated(lines: list[str], line: Callable[[int], str], size: int) -> bytes:
    total, number = sum(len(text) for text in lines), 0
    while number < 1 or total < size:
        lines.append(line(number))
        total += len(lines[-1])
        number += 1
    return ("\n".join(lines) + "\n").encode()


def _cue(number: int) -> str:
    return f"{number + 1}\n{_clock(number)}.000 --> {_clock(number + 1)}.000\n{_said(number)}\n"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _said(number: int) -> str:
    return _SENTENCES[number % len(_SENTENCES)]


BLOCK = 1 << 20  #: Bytes of noise that are shared, rotated and stamped.
SLICE = 1 << 18  #: Bytes that are served at a time.
_STAMP = 32
_VARIANTS = 16


class ContentKind(Enum):
    """What a file holds."""

    MP4 = "video/mp4"
    M4A = "audio/mp4"
    JPG = "image/jpeg"
    EVENTS = "application/octet-stream"
    VTT = "text/vtt"
    TXT = "text/plain"
    CSV = "text/csv"
    TIMELINE = "application/json"
    SUMMARY = "application/json; charset=utf-8"


class Noise:
    """An endless supply of bytes for each salt, cheap at any offset.

    Every 1 MiB block is the same noise rotated by an amount that depends on salt and
    index, behind a stamp of both: no two blocks are equal, whatever file or place.
    """

    def __init__(self, seed: int) -> None:
        base = Random(seed).randbytes(BLOCK)
        self._twice = memoryview(base + base)

    def read(
        self, salt: str, start: int, stop: int, begins: Callable[[int], bytes] = lambda _index: b""
    ) -> Iterator[bytes | memoryview]:
        """Yield the bytes `start <= offset < stop` of what belongs to `salt`.

        Each block starts with what `begins` gives for its index.
        """
        while start < stop:
            index, within = divmod(start, BLOCK)
            digest = hashlib.blake2b(f"{salt}/{index}".encode(), digest_size=_STAMP).digest()
            stamp = begins(index) + digest[len(begins(index)) :]
            end = min(BLOCK, within + stop - start)
            if within < _STAMP:
                yield stamp[within:end]
            turn = int.from_bytes(digest[:4]) % BLOCK
            yield self._twice[turn + max(within, _STAMP) : turn + max(end, _STAMP)]
            start += end - within


@dataclass(frozen=True)
class GeneratedContent:
    """The bytes of one file: a real head of its kind, padded with noise to `wanted` bytes."""

    kind: ContentKind
    key: str  #: Names the file in the whole world; other key, other bytes.
    wanted: int  #: Bytes; texts, pictures and what is too small differ a little.
    noise: Noise

    @cached_property
    def head(self) -> bytes:
        """What a reader of this kind understands; empty for a file of zero bytes."""
        if self.wanted == 0:
            return b""
        if whole := _WHOLE.get(self.kind):
            return whole(self.key, self.wanted)
        if make := _FILMS.get(self.kind):
            return make(self._variant, self._fillers)
        return b"EVENTS\x00\x01"

    @cached_property
    def _fillers(self) -> list[int]:
        """The sizes of the samples that the noise is: a block each, and what is left in the last.

        Where it begins depends on how many there are.
        """
        full = [BLOCK] * max(0, (self.wanted - _HEAD) // (BLOCK + 4) - 1)
        fillers = [*full, _STAMP]
        for _ in range(2):  # the size of the head may depend on that of what follows
            begin = len(_FILMS[self.kind](self._variant, fillers))
            fillers = [*full, max(self.wanted - begin - len(full) * BLOCK, _STAMP)]
        return fillers

    @property
    def _variant(self) -> int:
        return zlib.crc32(self.key.encode()) % _VARIANTS

    def _begins(self, index: int) -> bytes:
        """Return how a block of noise begins."""
        if self.kind not in _FILMS or index >= len(self._fillers):
            return b""
        return filler_unit(self._fillers[index])

    @property
    def size(self) -> int:
        """Bytes in all."""
        if self.wanted == 0 or self.kind in _WHOLE:
            return len(self.head)
        if self.kind in _FILMS:
            return len(self.head) + sum(self._fillers)
        return max(self.wanted, len(self.head) + _STAMP)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | memoryview]:
        """Yield the bytes `start <= offset < stop` in slices of at most 256 KiB."""
        stop = self.size if stop is None else min(stop, self.size)
        if start < min(stop, len(self.head)):
            yield self.head[start:stop]
        begin = len(self.head)
        noise = self.noise.read(self.key, max(start - begin, 0), stop - begin, self._begins)
        for piece in noise:
            for at in range(0, len(piece), SLICE):
                yield piece[at : at + SLICE]

    def bytes(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return those bytes at once; for small files."""
        return b"".join(self.read(start, stop))

    @cached_property
    def sha256(self) -> str:
        """The digest of the whole, in hex; reading it all takes about a second a GiB."""
        digest = hashlib.sha256()
        for piece in self.read():
            digest.update(piece)
        return digest.hexdigest()


_WHOLE: dict[ContentKind, Callable[[str, int], bytes]] = {
    ContentKind.JPG: jpeg,
    ContentKind.VTT: vtt,
    ContentKind.TXT: txt,
    ContentKind.CSV: csv,
    ContentKind.TIMELINE: timeline,
    ContentKind.SUMMARY: summary,
}


_FILMS: dict[ContentKind, Callable[[int, Sequence[int]], bytes]] = {
    ContentKind.MP4: mp4,
    ContentKind.M4A: m4a,
}
_HEAD = 8192
"""Bytes that the head of a film has at most, but for the sizes of its fillers."""
