"""Complete a recording with what `/urls` says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reelkeep.core.matching import own_id, shared_id
from reelkeep.core.model import File, FileId, Recording
from reelkeep.providers.gotoassist.api_errors import Rejected
from reelkeep.providers.gotoassist.calls import stamp
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import Address, Links, path_of

VIDEO, EVENTS, THUMBNAIL = FileId("mp4"), FileId("events"), FileId("thumbnail")

_FILES = (
    File(id=VIDEO, stem="recording", extension="mp4", file_type="MP4"),
    File(id=EVENTS, stem="recording", extension="events", file_type="EVENTS"),
    File(id=THUMBNAIL, stem="thumbnail", extension="jpg", file_type="JPG"),
)


def addresses(links: Links) -> Mapping[FileId, Address]:
    """Return the address of each file that has one, or why it is of no use."""
    return {file.id: address for file, address in _listed(links)}


def _listed(links: Links) -> list[tuple[File, Address]]:
    """Return the files with their addresses; those of several entries have ids of their own."""
    found: list[tuple[File, Address]] = []
    for number, file in enumerate(_FILES):
        family: dict[tuple[str, str | None], tuple[Links, Address]] = {}
        for each in sorted((links, *links.others), key=_traits):
            address = (each.video, each.events, each.thumbnail)[number]
            if address is not None:
                path = path_of(address)
                told = _traits(each) if file.id == VIDEO or path is None else ""
                family.setdefault((told, path), (each, address))  # one path is one small file
        found += _named(file, list(family.values()))
    return found


def _named(file: File, family: list[tuple[Links, Address]]) -> list[tuple[File, Address]]:
    """Return a file for each address of one kind; their ids depend on no order."""
    known = Counter(_traits(each) for each, _ in family)
    named: list[tuple[File, Address]] = []
    for each, address in family:
        id_ = file.id
        if len(family) > 1:
            more = () if known[_traits(each)] == 1 else (path_of(address),)
            id_ = shared_id(file.id, _traits(each), *more)
        size = each.size if file.id == VIDEO else None
        named.append((replace(file, id=id_, size=size), address))
    return named


def _traits(links: Links) -> str:
    return f"{links.size} {None if links.started is None else stamp(links.started)}"


def described(recording: Recording, links: Links, options: GoToAssistOptions) -> Recording:
    """Return `recording` with what `links` say of it, the addresses themselves excepted.

    A file without an address is left out, and named among the facts as missing. One whose address
    cannot be used was announced: it is a file, and locating it says why it cannot be had.
    """
    files = [file for file, _ in _listed(links)]
    there = {own_id(file.id) for file in files}
    missing = [str(file.id) for file in _FILES if file.id not in there]
    facts = {
        "recordingStartTime": None if links.started is None else stamp(links.started),
        "recordingSize": links.size,
        "missing": missing or None,
    }
    return replace(
        recording,
        started=links.started or recording.started,
        files=tuple(files),
        facts=_facts(recording, options, facts),
    )


def refused(recording: Recording, rejected: Rejected, options: GoToAssistOptions) -> Recording:
    """Return `recording` with the files it should have; locating them says why they cannot be had.

    So an operator sees them fail, and may retry or waive them; polls ask no more.
    """
    return replace(
        recording, files=_FILES, facts=_facts(recording, options, {"refused": str(rejected)})
    )


def _facts(
    recording: Recording, options: GoToAssistOptions, said: Mapping[str, Any]
) -> dict[str, Any]:
    facts = {
        "recordingId": str(recording.id),
        "accountKey": options.account_key,
        "userKey": options.user_key,
        "companyId": options.company_id,
        "sessionType": options.session_type,
        **said,
    }
    return {name: value for name, value in facts.items() if value is not None}
