from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reelkeep.cli.demo_report import spelled

HERE = Path("/srv/code")


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        (".venv/bin/reelkeep", ".venv/bin/reelkeep"),
        ("/srv/code/.venv/bin/reelkeep", ".venv/bin/reelkeep"),
        ("/opt/reelkeep", "/opt/reelkeep"),
        ("./reelkeep", "./reelkeep"),
        ("/srv/code/my env/reelkeep", "'my env/reelkeep'"),
    ],
)
def test_a_program_is_named_so_that_a_shell_finds_it(started: str, expected: str) -> None:
    assert spelled(started, HERE) == expected


def test_a_module_is_named_with_its_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/srv/code/.venv/bin/python")
    assert spelled("/x/reelkeep/cli/__main__.py", HERE) == ".venv/bin/python -m reelkeep.cli"
