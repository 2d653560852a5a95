"""Put bad bytes aside for people to look at, the newest two of each file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reelkeep.archive.disk import Disk, write_small
from reelkeep.archive.places import Places, tag
from reelkeep.core.model import Download
from reelkeep.ports import Held

_KEPT = 2


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantine of one archive. Blocking."""

    disk: Disk
    places: Places
    clock: Callable[[], datetime]

    def take(self, path: Path, download: Download, held: Held, reason: str) -> None:
        """Move the file at `path` here, with a note; it need not survive a power cut."""
        begins = f"{tag(download.key, download.file)}-"
        taken = self._numbers(begins)
        number = max(taken, default=0) + 1
        place = self.places.quarantine / f"{begins}{number}.part"
        self.disk.rename(path, place)
        with suppress(OSError):  # the note is a courtesy
            write_small(
                self.disk, place.with_suffix(".json"), self._note(download, held, reason), 0o600
            )
        for old in sorted(taken)[: max(0, len(taken) + 1 - _KEPT)]:
            for ending in ("part", "json"):
                self.disk.unlink(self.places.quarantine / f"{begins}{old}.{ending}")

    def _numbers(self, begins: str) -> set[int]:
        names = (
            name for name in self.disk.names(self.places.quarantine) if name.startswith(begins)
        )
        numbers = (name.removeprefix(begins).partition(".")[0] for name in names)
        return {int(number) for number in numbers if number.isascii() and number.isdigit()}

    def _note(self, download: Download, held: Held, reason: str) -> bytes:
        note = {
            "reason": reason,
            "at": self.clock().isoformat(),
            "provider": download.provider,
            "recording": download.recording,
            "file": download.file,
            "name": download.name,
            "promised": download.size,
            "announced": held.total,
            "held": held.size,
            "validator": held.validator,
            "digests": dict(held.promises),
        }
        return json.dumps(note, indent=2).encode() + b"\n"
