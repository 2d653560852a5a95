"""Say in the log what changed, after it was committed."""

from __future__ import annotations

from collections.abc import Iterable

from reelkeep.catalog.standing import Step
from reelkeep.core.lifecycle import RecordingState
from reelkeep.ports import Report


def announce(report: Report, steps: Iterable[Step]) -> None:
    """Report the recordings that became archived or incomplete."""
    for step in steps:
        if step.after is RecordingState.ARCHIVED and step.before is not RecordingState.ACKNOWLEDGED:
            report(
                "recording.archived",
                provider=step.provider,
                recording=step.id,
                folder=step.folder,
                bytes=step.bytes,
            )
        elif step.after is RecordingState.INCOMPLETE:
            report(
                "recording.incomplete",
                provider=step.provider,
                recording=step.id,
                reason=", ".join(step.troubles) or "the provider does not finish it",
            )
