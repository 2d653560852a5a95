"""Read recordings' folders again, and say what is missing, altered, unreadable or foreign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from reelkeep.archive.reading import NoFile, read_content
from reelkeep.archive.volumes import Away
from reelkeep.archive.walk import DirectoryListing, listing
from reelkeep.core.checksum_files import (
    BAG_PAPERS,
    BAGIT,
    DATA,
    PAPERS,
    PAYLOAD,
    TAGS,
    decode_payload,
    decode_sums,
    decode_tags,
)
from reelkeep.core.integrity import FOLDER_ITSELF, Checked, FolderVerdict, Mark
from reelkeep.core.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    SUMS,
    Manifest,
    is_plain_name,
    read_manifest,
)
from reelkeep.core.text import is_storable, storable
from reelkeep.disk import Disk, read_small

Claims = Mapping[str, frozenset[str]]
"""What digests sums and manifest claim of a file, by its name; at most one, if all is well."""

_GOOD: frozenset[str] = frozenset()
_BAD = frozenset({"what cannot be read, or contradicts another, is not as it was written"})
_NO_FILE = "it is no plain file"


def verification(
    disk: Disk, root: Path, folder: str, known: Collection[str] = ()
) -> Generator[int, None, FolderVerdict]:
    """Return what is found in `folder`, which may be gone; yield the bytes of each piece read.

    Blocking. Files that are `known` to be in order are not read. Nothing that the disk does
    raises: it is what was found.
    """
    try:
        here = listing(root, PurePosixPath(folder))
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
    manifest = _manifest(_paper(disk, path / MANIFEST))
    if BAGIT in here.files or PAYLOAD in here.files:
        checked = yield from _bag(disk, path, here, manifest, known)
    else:
        checked = yield from _plain(disk, path, here, manifest, known)
    return FolderVerdict(
        folder=shown(str(here.folder)),
        provider=manifest.provider if manifest else None,
        id=manifest.id if manifest else None,
        key=manifest.key if manifest else None,
        checked=tuple(checked),
    )


def _plain(
    disk: Disk,
    path: Path,
    here: DirectoryListing,
    manifest: Manifest | None,
    known: Collection[str],
) -> Generator[int, None, list[Checked]]:
    sums = _decoded(decode_sums, _paper(disk, path / SUMS))
    if sums is not None and not all(map(is_plain_name, sums)):
        sums = None
    listed = _listed(manifest)
    whole = sums is not None and MANIFEST in sums and listed.items() <= sums.items()
    claims = _claims(sums or {}, listed)
    claims[MANIFEST] = claims.get(MANIFEST, frozenset()) | (_GOOD if manifest else _BAD)
    checked = [_said(SUMS, here, whole=whole)]
    checked += yield from _each(disk, path, here, claims, known)
    return [*checked, *_foreign(here, claims.keys() | {SUMS})]


def _bag(
    disk: Disk,
    path: Path,
    here: DirectoryListing,
    manifest: Manifest | None,
    known: Collection[str],
) -> Generator[int, None, list[Checked]]:
    payload = _decoded(decode_payload, _paper(disk, path / PAYLOAD))
    tags = _decoded(decode_tags, _paper(disk, path / TAGS))
    listed = _listed(manifest)
    papers = dict.fromkeys(BAG_PAPERS[:-1], _GOOD) | _claims(tags or {})
    whole = tags is not None and tags.keys() == set(BAG_PAPERS[:-1])
    if not whole:
        papers = dict.fromkeys(BAG_PAPERS[:-1], _GOOD)
    if manifest is None:
        papers[MANIFEST] |= _BAD
    if payload is None or not listed.items() <= payload.items():
        papers[PAYLOAD] |= _BAD
    claims = _claims(payload or {}, listed)
    try:
        inside = listing(path, PurePosixPath(DATA))
    except OSError as error:
        inside = DirectoryListing(PurePosixPath(DATA), (), (), error.strerror)
    checked = [_said(TAGS, here, whole=whole)]
    checked += yield from _each(disk, path, here, papers, ())
    checked += yield from _each(disk, path / DATA, inside, claims, known)
    foreign = _foreign(here, {*BAG_PAPERS, DATA}) + [
        replace(each, name=f"{DATA}/{each.name}") for each in _foreign(inside, claims.keys())
    ]
    return [*checked, *foreign]


def _each(
    disk: Disk, path: Path, here: DirectoryListing, claims: Claims, known: Collection[str]
) -> Generator[int, None, list[Checked]]:
    """Look at each file of `claims` in the directory `path`."""
    checked: list[Checked] = []
    for name, digests in sorted(claims.items()):
        if here.error is not None:
            checked.append(Checked(name, Mark.UNREADABLE, reason=here.error))
        elif name not in here.files and name not in here.directories:
            checked.append(Checked(name, Mark.MISSING))
        elif name in known:
            checked.append(Checked(name, Mark.OK))
        else:
            checked.append((yield from _check(disk, path / name, digests)))
    return checked


def _foreign(here: DirectoryListing, ours: Collection[str]) -> list[Checked]:
    strange = [name for name in here.files if name not in ours]
    strange += [f"{name}/" for name in here.directories if name not in ours]
    return [Checked(shown(name), Mark.FOREIGN) for name in strange]


def _said(name: str, here: DirectoryListing, *, whole: bool) -> Checked:
    """Return how the paper is that speaks of all others, and of which none speaks."""
    if name not in here.files:
        return Checked(name, Mark.MISSING)
    return Checked(name, Mark.OK if whole else Mark.ALTERED)


def _check(disk: Disk, path: Path, digests: frozenset[str]) -> Generator[int, None, Checked]:
    try:
        content = yield from read_content(disk, path)
    except NoFile:
        return Checked(path.name, Mark.ALTERED, reason=_NO_FILE)
    except FileNotFoundError:
        return Checked(path.name, Mark.MISSING)
    except OSError as error:
        return Checked(path.name, Mark.UNREADABLE, reason=error.strerror)
    mark = Mark.OK if digests <= {content.sha256} else Mark.ALTERED
    return Checked(path.name, mark, content.size, content.sha256)


def _paper(disk: Disk, path: Path) -> bytes | None:
    try:
        return read_small(disk, path, limit=MANIFEST_BYTES)
    except OSError:
        return None


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
