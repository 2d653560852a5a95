"""Read recordings' folders again, and say what is missing, altered, unreadable or foreign."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import aiofiles
from anyio import CancelScope

from reelkeep.archive.folders import DirectoryListing, listing
from reelkeep.archive.hashed_file import READ_BYTES, SLICE_BYTES, new_hash
from reelkeep.archive.threads import Threads
from reelkeep.archive.volumes import Away
from reelkeep.core.integrity import FOLDER_ITSELF, Checked, FolderVerdict, Mark
from reelkeep.core.manifest import (
    BAG_PAPERS,
    BAGIT,
    DATA,
    MANIFEST,
    MANIFEST_BYTES,
    PAPERS,
    PAYLOAD,
    SUMS,
    TAGS,
    Manifest,
    decode_payload,
    decode_sums,
    decode_tags,
    is_plain_name,
    read_manifest,
)
from reelkeep.core.text import is_storable, storable
from reelkeep.disk import Disk, disk_error, read_small

BUFFER_BYTES: Final = 512 << 10
_FORGET: Final = 8 << 20

_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""How the kernel refuses to open what is a link, a socket or a directory."""


class NoFile(Exception):
    """Something else than a plain file has the name."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read: bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


class _Buffers(threading.local):
    """One buffer for each thread; a file is hashed out of it before it is filled again."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_BYTES))


_buffers = _Buffers()


def read_content(disk: Disk, path: Path) -> Generator[int, None, Content]:
    """Read the file at `path`, yielding the bytes of each piece. Blocking.

    Its pages are dropped from memory before and behind the reader: what counts is what the disk
    holds, and what others have in memory stays there.

    Raises:
        NoFile: It is a link, a directory or another thing that is not a plain file.
        OSError: It is missing, or cannot be read.
    """
    fd = _open(disk, path)
    try:
        disk.forget(fd, 0, 0)
        hashed, size, forgotten = hashlib.sha256(), 0, 0
        while count := disk.pread_into(fd, _buffers.view, size):
            hashed.update(_buffers.view[:count])
            size += count
            if size - forgotten >= _FORGET:
                disk.forget(fd, forgotten, size - forgotten)
                forgotten = size
            yield count
        disk.forget(fd, 0, 0)
        return Content(size, hashed.hexdigest())
    finally:
        disk.close(fd)


def _open(disk: Disk, path: Path) -> int:
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise NoFile(path.name) from error
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    disk.close(fd)
    raise NoFile(path.name)


async def read_paper(path: Path) -> bytes | None:
    """Return what is in the file at `path`; None if there is no such file.

    Raises:
        IoFailed: It cannot be read, or is a link.
    """
    try:
        async with aiofiles.open(path, "rb", opener=_without_following) as file:
            return await file.read(MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error) from error


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@dataclass(frozen=True, slots=True)
class Reread:
    """What was read: bytes, and hex digests by name (see `hashes`)."""

    size: int
    digests: dict[str, str]


async def rehash(
    threads: Threads,
    disk: Disk,
    path: Path,
    digests: Iterable[str] = ("sha256",),
    *,
    progress: Callable[[int], None] = lambda _size: None,
) -> Reread:
    """Read the file at `path` once for all `digests`, which are names that `new_hash` knows.

    `progress` hears of each slice how many bytes it was.

    Raises:
        IoFailed: It cannot be read, is no file, or is a link.
    """
    reading = _Reading(disk, path, digests)
    try:
        while not reading.done:
            before = reading.offset
            await threads.run(reading.step)
            progress(reading.offset - before)
    finally:
        if not reading.done:
            with CancelScope(shield=True):
                await threads.run(reading.close)
    return Reread(reading.offset, reading.hexdigests())


class _Reading:
    """A file on its way through some hashes. Blocking."""

    def __init__(self, disk: Disk, path: Path, digests: Iterable[str]) -> None:
        self.offset = 0
        self.done = False
        self._disk = disk
        self._path = path
        self._hashes = {name: new_hash(name) for name in digests}
        self._fd: int | None = None
        self._turn = threading.Lock()  # a caller that was torn away may have left its thread

    def step(self) -> None:
        """Read the next slice; at the end of the file, close it and be done."""
        with self._turn:
            if self._fd is None:
                self._fd = self._disk.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            if self._reaches_end(self._fd):
                self._close()
                self.done = True

    def close(self) -> None:
        with self._turn:
            self._close()

    def hexdigests(self) -> dict[str, str]:
        return {name: hashed.hexdigest() for name, hashed in self._hashes.items()}

    def _reaches_end(self, fd: int) -> bool:
        end = self.offset + SLICE_BYTES
        while self.offset < end:
            piece = self._disk.pread(fd, READ_BYTES, self.offset)
            if not piece:
                return True
            for hashed in self._hashes.values():
                hashed.update(piece)
            self.offset += len(piece)
        return False

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._disk.close(fd)


