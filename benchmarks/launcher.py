"""Run one command and write what it took: `python -I -S launcher.py RESULT COMMAND…`.

It is a process of its own, and a small one, because the kernel lets a child's peak begin at the
size of the process that started it.
"""

import json
import os
import sys
import time


def main() -> int:
    """Write wall and CPU seconds and peak of the command's whole tree; return its exit code."""
    result, command = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    taken = {
        "wall": round(wall, 4),
        "cpu": round(used.ru_utime + used.ru_stime, 4),
        "peak": used.ru_maxrss * 1024,
    }
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not that small)
        json.dump(taken, file)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
