"""Read recordings' folders again, and say what is missing, altered, unreadable or foreign."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from pathlib import Path, PurePosixPath

from reelkeep.archive.disk import Disk, read_small
from reelkeep.archive.reading import NoFile, read_content
from reelkeep.archive.walk import Listing, listing
from reelkeep.core.integrity import Checked, Mark, Verdict
from reelkeep.core.manifest import (
    MANIFEST,
    MANIFEST_BYTES,
    SUMS,
    Manifest,
    is_plain_name,
    read_manifest,
)
from reelkeep.core.sums import decode_sums

Claims = Mapping[str, frozenset[str]]
"""What digests sums and manifest claim of a file, by its name; at most one, if all is well."""

_UNREADABLE = "a manifest that cannot be read is not as it was written"
_NO_FILE = "it is no plain file"


def verification(
    disk: Disk, root: Path, folder: str, known: Collection[str] = ()
) -> Generator[int, None, Verdict]:
    """Return what is found in `folder`, which may be gone; yield the bytes of each piece read.

    Blocking. Files that are `known` to be in order are not read. Nothing that the disk does
    raises: it is what was found.
    """
    try:
        here = listing(root, PurePosixPath(folder))
    except OSError as error:
        return unreadable(folder, error.strerror)
    return (yield from _verdict(disk, root, here, known))


def is_worth_reading(here: Listing) -> bool:
    """Whether the directory holds a recording, or did."""
    return here.is_recording or SUMS in here.files


def strays(here: Listing) -> Verdict | None:
    """Return what is in a directory that holds no recording: all files in it are foreign."""
    if here.error is not None:
        return unreadable(str(here.folder), here.error)
    found = tuple(Checked(shown(name), Mark.FOREIGN) for name in here.files)
    return Verdict(folder=shown(str(here.folder)), checked=found) if found else None


def unreadable(folder: str, reason: str | None) -> Verdict:
    """Return what there is to say of a directory that cannot be read."""
    return Verdict(folder=shown(folder), checked=(Checked("./", Mark.UNREADABLE, reason=reason),))


def _verdict(
    disk: Disk, root: Path, here: Listing, known: Collection[str]
) -> Generator[int, None, Verdict]:
    path = root / here.folder
    manifest, sums = _manifest(_paper(disk, path / MANIFEST)), _sums(_paper(disk, path / SUMS))
    claims = _claims(manifest, sums)
    checked = [Checked(SUMS, _mark_of_sums(manifest, sums, here))]
    for name, digests in sorted(claims.items()):
        if name not in here.files and name not in here.directories:
            checked.append(Checked(name, Mark.MISSING))
        elif name in known:
            checked.append(Checked(name, Mark.OK))
        else:
            checked.append((yield from _check(disk, path / name, digests)))
    ours = claims.keys() | {SUMS}
    foreign = [name for name in here.files if name not in ours]
    foreign += [f"{name}/" for name in here.directories if name not in ours]
    checked += [Checked(shown(name), Mark.FOREIGN) for name in foreign]
    return Verdict(
        folder=shown(str(here.folder)),
        provider=manifest.provider if manifest else None,
        id=manifest.id if manifest else None,
        key=manifest.key if manifest else None,
        checked=tuple(checked),
    )


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


def _sums(paper: bytes | None) -> dict[str, str] | None:
    try:
        sums = None if paper is None else decode_sums(paper)
    except ValueError:
        return None
    return sums if sums is not None and all(map(is_plain_name, sums)) else None


def _claims(manifest: Manifest | None, sums: Mapping[str, str] | None) -> Claims:
    claims: dict[str, set[str]] = {MANIFEST: set() if manifest else {_UNREADABLE}}
    for listed in (sums or {}, _listed(manifest)):
        for name, digest in listed.items():
            claims.setdefault(name, set()).add(digest)
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


def shown(name: str) -> str:
    """Return a name found on disk as text that can be written anywhere."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
