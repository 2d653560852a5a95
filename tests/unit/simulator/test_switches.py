"""Every manner of the simulated Zoom has a source that can be looked up."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from reelkeep.simulator.switches import ZoomSwitches

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "simulator.md"
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
SOURCES = ("documented", "reported", "clients", "inferred")


def test_the_notes_name_each_switch_and_its_source() -> None:
    told = dict(ROW.findall(PAGE.read_text(encoding="utf-8")))
    assert told.keys() == {each.name for each in fields(ZoomSwitches)}
    assert [name for name, said in told.items() if not any(s in said for s in SOURCES)] == []
