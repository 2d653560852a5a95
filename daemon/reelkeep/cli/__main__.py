"""`python -m reelkeep.cli`, where the script is not installed."""

from __future__ import annotations

from reelkeep.cli import main

if __name__ == "__main__":
    main()
