"""File names by template."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reelkeep.core.admission import changes
from reelkeep.core.filters import Filter
from reelkeep.core.layout import parse_file_name
from reelkeep.core.model import File, FileId, Recording, RecordingId

AUDIO = File(
    id=FileId("1"), stem="Audio only - Kim", extension="m4a", recording_type="audio_only",
    facts={"file_name": "Audio only - Kim.m4a"},
)  # fmt: skip
VIDEO = File(id=FileId("2"), stem="shared_screen", extension="mp4")
MEETING = Recording(
    id=RecordingId("uuid=="), title="Weekly / Ops", user="kim@example.test",
    meeting_id="88135198633", started=datetime(2026, 11, 3, 9, 5, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("template", "file", "name"),
    [
        ("{stem}.{ext}", VIDEO, "shared_screen.mp4"),
        (
            "{start:%Y-%m-%d} {title} {stem}.{ext}",
            VIDEO,
            "2026-11-03 Weekly _ Ops shared_screen.mp4",
        ),
        ("{title}-{speaker}-{stem}.{ext}", VIDEO, "Weekly _ Ops-shared_screen.mp4"),
        ("{recording_type}-{speaker}.{ext}", AUDIO, "audio_only-Audio only - Kim.m4a"),
        ("{stem}-{number}.{ext}", VIDEO, "shared_screen-88135198633.mp4"),
        ("{speaker}.{ext}", VIDEO, "shared_screen.mp4"),
    ],
)
def test_a_template_names_a_file(template: str, file: File, name: str) -> None:
    assert parse_file_name(template).name(MEETING, file, number=1) == name


def test_names_are_unique_in_their_folder_and_short_enough() -> None:
    naming = parse_file_name("{title}-{stem}.{ext}")
    files = tuple(replace(VIDEO, id=FileId(str(n))) for n in range(3))
    meeting = replace(MEETING, title="é" * 400, files=files)
    names = [each.name for each in changes(meeting, (), Filter(), naming=naming).arrivals]
    assert len(set(names)) == 3
    assert all(len(name.encode()) <= 255 for name in names)
    assert [name[-len("shared_screen-2.mp4"):] for name in names[1:]] == [
        "shared_screen-2.mp4", "shared_screen-3.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        "", "x", "{stem}", "{stem}.mp4", "x.{ext}", "{stem}/{title}.{ext}", "{id}.{ext}",
        "{stem.{ext}",
        "{stem}{ext}.{ext}", ".{stem}.{ext}", "{stem:>3}.{ext}", "{start:x}.{ext}", "{stem}?.{ext}",
        "{start:%Y/%m}.{ext}", "{stem}\\.{ext}", "{stem!r}.{ext}", "{}.{ext}",
    ],
)  # fmt: skip
def test_a_template_that_names_nothing_well_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_file_name(template)
