"""What all parts of one archive stand on."""

from __future__ import annotations

from dataclasses import dataclass

from reelkeep.archive.flushing import Directories
from reelkeep.archive.identity import ArchiveIdentity
from reelkeep.archive.places import Places
from reelkeep.archive.quarantine import Quarantine
from reelkeep.archive.volumes import Volumes
from reelkeep.disk import Disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The disk, where things lie on it, and how they are to be left there."""

    disk: Disk
    places: Places
    directories: Directories
    quarantine: Quarantine
    identity: ArchiveIdentity
    volumes: Volumes
    file_mode: int
