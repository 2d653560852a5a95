"""Run the command, and count what it asks of its catalog: `counting.py RESULT ARGUMENTS…`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from reelkeep.cli.program import run


def main() -> int:
    """Write the number of SQL statements; return the command's exit code."""
    result, arguments = sys.argv[1], sys.argv[2:]
    count = 0

    def note(*_about: Any) -> None:
        nonlocal count
        count += 1

    event.listen(Engine, "before_cursor_execute", note)
    code = run(arguments)
    Path(result).write_text(str(count), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
