"""Fetch with pypdl: `with_pypdl.py LIST DIRECTORY JOBS SEGMENTS`; LIST holds URLs and names."""

import json
import sys
from pathlib import Path

from pypdl import Pypdl

listed, directory, jobs, segments = sys.argv[1:]
tasks = [
    {"url": url, "file_path": str(Path(directory, name))}
    for url, name in json.loads(Path(listed).read_text(encoding="utf-8"))
]
downloader = Pypdl(max_concurrent=int(jobs))
downloader.start(tasks=tasks, multisegment=int(segments) > 1, segments=int(segments), display=False)
sys.exit("\n".join(map(str, downloader.failed)) or None)
