"""Tell the files of one recording apart, whatever ids their provider gives them.

An id that names one file in a listing is that file's id. Of several files under one id each gets
`<id>#<8 hex digits>`, made of what tells it from the others, so that it depends on no order. What a
file is called first stays its id in the catalog: later listings are matched with it by what they
say of the file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelkeep.core.model import File, FileId, HeldFile

_SHARED = re.compile(r"(.+)#[0-9a-f]{8}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What tells files under one id apart; '' is not known, and agrees with anything."""

    file_type: str = ""
    extension: str = ""
    recording_type: str = ""
    start: str = ""
    file_name: str = ""

    def agrees(self, other: FileKind) -> bool:
        """Return whether nothing that both say differs."""
        return all(
            not (mine and theirs) or mine == theirs
            for mine, theirs in zip(self._parts(), other._parts(), strict=True)
        )

    def _parts(self) -> tuple[str, ...]:
        return (
            self.file_type, self.extension, self.recording_type, self.start, self.file_name,
        )  # fmt: skip


def kind(file: File) -> FileKind:
    """Return what is said of a file."""
    return _kind(file.file_type, file.extension, file.recording_type, file.facts)


def held_kind(held: HeldFile) -> FileKind:
    """Return what was said of a file that is known."""
    extension = held.name.rpartition(".")[2] if "." in held.name else ""
    return _kind(held.file_type, extension, held.recording_type, held.facts or {})


def _kind(
    file_type: str, extension: str, recording_type: str, facts: Mapping[str, Any]
) -> FileKind:
    return FileKind(
        file_type=file_type.upper(),
        extension=_extension(extension.lower()),
        recording_type=recording_type.lower(),
        start=_text(facts, "recording_start"),
        file_name=_text(facts, "file_name"),
    )


def _extension(text: str) -> str:
    """Return an extension that tells something: `bin` stands for all that are not known."""
    return text if text != "bin" and re.fullmatch(r"[a-z0-9]{1,10}", text) else ""


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def own_id(id_: str) -> str:
    """Return the id that the provider gives, of one that may have been made of it."""
    shared = _SHARED.fullmatch(id_)
    return shared[1] if shared else id_


def shared_id(id_: str, *traits: object) -> FileId:
    """Return the id of one of several files that the provider calls `id_`."""
    written = json.dumps([str(trait) for trait in traits])
    digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
    return FileId(f"{own_id(id_)}#{digest[:8]}")


def id_by_kind(file: File) -> FileId:
    """Return the id of a file that shares the provider's with files of other kinds."""
    return shared_id(file.id, *_traits(kind(file)))


def _traits(said: FileKind) -> tuple[str, ...]:
    return (said.file_type, said.extension, said.recording_type, said.start, said.file_name)


def same_file(one: File, other: File) -> bool:
    """Return whether two listings speak of one file."""
    if own_id(one.id) != own_id(other.id) or not kind(one).agrees(kind(other)):
        return False
    return one.id == other.id or own_id(one.id) in (one.id, other.id)


def matched(files: Iterable[File], known: Sequence[HeldFile]) -> dict[FileId, HeldFile]:
    """Return for the files that are known which of `known` each is.

    Of several that it could be, a file is the one of its size, or the one of its id, or the one
    known longest; none is two files.
    """
    listed: dict[FileId, File] = {}
    for file in files:
        listed.setdefault(file.id, file)
    families: dict[str, list[HeldFile]] = {}
    for held in known:
        families.setdefault(own_id(held.id), []).append(held)
    pairs = [
        (_rank(file, held), number, held.row, file, held)
        for number, file in enumerate(listed.values())
        for held in families.get(own_id(file.id), ())
        if _may_be(file, held)
    ]
    found: dict[FileId, HeldFile] = {}
    taken: set[int] = set()
    for _, _, row, file, held in sorted(pairs, key=lambda pair: pair[:3]):
        if file.id not in found and row not in taken:
            found[file.id] = held
            taken.add(row)
    return found


def _may_be(file: File, held: HeldFile) -> bool:
    said, known = kind(file), held_kind(held)
    if file.id != held.id:
        return said.agrees(known)
    # the same id: a new word for the same kind of file is no other file
    return FileKind(said.file_type, said.extension).agrees(
        FileKind(known.file_type, known.extension)
    )


def _rank(file: File, held: HeldFile) -> int:
    sized = file.size is not None and file.size in (held.promised, held.size)
    return (0 if sized else 2) + (0 if file.id == held.id else 1)


def is_later_version(file: File, held: HeldFile) -> bool:
    """Return whether the provider has something else now for a file that is stored as `held`."""
    if file.size is None or held.size is None:
        return False
    return file.size not in (held.promised, held.size)
