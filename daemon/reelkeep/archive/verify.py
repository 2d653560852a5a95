"""Read recordings' folders again, and say what is missing, altered or foreign in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from reelkeep.archive.disk import Disk
from reelkeep.archive.papers import read_paper
from reelkeep.archive.rehash import rehash
from reelkeep.archive.threads import Threads
from reelkeep.archive.walk import Listing, listing, walk_in_threads
from reelkeep.core.manifest import MANIFEST, SUMS, Manifest, is_plain_name, read_manifest
from reelkeep.core.sums import decode_sums
from reelkeep.errors import IoFailed

Claims = Mapping[str, frozenset[str]]
"""What digests sums and manifest claim of a file, by its name; at most one, if all is well."""

_UNREADABLE = "a manifest that cannot be read is not as it was written"


class Mark(Enum):
    """What was found of one file."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Checked:
    """One file of a folder; `sha256` is what was read."""

    name: str
    mark: Mark
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found in one folder; provider, id and key are those of a readable manifest."""

    folder: str  #: Relative to the archive, with `/`.
    provider: str | None = None
    id: str | None = None
    key: str | None = None
    checked: tuple[Checked, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all is there, as it was written, and nothing else."""
        return all(each.mark is Mark.OK for each in self.checked)

    def names(self, mark: Mark) -> tuple[str, ...]:
        """Return the files with this mark."""
        return tuple(each.name for each in self.checked if each.mark is mark)


async def verify(
    threads: Threads, disk: Disk, root: Path, folder: str, progress: Callable[[int], None]
) -> Verdict:
    """Return what is found in `folder`, which may be gone altogether.

    Raises:
        IoFailed: The directory cannot be read.
    """
    here = await threads.run(listing, root, PurePosixPath(folder))
    return await _Verification(threads, disk, root, progress).verdict(here)


async def verify_all(
    threads: Threads, disk: Disk, root: Path, progress: Callable[[int], None]
) -> AsyncIterator[Verdict]:
    """Yield what is found in each folder that holds files.

    Raises:
        IoFailed: A directory cannot be read.
    """
    verification = _Verification(threads, disk, root, progress)
    async for here in walk_in_threads(threads, root):
        if here.is_recording or SUMS in here.files:
            yield await verification.verdict(here)
        elif here.files:
            strays = tuple(Checked(_shown(name), Mark.FOREIGN) for name in here.files)
            yield Verdict(folder=_shown(str(here.folder)), checked=strays)


@dataclass(frozen=True, slots=True)
class _Verification:
    threads: Threads
    disk: Disk
    root: Path
    progress: Callable[[int], None]

    async def verdict(self, here: Listing) -> Verdict:
        path = self.root / here.folder
        manifest, sums = await _manifest(path), await _sums(path)
        claims = _claims(manifest, sums)
        checked = [Checked(SUMS, _mark_of_sums(manifest, sums, here))]
        for name, digests in sorted(claims.items()):
            checked.append(await self._check(path, name, digests, here))
        known = claims.keys() | {SUMS}
        strays = [name for name in here.files if name not in known]
        strays += [f"{name}/" for name in here.directories if name not in claims]
        checked += [Checked(_shown(name), Mark.FOREIGN) for name in strays]
        return Verdict(
            folder=_shown(str(here.folder)),
            provider=manifest.provider if manifest else None,
            id=manifest.id if manifest else None,
            key=manifest.key if manifest else None,
            checked=tuple(checked),
        )

    async def _check(
        self, path: Path, name: str, digests: frozenset[str], here: Listing
    ) -> Checked:
        if name not in here.files and name not in here.directories:
            return Checked(name, Mark.MISSING)
        try:
            found = await rehash(self.threads, self.disk, path / name, progress=self.progress)
        except IoFailed:
            return Checked(name, Mark.ALTERED)
        sha256 = found.digests["sha256"]
        mark = Mark.OK if digests <= {sha256} else Mark.ALTERED
        return Checked(name, mark, found.size, sha256)


async def _manifest(path: Path) -> Manifest | None:
    try:
        return read_manifest(await read_paper(path / MANIFEST) or b"")
    except (ValueError, IoFailed):
        return None


async def _sums(path: Path) -> dict[str, str] | None:
    try:
        content = await read_paper(path / SUMS)
        sums = None if content is None else decode_sums(content)
    except (ValueError, IoFailed):
        return None
    return sums if sums is not None and all(map(is_plain_name, sums)) else None


def _claims(manifest: Manifest | None, sums: Mapping[str, str] | None) -> Claims:
    claims: dict[str, set[str]] = {MANIFEST: set() if manifest else {_UNREADABLE}}
    for listed in (sums or {}, _listed(manifest)):
        for name, sha256 in listed.items():
            claims.setdefault(name, set()).add(sha256)
    return {name: frozenset(digests) for name, digests in claims.items()}


def _listed(manifest: Manifest | None) -> dict[str, str]:
    files = manifest.files if manifest else ()
    return {file.name: file.sha256 for file in files if file.stored and file.sha256}


def _mark_of_sums(manifest: Manifest | None, sums: Mapping[str, str] | None, here: Listing) -> Mark:
    if SUMS not in here.files:
        return Mark.MISSING
    if sums is None or MANIFEST not in sums or not _listed(manifest).items() <= sums.items():
        return Mark.ALTERED
    return Mark.OK


def _shown(name: str) -> str:
    """Return a name found on disk as text that can be written anywhere."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
