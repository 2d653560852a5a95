"""parfive and pypdl, each driven by a script of a few lines in `.venv-bench`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Task
from benchmarks.peers.environment import PYTHON
from benchmarks.processes import Job, surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A downloader for Python: `name` is its package, `with_NAME.py` its script."""

    name: str
    jobs: int
    splits: int = 1  #: Ranges of one file that are fetched at once.

    def job(self, task: Task) -> Job:
        """Write the list of URLs and names."""
        out, listed = task.home / "out", task.home / "list.json"
        out.mkdir()
        items = [(task.url(item.key), item.key) for item in task.goods.items]
        listed.write_text(json.dumps(items), encoding="utf-8")
        script = Path(__file__).with_name(f"with_{self.name}.py")
        trust = {"SSL_CERT_FILE": str(task.authority)} if task.authority else {}
        return Job(
            command=[
                str(PYTHON),
                str(script),
                str(listed),
                str(out),
                str(self.jobs),
                str(self.splits),
            ],
            environment=surroundings(**trust),
            log=task.home / "log",
            harvest=out,
        )
