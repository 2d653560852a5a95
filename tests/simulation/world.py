"""What the simulated providers hold, and how they are, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random

from reelkeep.simulator.content import ContentKind, GeneratedContent, Noise
from reelkeep.simulator.fixtures import Fixtures
from reelkeep.simulator.signing import Signer
from reelkeep.simulator.state import SimulatorState
from reelkeep.simulator.world import SimFile, SimMeeting, SimRecording, SimSession, World
from simulation.apis import URLS

Happening = tuple[datetime, str, Callable[[], None]]

GOTO, ZOOM, SDK = "gotoassist", "zoom", "zoom-videosdk"

_SIZES = (1_500, 120_000)
SMALL_DISK = 600_000
"""Bytes of a disk that is too small for one file."""

LARGE_SHARE = 0.3
"""Seeds in which there is such a file."""

_CHOICES = ((GOTO,), (ZOOM,), (SDK,), (GOTO, ZOOM), (GOTO, ZOOM, SDK))
_BARE = dict.fromkeys(("id", "status", "file_size", "recording_type", "play_url"), ...)


@dataclass
class Nature:
    """The world of one simulation; what is in `history` comes to pass in its order."""

    scene: SimulatorState
    types: tuple[str, ...]  #: Of the providers that are configured.
    history: list[Happening] = field(default_factory=list)
    large: str | None = None  #: The key of a file that is larger than the disk.
    disk_grows: datetime | None = None  #: When the disk is replaced by a larger one.


def make(seed: int, clock: Callable[[], datetime], *, calm_from: datetime, deaths: bool) -> Nature:
    """Return the world of `seed`. With `deaths`, refresh tokens do not rotate.

    One that is rotated while its process dies is lost, as the provider has it: only an operator
    can import another.
    """
    draw, began = Random(f"{seed}/world"), clock()
    types = draw.choice(_CHOICES)
    skew = timedelta(seconds=draw.choice([0, 0, 4] if SDK in types else [0, 0, -90, 200]))
    world = World(seed=seed, noise=_noise(), since=began - timedelta(days=5))
    scene = SimulatorState(world=world, now=lambda: clock() + skew, signer=Signer(seed))
    scene.goto_url, scene.zoom_url, scene.downloads_url = URLS.values()
    _switch(scene, draw, deaths=deaths)
    nature = Nature(scene, types)
    _Maker(nature, draw, began, calm_from).fill()
    _enlarge(nature, Random(f"{seed}/large"), calm_from)
    nature.history.sort(key=lambda each: each[0])
    return nature


@lru_cache(maxsize=1)
def _noise() -> Noise:
    return Noise(0)


def _switch(scene: SimulatorState, draw: Random, *, deaths: bool) -> None:
    """Draw how the providers are."""
    goto, zoom, downloads = scene.switches.goto, scene.switches.zoom, scene.switches.downloads
    goto.access_life = timedelta(minutes=draw.choice([5, 60, 1440]))
    goto.refresh_life = timedelta(days=400)
    goto.rotate_every = 0 if deaths else draw.choice([0, 1, 5])
    goto.cap = draw.choice([3, 500])
    goto.url_life = timedelta(minutes=draw.choice([5, 120, 2880]))
    goto.transcode_takes = timedelta(minutes=10 ** draw.uniform(-1, 3.6))  # up to three days
    goto.wrapped = draw.random() < 0.3
    zoom.access_life = timedelta(seconds=draw.choice([300, 3599]))
    zoom.new_token_kills_old = draw.random() < 0.3
    zoom.page_cap = draw.choice([2, 300])
    zoom.repeat_pages = draw.random() < 0.3
    zoom.expired_page = draw.choice(["error", "empty"])
    zoom.rate_headers = draw.choice(["full", "none", "mixed"])
    downloads.url_life = timedelta(minutes=draw.choice([1, 30]))
    downloads.bad_answer = draw.choice(["html", "json", "401", "403", "404"])


def _enlarge(nature: Nature, draw: Random, calm_from: datetime) -> None:
    """Let one file, perhaps, be larger than the disk, until that is replaced."""
    world = nature.scene.world
    owners: list[SimRecording | SimMeeting | SimSession] = [
        *world.recordings, *world.meetings, *world.sessions,
    ]  # fmt: skip
    if draw.random() > LARGE_SHARE or not owners:
        return
    owner = draw.choice(owners)
    video = files_of(owner)[0]
    size = SMALL_DISK + draw.randint(1, SMALL_DISK // 2)
    video.content = GeneratedContent(ContentKind.MP4, video.key, size, world.noise)
    nature.large = video.key
    seen = owner.visible_from or owner.started_at
    nature.disk_grows = min(calm_from, seen + timedelta(days=8 * draw.random()))


class _Maker:
    """Fills a world with what happens until the calm comes."""

    def __init__(self, nature: Nature, draw: Random, began: datetime, calm_from: datetime) -> None:
        self._nature = nature
        self._world = nature.scene.world
        self._studio = Fixtures(self._world, sizes=_SIZES)
        self._draw = draw
        self._first = began - timedelta(days=4)
        self._last = calm_from - timedelta(days=1)

    def fill(self) -> None:
        for _ in range(2):
            self._studio.add_user()
        if GOTO in self._nature.types:
            for at in self._moments(3, 8):
                self._recording(at)
        if ZOOM in self._nature.types:
            for at in self._moments(2, 6):
                self._meeting(at)
        if SDK in self._nature.types:
            for at in self._moments(1, 4):
                self._session(at)

    def _moments(self, least: int, most: int) -> list[datetime]:
        span = (self._last - self._first).total_seconds()
        count = self._draw.randint(least, most)
        found = (self._first + timedelta(seconds=self._draw.uniform(0, span)) for _ in range(count))
        return sorted(each.replace(microsecond=0) for each in found)

    def _later(self, at: datetime, days: float) -> datetime:
        """Return a moment after `at`: minutes mostly, up to `days`."""
        return at + timedelta(days=days) * self._draw.random() ** 4 + timedelta(minutes=5)

    def _recording(self, at: datetime) -> None:
        one = self._studio.add_recording(at, big_id=self._draw.random() < 0.2)
        one.visible_from = self._later(at, 6)
        one.transcoded_from = None if self._draw.random() < 0.4 else one.visible_from
        if self._draw.random() < 0.1:
            one.thumbnail.missing = True
        if self._draw.random() < 0.1:
            one.events.content = GeneratedContent(
                ContentKind.EVENTS, one.events.key, 0, self._world.noise
            )
        if self._draw.random() < 0.1:
            self._vanish(at, f"recording {one.id}", lambda: self._remove(one))

    def _remove(self, one: SimRecording) -> None:
        self._world.recordings.remove(one)
        for file in one.files:
            file.deleted = True

    def _meeting(self, at: datetime) -> None:
        meeting = self._studio.add_meeting(at)
        if self._draw.random() < 0.3:
            bare = self._studio.add_file(meeting, None, "CC", "VTT", ContentKind.VTT)
            bare.listed = dict(_BARE)
        self._age(meeting, at)

    def _session(self, at: datetime) -> None:
        self._age(self._studio.add_session(at), at)

    def _age(self, owner: SimMeeting | SimSession, at: datetime) -> None:
        """Let what was just recorded be there bit by bit, and perhaps not for ever."""
        owner.visible_from = self._later(at, 2)
        for file in owner.all_files:
            file.visible_from = self._later(owner.visible_from, 2)
            if self._draw.random() < 0.3 and "status" not in file.listed:
                file.completed_from = self._later(file.visible_from, 2)
            if self._draw.random() < 0.05:
                file.copies = 2
            if self._draw.random() < 0.05:
                file.missing = True
        if self._draw.random() < 0.1:
            self._vanish(at, f"of {at}", lambda: setattr(owner, "deleted", True))
        elif self._draw.random() < 0.1:
            file = self._draw.choice(owner.all_files)
            self._vanish(at, file.key, lambda: setattr(file, "deleted", True))

    def _vanish(self, at: datetime, what: str, how: Callable[[], None]) -> None:
        self._nature.history.append((self._later(at + timedelta(hours=2), 20), what, how))


def files_of(owner: SimRecording | SimMeeting | SimSession) -> list[SimFile]:
    """Return all files that a listing names."""
    if isinstance(owner, SimRecording):
        return list(owner.files)
    others = owner.participants if isinstance(owner, SimSession) else []
    return [*owner.files, *others]
