"""What a contender is: something that can be sent to fetch files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.goods import Goods
from benchmarks.processes import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be fetched, and where to."""

    goods: Goods
    origin: str  #: Where the server is, as `https://127.0.0.1:1234`.
    home: Path  #: For all that the contender writes; the files, too.
    authority: Path | None = None  #: The certificates to trust; None: those of the system.

    def url(self, key: str) -> str:
        """Return where the file of that key is."""
        return f"{self.origin}/files/{key}"


class Contender(Protocol):
    """Fetches files."""

    @property
    def name(self) -> str: ...

    def job(self, task: Task) -> Job:
        """Write what the command needs into the home of `task`, and return it."""
        ...
