"""What the catalog says, what the archive holds, and what would be right."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from reelkeep.archive.paths import OURS
from reelkeep.core.manifest import MANIFEST, SUMS
from reelkeep.simulator.world import SimFile, SimMeeting, SimSession
from simulation.disk import SimDisk
from simulation.world import GOTO, Nature, files_of

NAMES = {"gotoassist": "support", "zoom": "meetings", "zoom-videosdk": "sdk"}
"""What the providers are called in the configuration, by type."""

_FILES = text(
    "SELECT r.provider, r.id, r.state AS standing, r.folder, r.published, f.name, f.state,"
    " f.sha256, f.reason, f.due_at, f.tries, r.described"
    " FROM file f JOIN recording r ON r.row = f.recording ORDER BY f.row"
)


@dataclass(frozen=True, slots=True)
class Truth:
    """One file that a provider has had from the first."""

    provider: str
    recording: str
    file: SimFile
    sha256: str


@dataclass
class Books:
    """Compares what is said with what is so."""

    nature: Nature
    engine: Engine
    disk: SimDisk
    root: Path
    truths: dict[str, Truth] = field(default_factory=dict)  #: By the key of the file.

    def __post_init__(self) -> None:
        for truth in _truths(self.nature):
            self.truths[truth.file.key] = truth
        self._digests = {truth.sha256 for truth in self.truths.values()}

    def size(self, key: str) -> int:
        return self.truths[key].file.content.size

    def rows(self) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(_FILES).all()

    def count(self, query: str, **values: object) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(query), values).scalar_one())

    def not_durable(self, provider: str, recording: str) -> str | None:
        """Return a file of a recording that a power cut might take from us, if there is one."""
        rows = [row for row in self.rows() if (row.provider, row.id) == (provider, recording)]
        excused = any(row.state in ("waived", "skipped") for row in rows)
        for truth in self.truths.values():
            if (truth.provider, truth.recording) != (provider, recording):
                continue
            mine = [row for row in rows if row.sha256 == truth.sha256 and row.state == "stored"]
            if not any(self._is_safe(row, truth) for row in mine) and not excused:
                return truth.file.key
        return None

    def lacking(self) -> list[str]:
        """Return what can be had at the providers, and is not in the archive as it is there."""
        rows = self.rows()
        return [
            f"{truth.file.key} of {truth.provider}"
            for truth in self.truths.values()
            if self._can_be_had(truth) and not any(self._is_there(row, truth) for row in rows)
        ]

    def untold(self) -> list[str]:
        """Return archived recordings that GoToAssist still has, and was not told of."""
        there = {str(one.id) for one in self.nature.scene.world.recordings}
        query = text(
            "SELECT id FROM recording WHERE provider = :name AND state = 'archived' AND NOT told"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, {"name": NAMES[GOTO]})
            return [id_ for id_ in rows.scalars() if id_ in there]

    def unsettled(self) -> list[str]:
        """Return files that still wait, or that ended without a reason."""
        return [
            f"{row.name} of {row.provider} {row.id} is {row.state}"
            for row in self.rows()
            if row.state in ("due", "active")
            or (row.state in ("failed", "gone", "skipped", "waived") and not row.reason)
        ]

    def overdue(self, before: datetime, providers: Sequence[str]) -> list[str]:
        """Return files that were due before, and are still."""
        limit = before.replace(tzinfo=None).isoformat(sep=" ")
        return [
            f"{row.name} of {row.provider} {row.id} is due since {row.due_at}"
            for row in self.rows()
            if row.state == "due"
            and row.provider in providers
            and row.due_at is not None
            and row.due_at < limit
            and not self._is_of_large(row)
        ]

    def due_at_once(self) -> set[tuple[str, str]]:
        """Return the files that wait for nothing, each by its provider and what it is."""
        return {
            (row.provider, f"{row.name} of {row.id}")
            for row in self.rows()
            if row.state == "due"
            and row.due_at is None
            and row.described
            and row.standing == "open"
            and not self._is_of_large(row)
        }

    def under_way(self) -> set[tuple[str, str]]:
        """Return the files that are claimed, each by its provider and what it is."""
        return {
            (row.provider, f"{row.name} of {row.id}")
            for row in self.rows()
            if row.state == "active"
        }

    def false_names(self) -> list[str]:
        """Return what has a name in the archive and is no file of any provider."""
        return [
            str(path.relative_to(self.root))
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and path.relative_to(self.root).parts[0] != OURS
            and path.name not in (MANIFEST, SUMS)
            and _sha256(path.read_bytes()) not in self._digests
        ]

    def _is_of_large(self, row: Any) -> bool:
        """Whether it is a file of the recording that has one larger than the disk."""
        large = self.truths.get(self.nature.large or "")
        return large is not None and (row.provider, row.id) == (large.provider, large.recording)

    def _is_safe(self, row: Any, truth: Truth) -> bool:
        if row.folder is None:
            return False
        content = self.disk.durable(self.root / row.folder / row.name)
        return content is not None and _sha256(content) == truth.sha256

    def _is_there(self, row: Any, truth: Truth) -> bool:
        same = (row.provider, row.id, row.sha256) == (
            truth.provider,
            truth.recording,
            truth.sha256,
        )
        if not same or row.folder is None or row.state != "stored":
            return False
        path = self.disk.mount.home(self.root / row.folder / row.name)
        return path.is_file() and _sha256(path.read_bytes()) == truth.sha256

    def _can_be_had(self, truth: Truth) -> bool:
        world, file, now = self.nature.scene.world, truth.file, self.nature.scene.now()
        if not file.attainable or not file.ready(now):
            return False
        if truth.provider == NAMES[GOTO]:
            return any(str(one.id) == truth.recording for one in world.recordings)
        owners: list[SimMeeting | SimSession] = [*world.meetings, *world.sessions]
        return any(file in files_of(owner) and not owner.deleted for owner in owners)


def _truths(nature: Nature) -> Iterator[Truth]:
    world = nature.scene.world
    for one in world.recordings:
        for file in one.files:
            yield Truth("support", str(one.id), file, file.content.sha256)
    for meeting in world.meetings:
        for file in files_of(meeting):
            yield Truth("meetings", meeting.uuid, file, file.content.sha256)
    for session in world.sessions:
        for file in files_of(session):
            yield Truth("sdk", session.id, file, file.content.sha256)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
