"""The adapter of GoToAssist Remote Support v1."""

from __future__ import annotations

from reelkeep.ports import Provider, Tools
from reelkeep.providers.adapter import Adapter
from reelkeep.providers.gotoassist.options import GoToAssistOptions


def build(options: GoToAssistOptions, tools: Tools) -> Provider:
    """Return the provider for one configured account; nothing is asked yet."""
    from reelkeep.providers.gotoassist.account import GoToAssist  # options alone take less

    return GoToAssist(options, tools)


ADAPTER = Adapter("gotoassist", GoToAssistOptions, build)
