"""Write the small text files that come with a recording: captions, chat, polls, summaries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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
