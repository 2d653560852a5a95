"""Complete a recording with what `/urls` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reelkeep.core.model import File, FileId, Recording
from reelkeep.providers.gotoassist.calls import stamp
from reelkeep.providers.gotoassist.faults import Rejected
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import Address, Links

VIDEO, EVENTS, THUMBNAIL = FileId("mp4"), FileId("events"), FileId("thumbnail")

_FILES = (
    File(id=VIDEO, stem="recording", extension="mp4", file_type="MP4"),
    File(id=EVENTS, stem="recording", extension="events", file_type="EVENTS"),
    File(id=THUMBNAIL, stem="thumbnail", extension="jpg", file_type="JPG"),
)


def addresses(links: Links) -> Mapping[FileId, Address]:
    """Return the address of each file, why it is of no use, or None if there is none."""
    return {VIDEO: links.video, EVENTS: links.events, THUMBNAIL: links.thumbnail}


def described(recording: Recording, links: Links, options: GoToAssistOptions) -> Recording:
    """Return `recording` with what `links` say of it, the addresses themselves excepted.

    A file without an address is left out, and named among the facts as missing. One whose address
    cannot be used was announced: it is a file, and locating it says why it cannot be had.
    """
    urls = addresses(links)
    missing = [str(id_) for id_, url in urls.items() if url is None]
    facts = {
        "recordingStartTime": None if links.started is None else stamp(links.started),
        "recordingSize": links.size,
        "missing": missing or None,
    }
    return replace(
        recording,
        started=links.started or recording.started,
        files=tuple(
            replace(each, size=links.size) if each.id == VIDEO else each
            for each in _FILES
            if urls[each.id] is not None
        ),
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
