"""Processes that keep the cores busy, so that everything else happens in another order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LOOP = """
import os, sys
os.nice(int(sys.argv[1]))
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def busy_loops(count: int, *, niceness: int) -> Iterator[None]:
    """Run so many while inside; they end with this process, whatever ends it."""
    command = [sys.executable, "-c", _LOOP, str(niceness)]
    loops = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()
