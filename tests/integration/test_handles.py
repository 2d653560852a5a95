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
def resources(tmp_path: Path) -> Iterator[Resources]:
    with account() as served:
        yield Resources(tmp_path, served)


def meeting(resources: Resources, id_: str, days: float, **more: Any) -> dict[str, Any]:
    """Return a meeting with one file; one whose `broken` is set is never found."""
    size = resources.account.mp4(id_) if not more.pop("broken", False) else 999
    file = entry(id_, "MP4", size, recording_type="shared_screen", recording_start=at(days))
    return {
        "uuid": f"uuid-{id_}==", "id": int(NUMBER), "topic": "Weekly", "type": 2, "duration": 5,
        "start_time": at(days), "total_size": size, "recording_count": 1,
        "recording_files": [file], "host_email": "kim@example.test", **more,
    }  # fmt: skip


async def archived(
    resources: Resources, *meetings: dict[str, Any], code: int = 0, **options: Any
) -> None:
    resources.account.listed = list(meetings)
    resources.configure(MEETINGS, **options)
    await resources.run("sync", code=code)


async def listed(resources: Resources, *arguments: str) -> list[str]:
    out = (await resources.run("list", "--json", *arguments)).out
    return [json.loads(line)["id"] for line in out.splitlines()]


async def test_one_meeting_is_shown_by_its_number_however_it_is_written(
    resources: Resources,
) -> None:
    await archived(resources, meeting(resources, "a", 2), meeting(resources, "b", 3, id=123456789))
    for written in ([NUMBER], [SPACED], SPACED.split(), ["881-3519-8633"]):
        shown = (await resources.run("show", *written, "--json")).json
        assert (shown["id"], shown["number"]) == ("uuid-a==", NUMBER)
    assert NUMBER in (await resources.run("show", "uuid-a==")).out
    assert (await resources.run("verify", SPACED, "--json")).json["recordings"] == 1
    ran = await resources.run("show", "999 999 9999", code=1)
    assert "there is no recording '999 999 9999'" in ran.err


async def test_the_number_is_a_key_everywhere(resources: Resources) -> None:
    await archived(resources, meeting(resources, "a", 2))
    assert resources.manifest()["number"] == NUMBER
    exported = (await resources.run("export", "--format", "csv", "--number", SPACED)).out
    (row,) = csv.DictReader(io.StringIO(exported))
    assert row["number"] == NUMBER
    assert json.loads((await resources.run("export")).out)["number"] == NUMBER
    assert json.loads((await resources.run("list", "--json")).out)["number"] == NUMBER
    wide = (await resources.run("list", "--wide")).out
    assert "NUMBER" in wide
    assert NUMBER in wide


async def test_a_number_of_several_recordings_is_listed_and_changes_nothing(
    resources: Resources,
) -> None:
    meetings = [meeting(resources, name, days, broken=True) for name, days in (("a", 2), ("b", 3))]
    await archived(resources, *meetings, code=1)
    shown = (await resources.run("show", NUMBER)).out
    for each in meetings:
        assert each["uuid"] in shown
        assert each["start_time"][:10] in shown
    lines = (await resources.run("show", NUMBER, "--json")).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["uuid-a==", "uuid-b=="]
    before = (await resources.run("export")).out
    for command in (["retry", NUMBER], ["waive", SPACED], ["accept", NUMBER, "shared_screen.mp4"]):
        refused = (await resources.run(*command, code=1)).err
        assert "matches several recordings" in refused
        assert "uuid-a==" in refused
        assert "uuid-b==" in refused
    await resources.run("retry", "--all", code=2)
    assert (await resources.run("export")).out == before
    key = json.loads(lines[0])["key"]
    assert (await resources.run("waive", key, "--json")).json["waived"] == 1
    assert (await resources.run("retry", *SPACED.split(), "--all", "--json")).json["due"] == 2
    assert (await resources.run("waive", NUMBER, "--all", "x.mp4", code=2)).out == ""


async def test_a_list_is_narrowed_by_what_people_know(resources: Resources) -> None:
    await archived(
        resources,
        meeting(resources, "a", 2, topic="Über die Straße"),
        meeting(resources, "b", 9, topic="Weekly", host_email="Sasha@example.test"),
        meeting(resources, "c", 20, id=123456789),
    )
    a, b, c = "uuid-a==", "uuid-b==", "uuid-c=="
    assert await listed(resources) == [a, b, c]
    assert await listed(resources, "--title", "üBER DIE STRASSE") == [a]
    assert await listed(resources, "--title", "%") == []
    assert await listed(resources, "--user", "sasha@") == [b]
    assert await listed(resources, "--from", at(10)[:10], "--to", at(3)[:10]) == [b]
    assert await listed(resources, "--from", at(9)[:10]) == [a, b]
    assert await listed(resources, "--to", at(9)[:10]) == [b, c]
    assert await listed(resources, "--number", SPACED) == [a, b]
    assert await listed(resources, "--number", NUMBER, "--limit", "1") == [a]
    assert await listed(
        resources, "--number", NUMBER, "--title", "week", "--state", "archived"
    ) == [b]
    for wrong in (["--number", "weekly"], ["--from", at(2)[:10], "--to", at(3)[:10]]):
        await resources.run("list", *wrong, code=2)


async def test_the_number_outlives_the_catalog_and_may_stand_in_the_layout(
    resources: Resources,
) -> None:
    resources.account.listed = [meeting(resources, "a", 2), meeting(resources, "b", 3, id=None)]
    resources.configure(MEETINGS)
    config = resources.folder / "reelkeep.yaml"
    layout = "  layout: '{provider}/{number}-{title}-{key}'"
    config.write_text(config.read_text("utf-8").replace("archive:", f"archive:\n{layout}", 1))
    await resources.run("sync")
    names = sorted(path.parent.name for path in resources.folder.glob("archive/z/*/recording.json"))
    assert names[0].startswith(f"{NUMBER}-Weekly-")
    assert names[1].startswith("Weekly-")
    shutil.rmtree(resources.folder / "state")
    await resources.run("rebuild")
    assert (await resources.run("show", NUMBER, "--json")).json["id"] == "uuid-a=="


async def test_files_are_named_by_a_template_and_keep_their_names(resources: Resources) -> None:
    """A changed template is for new files; a new catalog takes the names over."""
    config = resources.folder / "reelkeep.yaml"

    async def passes(template: str, *meetings: dict[str, Any]) -> list[str]:
        resources.account.listed = list(meetings)
        resources.configure(MEETINGS)
        named = f"archive:\n  file_name: '{template}'"
        config.write_text(config.read_text("utf-8").replace("archive:", named, 1))
        await resources.run("sync")
        return resources.files()

    a, b = meeting(resources, "a", 2), meeting(resources, "b", 3, topic="")
    first = f"{at(2)[:10]} Weekly {NUMBER} shared_screen.mp4"
    template = "{start:%Y-%m-%d} {title} {number} {stem}.{ext}"
    assert await passes(template, a) == [first]
    assert await passes("{title}-{recording_type}.{ext}", a, b) == [first, "shared_screen.mp4"]
    shutil.rmtree(resources.folder / "state")
    await resources.run("rebuild")
    assert await passes("{stem}.{ext}", a, b) == [first, "shared_screen.mp4"]
    assert (await resources.run("verify", "--json")).json["ok"]
    config.write_text(config.read_text("utf-8").replace("{stem}.{ext}", "{stem}/x.{ext}"))
    refused = await resources.run("check", code=78)
    assert "/ cannot stand in a file name" in refused.out + refused.err
