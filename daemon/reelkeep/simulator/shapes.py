"""Write meetings, sessions, users and files as the JSON of Zoom's answers (Z6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelkeep.simulator.world import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from reelkeep.simulator.state import SimulatorState
    from reelkeep.simulator.world import SimFile, SimMeeting, SimSession, SimUser


@dataclass(frozen=True, slots=True)
class Shapes:
    """Writes things as they look at the scene's present time."""

    scene: SimulatorState

    def meeting(self, meeting: SimMeeting, files: list[SimFile]) -> dict[str, Any]:
        """Return a meeting with those of its files."""
        shape: dict[str, Any] = {
            "uuid": meeting.uuid,
            "id": meeting.id,
            "account_id": self.scene.accounts.zoom.account_id,
            "host_id": meeting.host.id,
            "host_email": meeting.host.email,
            "topic": meeting.topic,
            "type": meeting.type if self.scene.switches.zoom.numeric_type else str(meeting.type),
            "start_time": stamp(meeting.started_at),
            "timezone": "Europe/Berlin",
            "duration": int(meeting.duration.total_seconds() // 60),
            **self._counts(files, meeting),
            "share_url": f"{self.scene.zoom_url}/rec/share/s-0001",
            "recording_play_passcode": "pp-0001",
            "auto_delete": False,
        }
        if meeting.on_prem:
            shape["on_prem"] = True
        owner = {"meeting_id": meeting.uuid}
        shape["recording_files"] = self._files(files, owner, meeting, extension=True)
        return _changed(shape, meeting.listed)

    def session(self, session: SimSession, files: list[SimFile]) -> dict[str, Any]:
        """Return a Video SDK session with those of its files; they have no file_extension."""
        keys = {file.key for file in files}
        main = [file for file in session.files if file.key in keys]
        others = [file for file in session.participants if file.key in keys]
        shape = {
            "session_id": session.id,
            "session_name": session.name,
            "session_key": session.key,
            "start_time": stamp(session.started_at),
            "duration": int(session.duration.total_seconds() // 60),
            **self._counts(files, session),
            "recording_files": self._files(main, {}, session, extension=False),
            "participant_video_files": self._files(others, {}, session, extension=True),
        }
        return _changed(shape, session.listed)

    def audio(self, owner: SimMeeting | SimSession) -> list[dict[str, Any]]:
        """Return the `participant_audio_files`, which only the answer for one recording has."""
        now = self.scene.now()
        shown = [file for file in owner.audio if file.shown(now) and not file.trashed_at]
        return self._files(shown, {}, owner, extension=False)

    def _counts(self, files: list[SimFile], owner: SimMeeting | SimSession) -> dict[str, int]:
        """Return what is announced; Zoom documents that it includes the audio of participants."""
        now = self.scene.now()
        others = owner.audio if self.scene.switches.zoom.count_audio else []
        counted = [*files, *(file for file in others if file.shown(now) and not file.trashed_at)]
        return {
            "total_size": sum(file.content.size for file in counted),
            "recording_count": len(counted),
        }

    def user(self, user: SimUser) -> dict[str, Any]:
        """Return a user as listed."""
        invited = user.status == "pending" and not self.scene.switches.zoom.invited_ids
        return ({} if invited else {"id": user.id}) | {
            "email": user.email,
            "first_name": "Host",
            "last_name": user.id,
            "type": 2,
            "status": user.status,
            "timezone": "Europe/Berlin",
        }

    def _files(
        self,
        files: Iterable[SimFile],
        owner: dict[str, str],
        parent: SimMeeting | SimSession,
        *,
        extension: bool,
    ) -> list[dict[str, Any]]:
        shapes = []
        for file in files:
            shape = self._file(file, owner, parent, extension=extension)
            shapes += [shape] * file.copies
        return shapes

    def _file(
        self,
        file: SimFile,
        owner: dict[str, str],
        parent: SimMeeting | SimSession,
        *,
        extension: bool,
    ) -> dict[str, Any]:
        start = {"id": file.id, **owner, "recording_start": stamp(parent.started_at)}
        if not file.ready(self.scene.now()):
            return start | self._unfinished(file)
        shape = start | {
            "recording_end": _end(parent, parent.duration),
            "file_type": file.file_type,
            "file_size": file.content.size,
            "play_url": f"{self.scene.zoom_url}/rec/play/{file.key}",
            "download_url": self.scene.zoom_download_url(file),
            "status": "completed",
        }
        if file.recording_type is not None:
            shape["recording_type"] = file.recording_type
        if extension and file.extension is not None:
            shape["file_extension"] = file.extension
        if deleted := file.trashed_at or parent.trashed_at:
            shape["deleted_time"] = stamp(deleted)
            if not self.scene.switches.zoom.trash_addresses:
                for member in ("download_url", "play_url", "file_type"):
                    del shape[member]
        return _changed(shape, file.listed)

    def _unfinished(self, file: SimFile) -> dict[str, Any]:
        """Return what is said of a file that Zoom is still making; its address leads nowhere."""
        bare = {"recording_end": "", "file_type": "", "status": "processing"}
        if not self.scene.switches.zoom.processing_addresses:
            return bare
        return bare | {
            "file_extension": "",
            "file_size": 0,
            "play_url": f"{self.scene.zoom_url}/rec/play/{file.key}",
            "download_url": self.scene.zoom_download_url(file),
        }


def _end(parent: SimMeeting | SimSession, duration: timedelta) -> str:
    return stamp(parent.started_at + duration)


def _changed(shape: dict[str, Any], listed: dict[str, object]) -> dict[str, Any]:
    return {key: value for key, value in (shape | listed).items() if value is not ...}