Claims = Mapping[str, frozenset[str]]
"""What digests sums and manifest claim of a file, by its name; at most one, if all is well."""

_GOOD: frozenset[str] = frozenset()
_BAD = frozenset({"what cannot be read, or contradicts another, is not as it was written"})
_NO_PLAIN_FILE = "it is no plain file"


def verification(
    disk: Disk, root: Path, folder: str, known: Collection[str] = ()
) -> Generator[int, None, FolderVerdict]:
    """Return what is found in `folder`, which may be gone; yield the bytes of each piece read.

    Blocking. Files that are `known` to be in order are not read. Nothing that the disk does
    raises: it is what was found.
    """
    try:
        here = listing(disk, root, PurePosixPath(folder))
    except OSError as error:
        return unreadable(folder, error.strerror)
    return (yield from _verdict(disk, root, here, known))


def directories(listings: Iterator[DirectoryListing]) -> Iterator[str | FolderVerdict]:
    """Yield the folders of recordings; for a directory with other files, the verdict on it."""
    for here in listings:
        if is_worth_reading(here) and is_storable(str(here.folder)):
            yield str(here.folder)
        elif is_worth_reading(here):
            yield nameless(here)
        elif (verdict := strays(here)) is not None:
            yield verdict


def is_worth_reading(here: DirectoryListing) -> bool:
    """Whether the directory holds a recording, or did."""
    return here.is_recording or not PAPERS.isdisjoint(here.files)


def strays(here: DirectoryListing) -> FolderVerdict | None:
    """Return what is in a directory that holds no recording: all files in it are foreign."""
    if here.error is not None:
        return unreadable(str(here.folder), here.error)
    found = tuple(Checked(shown(name), Mark.FOREIGN) for name in here.files)
    return FolderVerdict(folder=shown(str(here.folder)), checked=found) if found else None


def nameless(here: DirectoryListing) -> FolderVerdict:
    """Return what there is to say of a recording's folder that no catalog can name."""
    found = [*here.files, *(f"{name}/" for name in here.directories)]
    folder = shown(str(here.folder))
    reason = f"the name of its folder, {folder}, is not UTF-8: rename the folder"
    checked = tuple(Checked(shown(name), Mark.FOREIGN, reason=reason) for name in found)
    return FolderVerdict(folder=folder, checked=checked)


NAMELESS = "the name of its folder is not UTF-8: rename the folder"
"""Why a recording's folder is foreign whatever is in it."""


def unreadable(folder: str, reason: str | None) -> FolderVerdict:
    """Return what there is to say of a directory that cannot be read."""
    return FolderVerdict(
        folder=shown(folder), checked=(Checked(FOLDER_ITSELF, Mark.UNREADABLE, reason=reason),)
    )


def away_from(folder: str, away: Away) -> FolderVerdict:
    """Return what there is to say of a folder on a volume that is not there now."""
    return replace(unreadable(folder, away.reason), away=str(away.folder))


def _verdict(
    disk: Disk, root: Path, here: DirectoryListing, known: Collection[str]
) -> Generator[int, None, FolderVerdict]:
    path = root / here.folder
    papers = _Papers(disk, path)
    manifest = _manifest(papers.read(MANIFEST))
    if BAGIT in here.files or PAYLOAD in here.files:
        checked = yield from _bag(papers, here, manifest, known)
    else:
        checked = yield from _plain(papers, here, manifest, known)
    return FolderVerdict(
        folder=shown(str(here.folder)),
        provider=manifest.provider if manifest else None,
        id=manifest.id if manifest else None,
        key=manifest.key if manifest else None,
        checked=tuple(checked),
    )


