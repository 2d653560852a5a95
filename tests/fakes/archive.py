"""An archive in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from reelkeep.archive.hashed_file import new_hash
from reelkeep.core.coverage import Coverage, Segment, beginning
from reelkeep.core.examination import Examination
from reelkeep.core.journal import Identity, identity_of
from reelkeep.core.manifest import MANIFEST, SUMS, dump, encode_sums, to_manifest
from reelkeep.core.media import examine, kind_of
from reelkeep.core.model import Download, HeldFile, Holding
from reelkeep.errors import ArchiveAbsent, Busy, DiskFull, IoFailed, TransferError
from reelkeep.ports import Held, Inspection, Source


@dataclass
class Unfinished:
    """The bytes of one part, and whose they are."""

    identity: Identity
    content: bytearray = field(default_factory=bytearray)
    validator: str | None = None
    total: int | None = None
    promises: Mapping[str, str] = field(default_factory=dict)
    coverage: Coverage | None = None
    taken: bool = False


@dataclass
class MemoryIdentity:
    """Of an archive that is the right one, or is out of reach for `absent`."""

    absent: ArchiveAbsent | None = None

    async def check(self) -> None:
        if self.absent is not None:
            raise self.absent


class MemoryVolumes:
    """There are none."""

    async def absences(self) -> list[str]:
        return []


@dataclass
class MemoryArchive:
    """Keeps everything in dictionaries; `room` bytes may still be written to it."""

    room: int = 1 << 40
    identity: MemoryIdentity = field(default_factory=MemoryIdentity)
    volumes: MemoryVolumes = field(default_factory=MemoryVolumes)
    total: int = 1 << 40
    min_free: int = 0
    refusal: TransferError | None = None  #: Whatever is written fails like this.
    probes: int = 0
    unfinished: dict[tuple[str, str], Unfinished] = field(default_factory=dict)
    waiting: dict[tuple[str, str], bytes] = field(default_factory=dict)
    visible: dict[str, bytes] = field(default_factory=dict)
    quarantined: list[tuple[bytes, str]] = field(default_factory=list)
    checkpoints: int = 0

    @asynccontextmanager
    async def part(self, download: Download) -> AsyncIterator[MemoryPart]:
        name, identity = (download.key, download.file), identity_of(download)
        unfinished = self.unfinished.setdefault(name, Unfinished(identity))
        if unfinished.taken:
            raise Busy(f"another writer has the part of {download.name}")
        if unfinished.identity != identity or download.distrusted:
            unfinished = self.unfinished[name] = Unfinished(identity)
        unfinished.taken = True
        try:
            yield MemoryPart(self, download, unfinished)
        finally:
            unfinished.taken = False

    async def finished(self, download: Download) -> Inspection | None:
        content = self.waiting.get((download.key, download.file))
        return None if content is None else Inspection(len(content), _digest("sha256", content))

    async def recall(self, download: Download, sha256: str) -> Inspection | None:
        for content, _ in reversed(self.quarantined):
            if _digest("sha256", content) == sha256:
                self.waiting[download.key, download.file] = content
                return Inspection(len(content), sha256)
        return None

    async def reclaim(self, holding: Holding) -> list[HeldFile]:
        del holding
        return []

    async def publish(self, holding: Holding) -> str:
        folder = holding.folder or f"{holding.provider}/{holding.key}"
        stored = {file.name: file for file in holding.files if file.state == "stored"}
        for name, file in stored.items():
            content = self.waiting.get((holding.key, file.id))
            if self.visible.get(f"{folder}/{name}", content) is None:
                raise IoFailed(f"stored, but missing in {folder}: {name}")
        for name, file in stored.items():
            content = self.waiting.pop((holding.key, file.id), b"")
            self.visible.setdefault(f"{folder}/{name}", content)
        manifest = dump(to_manifest(holding, version="0"))
        sums = {name: file.sha256 or "" for name, file in stored.items()}
        sums[MANIFEST] = _digest("sha256", manifest)
        self.visible[f"{folder}/{MANIFEST}"] = manifest
        self.visible[f"{folder}/{SUMS}"] = encode_sums(sums)
        return folder

    async def free(self) -> int:
        return self.room

    async def capacity(self) -> int:
        return self.total

    async def probe(self, *, write: bool = True) -> None:
        if self.refusal is not None:
            raise self.refusal
        if write and self.room <= 0:
            raise DiskFull("no room in memory")
        self.probes += write


class MemoryPart:
    """One part of a `MemoryArchive`."""

    def __init__(self, archive: MemoryArchive, download: Download, unfinished: Unfinished) -> None:
        self._archive = archive
        self._download = download
        self._unfinished = unfinished

    @property
    def held(self) -> Held:
        kept = self._unfinished
        size = len(kept.content) if kept.coverage is None else beginning(kept.coverage.filled)
        return Held(size, kept.validator, kept.total, kept.promises)

    async def read(self, offset: int, size: int) -> bytes:
        return bytes(self._unfinished.content[offset : offset + size])

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        self._unfinished.content.clear()
        self._unfinished.coverage = None
        self._unfinished.validator = validator
        self._unfinished.total = total
        self._unfinished.promises = dict(promises)

    def distrust(self) -> None:
        kept = self._unfinished
        kept.content.clear()
        kept.coverage = kept.validator = kept.total = None

    async def write(self, pieces: Sequence[bytes]) -> None:
        content = b"".join(pieces)
        fitting = content[: self._archive.room]
        self._unfinished.content += fitting
        self._archive.room -= len(fitting)
        if len(fitting) < len(content):
            raise DiskFull("no room in memory")

    @property
    def coverage(self) -> Coverage | None:
        return self._unfinished.coverage

    @property
    def distrusted(self) -> bool:
        return False

    @property
    def behind(self) -> int:
        return 0

    async def absorb(self, source: Source, most: int) -> None:
        buffer, left = memoryview(bytearray(1 << 16)), most
        while left:
            view = buffer[: min(len(buffer), left)]
            count = source.draw(view)
            await self.write([bytes(view[:count])])
            left -= count
            if count < len(view):
                return

    async def scatter(self, total: int) -> Coverage:
        kept = self._unfinished
        kept.total, kept.coverage = total, Coverage(total, [(0, len(kept.content))])
        return kept.coverage

    async def fill(self, source: Source, most: int, claim: Segment) -> None:
        claim.reach = min(claim.end, claim.at + most)
        buffer, kept = memoryview(bytearray(1 << 16)), self._unfinished.content
        while claim.at < claim.reach:
            view = buffer[: min(len(buffer), claim.reach - claim.at)]
            count = source.draw(view)
            kept.extend(bytes(max(0, claim.at + count - len(kept))))
            kept[claim.at : claim.at + count] = view[:count]
            claim.at += count
            if count < len(view):
                return

    async def follow(self) -> None:
        """Hash nothing: that is done when it is asked for."""

    async def checkpoint(self) -> None:
        self._archive.checkpoints += 1

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        content = bytes(self._unfinished.content)
        found = {name: _digest(name, content) for name in digests}
        return Inspection(len(content), _digest("sha256", content), found)

    async def examine(self, file_type: str, *, sized: bool) -> Examination:
        content = bytes(self._unfinished.content)
        kind = kind_of(file_type, self._download.name.rpartition(".")[2])
        return examine(kind, lambda at, size: content[at : at + size], len(content), sized=sized)

    async def keep(self) -> None:
        name = (self._download.key, self._download.file)
        self._archive.waiting[name] = bytes(self._unfinished.content)
        del self._archive.unfinished[name]

    async def quarantine(self, reason: str) -> None:
        self._archive.quarantined.append((bytes(self._unfinished.content), reason))
        await self.begin(validator=None, total=None, promises={})


def _digest(name: str, content: bytes) -> str:
    hashed = new_hash(name)
    hashed.update(content)
    return hashed.hexdigest()
