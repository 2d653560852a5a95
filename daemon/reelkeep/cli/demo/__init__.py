"""`reelkeep demo`: the real pipeline against simulated providers, on this machine alone."""

from __future__ import annotations

from reelkeep.cli.demo.command import command

__all__ = ["command"]
