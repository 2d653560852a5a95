"""Fetch with parfive: `with_parfive.py LIST DIRECTORY JOBS SPLITS`; LIST holds URLs and names."""

import json
import sys
from pathlib import Path

from parfive import Downloader, SessionConfig

listed, directory, jobs, splits = sys.argv[1:]
downloader = Downloader(
    max_conn=int(jobs),
    max_splits=int(splits),
    progress=False,
    overwrite=True,
    config=SessionConfig(chunksize=1 << 20),  # its default of 1 KiB costs it dearly
)
for url, name in json.loads(Path(listed).read_text(encoding="utf-8")):
    downloader.enqueue_file(url, path=directory, filename=name)
results = downloader.download()
sys.exit("\n".join(str(error) for error in results.errors) or None)