class _Papers:
    """Reads the manifest and the sums in a folder; what cannot be read is not called altered."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self.disk = disk
        self.path = path
        self.unread: dict[str, str] = {}  #: Why a paper could not be read, by its name.

    def read(self, name: str) -> bytes | None:
        """Return what is in a paper; None if it is missing, no plain file, or cannot be read."""
        try:
            return read_small(self.disk, self.path / name, limit=MANIFEST_BYTES)
        except OSError as error:
            if error.errno not in _NO_FILE and not isinstance(error, FileNotFoundError):
                self.unread[name] = error.strerror or str(error)
            return None


def _plain(
    papers: _Papers, here: DirectoryListing, manifest: Manifest | None, known: Collection[str]
) -> Generator[int, None, list[Checked]]:
    sums = _decoded(decode_sums, papers.read(SUMS))
    if sums is not None and not all(map(is_plain_name, sums)):
        sums = None
    listed = _listed(manifest)
    whole = sums is not None and MANIFEST in sums and listed.items() <= sums.items()
    claims = _claims(sums or {}, listed)
    claims[MANIFEST] = claims.get(MANIFEST, frozenset()) | (_GOOD if manifest else _BAD)
    checked = [_said(SUMS, here, papers, whole=whole)]
    checked += yield from _each(papers, here, claims, known)
    return [*checked, *_foreign(here, claims.keys() | {SUMS})]


def _bag(
    papers: _Papers, here: DirectoryListing, manifest: Manifest | None, known: Collection[str]
) -> Generator[int, None, list[Checked]]:
    payload = _decoded(decode_payload, papers.read(PAYLOAD))
    tags = _decoded(decode_tags, papers.read(TAGS))
    listed = _listed(manifest)
    said = dict.fromkeys(BAG_PAPERS[:-1], _GOOD) | _claims(tags or {})
    whole = tags is not None and tags.keys() == set(BAG_PAPERS[:-1])
    if not whole:
        said = dict.fromkeys(BAG_PAPERS[:-1], _GOOD)
    if manifest is None:
        said[MANIFEST] |= _BAD
    if payload is None or not listed.items() <= payload.items():
        said[PAYLOAD] |= _BAD
    claims = _claims(payload or {}, listed)
    try:
        inside = listing(papers.disk, papers.path, PurePosixPath(DATA))
    except OSError as error:
        inside = DirectoryListing(PurePosixPath(DATA), (), (), error.strerror)
    checked = [_said(TAGS, here, papers, whole=whole)]
    checked += yield from _each(papers, here, said, ())
    data = _Papers(papers.disk, papers.path / DATA)
    checked += yield from _each(data, inside, claims, known)
    foreign = _foreign(here, {*BAG_PAPERS, DATA}) + [
        replace(each, name=f"{DATA}/{each.name}") for each in _foreign(inside, claims.keys())
    ]
    return [*checked, *foreign]


def _each(
    papers: _Papers, here: DirectoryListing, claims: Claims, known: Collection[str]
) -> Generator[int, None, list[Checked]]:
    """Look at each file of `claims` in the directory of `papers`."""
    checked: list[Checked] = []
    for name, digests in sorted(claims.items()):
        if here.error is not None:
            checked.append(Checked(name, Mark.UNREADABLE, reason=here.error))
        elif name not in here.files and name not in here.directories:
            checked.append(Checked(name, Mark.MISSING))
        elif name in known:
            checked.append(Checked(name, Mark.OK))
        elif name in papers.unread:
            checked.append(Checked(name, Mark.UNREADABLE, reason=papers.unread[name]))
        else:
            checked.append((yield from _check(papers.disk, papers.path / name, digests)))
    return checked


def _foreign(here: DirectoryListing, ours: Collection[str]) -> list[Checked]:
    strange = [name for name in here.files if name not in ours]
    strange += [f"{name}/" for name in here.directories if name not in ours]
    return [Checked(shown(name), Mark.FOREIGN) for name in strange]


def _said(name: str, here: DirectoryListing, papers: _Papers, *, whole: bool) -> Checked:
    """Return how the paper is that speaks of all others, and of which none speaks."""
    if name not in here.files:
        return Checked(name, Mark.MISSING)
    if name in papers.unread:
        return Checked(name, Mark.UNREADABLE, reason=papers.unread[name])
    return Checked(name, Mark.OK if whole else Mark.ALTERED)


def _check(disk: Disk, path: Path, digests: frozenset[str]) -> Generator[int, None, Checked]:
    try:
        content = yield from read_content(disk, path)
    except NoFile:
        return Checked(path.name, Mark.ALTERED, reason=_NO_PLAIN_FILE)
    except FileNotFoundError:
        return Checked(path.name, Mark.MISSING)
    except OSError as error:
        return Checked(path.name, Mark.UNREADABLE, reason=error.strerror)
    mark = Mark.OK if digests <= {content.sha256} else Mark.ALTERED
    return Checked(path.name, mark, content.size, content.sha256)


def _manifest(paper: bytes | None) -> Manifest | None:
    try:
        return read_manifest(paper or b"")
    except ValueError:
        return None


def _decoded(
    decode: Callable[[bytes], dict[str, str]], paper: bytes | None
) -> dict[str, str] | None:
    try:
        return None if paper is None else decode(paper)
    except ValueError:
        return None


def _claims(*witnesses: Mapping[str, str]) -> dict[str, frozenset[str]]:
    claims: dict[str, frozenset[str]] = {}
    for witness in witnesses:
        for name, digest in witness.items():
            claims[name] = claims.get(name, _GOOD) | {digest}
    return claims


def _listed(manifest: Manifest | None) -> dict[str, str]:
    files = manifest.files if manifest else ()
    return {file.name: file.sha256 for file in files if file.stored and file.sha256}


def shown(name: str) -> str:
    """Return a name found on disk as text that can be written anywhere."""
    return storable(name)
