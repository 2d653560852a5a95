"""Recordings are found by what people know of them, by the command as a process."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.test_unavailable import MEETINGS, Resources, at, entry
from verbatim import account

NUMBER, SPACED = "88135198633", "881 3519 8633"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Resources]:
    with account() as served:
        yield Resources(tmp_path, served)


def meeting(house: Resources, id_: str, days: float, **more: Any) -> dict[str, Any]:
    """Return a meeting with one file; one whose `broken` is set is never found."""
    size = house.account.mp4(id_) if not more.pop("broken", False) else 999
    file = entry(id_, "MP4", size, recording_type="shared_screen", recording_start=at(days))
    return {
        "uuid": f"uuid-{id_}==", "id": int(NUMBER), "topic": "Weekly", "type": 2, "duration": 5,
        "start_time": at(days), "total_size": size, "recording_count": 1,
        "recording_files": [file], "host_email": "kim@example.test", **more,
    }  # fmt: skip


async def archived(
    house: Resources, *meetings: dict[str, Any], code: int = 0, **options: Any
) -> None:
    house.account.listed = list(meetings)
    house.configure(MEETINGS, **options)
    await house.run("sync", code=code)


async def listed(house: Resources, *arguments: str) -> list[str]:
    out = (await house.run("list", "--json", *arguments)).out
    return [json.loads(line)["id"] for line in out.splitlines()]


async def test_one_meeting_is_shown_by_its_number_however_it_is_written(house: Resources) -> None:
    await archived(house, meeting(house, "a", 2), meeting(house, "b", 3, id=123456789))
    for written in ([NUMBER], [SPACED], SPACED.split(), ["881-3519-8633"]):
        shown = (await house.run("show", *written, "--json")).json
        assert (shown["id"], shown["number"]) == ("uuid-a==", NUMBER)
    assert NUMBER in (await house.run("show", "uuid-a==")).out
    assert (await house.run("verify", SPACED, "--json")).json["recordings"] == 1
    ran = await house.run("show", "999 999 9999", code=1)
    assert "there is no recording '999 999 9999'" in ran.err


async def test_the_number_is_a_key_everywhere(house: Resources) -> None:
    await archived(house, meeting(house, "a", 2))
    assert house.manifest()["number"] == NUMBER
    exported = (await house.run("export", "--format", "csv", "--number", SPACED)).out
    (row,) = csv.DictReader(io.StringIO(exported))
    assert row["number"] == NUMBER
    assert json.loads((await house.run("export")).out)["number"] == NUMBER
    assert json.loads((await house.run("list", "--json")).out)["number"] == NUMBER
    wide = (await house.run("list", "--wide")).out
    assert "NUMBER" in wide
    assert NUMBER in wide


async def test_a_number_of_several_recordings_is_listed_and_changes_nothing(
    house: Resources,
) -> None:
    meetings = [meeting(house, name, days, broken=True) for name, days in (("a", 2), ("b", 3))]
    await archived(house, *meetings, code=1)
    shown = (await house.run("show", NUMBER)).out
    for each in meetings:
        assert each["uuid"] in shown
        assert each["start_time"][:10] in shown
    lines = (await house.run("show", NUMBER, "--json")).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["uuid-a==", "uuid-b=="]
    before = (await house.run("export")).out
    for command in (["retry", NUMBER], ["waive", SPACED], ["accept", NUMBER, "shared_screen.mp4"]):
        refused = (await house.run(*command, code=1)).err
        assert "may be any of several recordings" in refused
        assert "uuid-a==" in refused
        assert "uuid-b==" in refused
    await house.run("retry", "--all", code=2)
    assert (await house.run("export")).out == before
    key = json.loads(lines[0])["key"]
    assert (await house.run("waive", key, "--json")).json["waived"] == 1
    assert (await house.run("retry", *SPACED.split(), "--all", "--json")).json["due"] == 2
    assert (await house.run("waive", NUMBER, "--all", "x.mp4", code=2)).out == ""


async def test_a_list_is_narrowed_by_what_people_know(house: Resources) -> None:
    await archived(
        house,
        meeting(house, "a", 2, topic="Über die Straße"),
        meeting(house, "b", 9, topic="Weekly", host_email="Sasha@example.test"),
        meeting(house, "c", 20, id=123456789),
    )
    a, b, c = "uuid-a==", "uuid-b==", "uuid-c=="
    assert await listed(house) == [a, b, c]
    assert await listed(house, "--title", "üBER DIE STRASSE") == [a]
    assert await listed(house, "--title", "%") == []
    assert await listed(house, "--user", "sasha@") == [b]
    assert await listed(house, "--from", at(10)[:10], "--to", at(3)[:10]) == [b]
    assert await listed(house, "--from", at(9)[:10]) == [a, b]
    assert await listed(house, "--to", at(9)[:10]) == [b, c]
    assert await listed(house, "--number", SPACED) == [a, b]
    assert await listed(house, "--number", NUMBER, "--limit", "1") == [a]
    assert await listed(house, "--number", NUMBER, "--title", "week", "--state", "archived") == [b]
    for wrong in (["--number", "weekly"], ["--from", at(2)[:10], "--to", at(3)[:10]]):
        await house.run("list", *wrong, code=2)


async def test_the_number_outlives_the_catalog_and_may_stand_in_the_layout(
    house: Resources,
) -> None:
    house.account.listed = [meeting(house, "a", 2), meeting(house, "b", 3, id=None)]
    house.configure(MEETINGS)
    config = house.folder / "reelkeep.yaml"
    layout = "  layout: '{provider}/{number}-{title}-{key}'"
    config.write_text(config.read_text("utf-8").replace("archive:", f"archive:\n{layout}", 1))
    await house.run("sync")
    names = sorted(path.parent.name for path in house.folder.glob("archive/z/*/recording.json"))
    assert names[0].startswith(f"{NUMBER}-Weekly-")
    assert names[1].startswith("Weekly-")
    shutil.rmtree(house.folder / "state")
    await house.run("rebuild")
    assert (await house.run("show", NUMBER, "--json")).json["id"] == "uuid-a=="


async def test_files_are_named_by_a_template_and_keep_their_names(house: Resources) -> None:
    """A changed template is for new files; a new catalog takes the names over."""
    config = house.folder / "reelkeep.yaml"

    async def passes(template: str, *meetings: dict[str, Any]) -> list[str]:
        house.account.listed = list(meetings)
        house.configure(MEETINGS)
        named = f"archive:\n  file_name: '{template}'"
        config.write_text(config.read_text("utf-8").replace("archive:", named, 1))
        await house.run("sync")
        return house.files()

    a, b = meeting(house, "a", 2), meeting(house, "b", 3, topic="")
    first = f"{at(2)[:10]} Weekly {NUMBER} shared_screen.mp4"
    template = "{start:%Y-%m-%d} {title} {number} {stem}.{ext}"
    assert await passes(template, a) == [first]
    assert await passes("{title}-{recording_type}.{ext}", a, b) == [first, "shared_screen.mp4"]
    shutil.rmtree(house.folder / "state")
    await house.run("rebuild")
    assert await passes("{stem}.{ext}", a, b) == [first, "shared_screen.mp4"]
    assert (await house.run("verify", "--json")).json["ok"]
    config.write_text(config.read_text("utf-8").replace("{stem}.{ext}", "{stem}/x.{ext}"))
    refused = await house.run("check", code=78)
    assert "/ cannot stand in a file name" in refused.out + refused.err
