"""Read a WebVTT transcript as lines with the second at which each begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Final

MOST_BYTES: Final = 2 * 2**20
"""Longer transcripts are not shown beside the player."""

MOST_LINES: Final = 5_000
"""Lines that are shown, at most."""

_TIMES: Final = re.compile(r"(?:(\d{1,4}):)?([0-5]\d):([0-5]\d)[.,](\d{3})\s*-->", re.ASCII)
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_SPEAKER: Final = re.compile(r"<v(?:\.[\w.]{1,40})?\s+([^<>]{1,100})>")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said from a second on."""

    second: float
    text: str

    @property
    def clock(self) -> str:
        """The time as a player shows it."""
        minutes, seconds = divmod(int(self.second), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def lines(content: bytes) -> list[Line]:
    """Return the lines of a transcript; what is not understood is left out."""
    found: list[Line] = []
    text = content.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    for block in re.split(r"\n{2,}", text):
        rows = block.split("\n")
        for number, row in enumerate(rows):
            match = _TIMES.match(row.strip())
            if match is None:
                continue
            said = _plain(" ".join(rows[number + 1 :]))
            if said:
                hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
                at = hours * 3600 + minutes * 60 + seconds + millis / 1000
                found.append(Line(at, said))
            break
        if len(found) >= MOST_LINES:
            break
    return found


def _plain(text: str) -> str:
    named = _SPEAKER.sub(lambda match: f"{match[1].strip()}: ", text)
    return unescape(_TAG.sub("", named)).strip()
