"""Move recordings of Zoom to the trash, out of it, or delete them (Z15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelkeep.simulator.answers import Invalid, Problem, no_recording
from reelkeep.simulator.world import SimMeeting

if TYPE_CHECKING:
    from reelkeep.simulator.state import Scene
    from reelkeep.simulator.world import SimFile, SimSession


@dataclass(frozen=True, slots=True)
class Trash:
    """Answers the DELETE and PUT calls; each is idempotent but for what is gone."""

    scene: Scene

    def remove(self, owner: SimMeeting | SimSession, file_id: str | None, action: str) -> None:
        """Trash or delete a whole recording or one file of it.

        Raises:
            Problem: the action is unknown, or there is nothing to remove.
        """
        if action not in ("trash", "delete"):
            raise Invalid("action")
        if self.scene.switches.zoom.unfinished:
            raise Problem(400, 3303, "You can not delete the recording of an unfinished meeting.")
        target = owner if file_id is None else _file(owner, file_id)
        if action == "delete":
            target.deleted = True
        elif target.trashed_at is not None:
            raise no_recording()
        else:
            target.trashed_at = self.scene.now()
        name = owner.uuid if isinstance(owner, SimMeeting) else owner.id
        self.scene.journal.trashed.append(name if file_id is None else f"{name} {file_id}")

    def recover(self, owner: SimMeeting | SimSession, file_id: str | None) -> None:
        """Take a recording or one file of it out of the trash.

        Raises:
            Problem: it is not in there.
        """
        target = owner if file_id is None else _file(owner, file_id)
        if target.trashed_at is None:
            raise no_recording()
        target.trashed_at = None


def _file(owner: SimMeeting | SimSession, file_id: str) -> SimFile:
    for file in owner.all_files:
        if str(file.id) == file_id and not file.deleted:
            return file
    raise no_recording()
