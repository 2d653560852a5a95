"""Tell the files of one answer apart where they share an id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from reelkeep.core.matching import id_by_kind, kind, own_id, same_file, shared_id
from reelkeep.core.model import File, FileId
from reelkeep.providers.zoom.files import Seen

_COMPARED: Final = 100
"""Files under one id that others are compared with; nobody but an attacker lists more."""


def apart(lists: Iterable[Sequence[Seen]]) -> dict[FileId, Seen]:
    """Return the files of all `lists` by id, each once.

    Entries under one id are one file if nothing that they say differs: the same file twice in one
    list is seen in the wild. Else each is a file of its own. The first list has its ids to itself,
    so that they do not depend on what else an answer shows.
    """
    found: dict[FileId, Seen] = {}
    for entries in lists:
        families: dict[FileId, list[Seen]] = {}
        for each in entries:
            _join(families.setdefault(each.file.id, []), each)
        for id_, family in families.items():
            for each in _named(family, alone=len(family) == 1 and id_ not in found):
                found[each.file.id] = each
    return found


def _join(family: list[Seen], seen: Seen) -> None:
    """Add `seen` to the files under its id, unless it is one of them; a finished one is kept."""
    for number, known in enumerate(family[:_COMPARED]):
        if _are_one(known, seen):
            if seen.ready and not known.ready:
                family[number] = seen
            return
    family.append(seen)


def _are_one(one: Seen, other: Seen) -> bool:
    sizes = {each.file.size for each in (one, other)} - {None}
    paths = {_path(each) for each in (one, other)} - {""}
    return kind(one.file).agrees(kind(other.file)) and len(sizes) < 2 and len(paths) < 2


def _path(seen: Seen) -> str:
    """Return the path of an address: hosts, and what is signed, change from answer to answer."""
    try:
        return urlsplit(seen.url or "").path
    except ValueError:
        return seen.url or ""


def _named(family: Sequence[Seen], *, alone: bool) -> list[Seen]:
    """Return the files under one id with ids of their own: made of no more than it takes."""
    if alone:
        return list(family)
    kinds = Counter(kind(each.file) for each in family)
    sizes = Counter((kind(each.file), each.file.size) for each in family)
    named: list[Seen] = []
    for each in family:
        said, size = kind(each.file), each.file.size
        id_ = id_by_kind(each.file)
        if kinds[said] > 1:
            more = () if sizes[said, size] == 1 else (_path(each),)
            id_ = shared_id(each.file.id, id_, size, *more)
        named.append(replace(each, file=replace(each.file, id=id_)))
    return named


def joined(
    first: Iterable[File], second: Iterable[File]
) -> tuple[dict[FileId, FileId], tuple[File, ...]]:
    """Return the files of two answers, each once, and what those of the second are called now.

    Of what both have, the first is believed. Two files of which each had its id to itself are
    told apart here.
    """
    files = {file.id: file for file in first}
    families: dict[str, list[File]] = {}
    for file in files.values():
        families.setdefault(own_id(file.id), []).append(file)
    names: dict[FileId, FileId] = {}
    for other in second:
        family = families.setdefault(own_id(other.id), [])
        same = next((each for each in family[:_COMPARED] if same_file(each, other)), None)
        if same is not None:
            names[other.id] = same.id
            continue
        added = replace(other, id=id_by_kind(other)) if other.id in files else other
        names[other.id] = added.id
        files[added.id] = added
        family.append(added)
    return names, tuple(files.values())
