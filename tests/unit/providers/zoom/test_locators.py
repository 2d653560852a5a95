from __future__ import annotations

from datetime import timedelta

from fakes.zoom import NOW, file, meeting
from reelkeep.core.model import FileId, RecordingId
from reelkeep.providers.zoom.endpoints import MEETINGS
from reelkeep.providers.zoom.locators import LIFE, LinkCache
from reelkeep.providers.zoom.recording_parsing import ParseOptions, Sighting, sighting

ONE, FILE = RecordingId("m-1"), FileId("f-1")


def sighted(uuid: str, *ids: str) -> Sighting:
    parse_options = ParseOptions(dialect=MEETINGS, settle=timedelta(0))
    seen = sighting(meeting(uuid, *(file(id_) for id_ in ids)), parse_options)
    assert seen is not None
    return seen


def test_an_address_is_known_for_an_hour() -> None:
    now = NOW
    links = LinkCache(lambda: now)
    links.remember(sighted("m-1", "f-1"))
    now += LIFE
    assert links.recall(ONE, FILE) is not None
    now += timedelta(seconds=1)
    assert links.recall(ONE, FILE) is None


def test_an_address_may_be_too_old_for_the_one_who_asks() -> None:
    links = LinkCache(lambda: NOW)
    links.remember(sighted("m-1", "f-1"))
    assert links.recall(ONE, FILE, since=NOW) is not None
    assert links.recall(ONE, FILE, since=NOW + timedelta(seconds=1)) is None


def test_the_oldest_are_forgotten_first() -> None:
    links = LinkCache(lambda: NOW, most=2)
    links.remember(sighted("m-1", "f-1", "f-2"))
    links.remember(sighted("m-1", "f-1"))
    links.remember(sighted("m-2", "f-3"))
    assert links.recall(ONE, FILE) is not None
    assert links.recall(ONE, FileId("f-2")) is None
