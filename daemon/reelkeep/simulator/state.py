"""What all handlers share: the world, its switches, and the record of what happened."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from reelkeep.simulator.switches import Faults, Switches

if TYPE_CHECKING:
    from reelkeep.simulator.signing import Signer
    from reelkeep.simulator.world import Now, SimFile, World


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request."""

    host: str  #: goto, zoom or downloads
    method: str
    path: str  #: As on the wire, without the query.
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]  #: Names in lower case.
    status: int  #: 0 while it runs, and when no reply was made.


@dataclass(slots=True)
class RequestJournal:
    """Counters that only grow, and the last 10 000 requests."""

    requests: deque[SeenRequest] = field(default_factory=lambda: deque(maxlen=10_000))
    calls: Counter[str] = field(default_factory=Counter)  #: By `goto`, `light`, `medium` …
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)  #: By host and status.
    grants: Counter[str] = field(default_factory=Counter)  #: Tokens by provider.
    id_forms: Counter[str] = field(default_factory=Counter)
    """`urls:csv`, `urls:repeat`, `urls:literal`, `mark:path`, `mark:body`, `transcode:path` …"""
    schemes: Counter[str] = field(default_factory=Counter)  #: Of Authorization, lower case.
    downloads: Counter[str] = field(default_factory=Counter)  #: Bodies begun, by file key.
    bytes_served: Counter[str] = field(default_factory=Counter)  #: By file key.
    faults: Counter[str] = field(default_factory=Counter)  #: Played, by flaw.
    throttled: Counter[str] = field(default_factory=Counter)  #: 429s by label.
    acknowledged: list[int] = field(default_factory=list)  #: G2A ids, in order, with repeats.
    transcoded: list[int] = field(default_factory=list)
    trashed: list[str] = field(default_factory=list)  #: uuid, or `uuid file-id`.
    leaks: list[str] = field(default_factory=list)
    """Paths on the download host that an Authorization header or access token reached."""
    running: int = 0  #: Bodies being sent now.
    busiest: int = 0  #: The most bodies that were sent at once.


@dataclass(frozen=True, slots=True, kw_only=True)
class GotoAccount:
    """GoToAssist Remote Support."""

    client_id: str = "goto-client-0001"
    client_secret: str = "goto-secret-0001"  # noqa: S105 - made up
    refresh_token: str = "rt-0001"  # noqa: S105 - made up; the first one
    personal_token: str = "pat-0001"  # noqa: S105 - made up; never expires
    account_key: int = 400_000_000_000_001
    user_key: int = 300_000_000_000_001
    company_id: int = 51_001


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomAccount:
    """Zoom, server-to-server."""

    account_id: str = "acct-0001"
    client_id: str = "zoom-client-0001"
    client_secret: str = "zoom-secret-0001"  # noqa: S105 - made up


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSdkAccount:
    """Zoom Video SDK."""

    api_key: str = "vsdk-api-key-0001"
    api_secret: str = "vsdk-api-secret-0001"  # noqa: S105 - made up


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All of them."""

    goto: GotoAccount = GotoAccount()
    zoom: ZoomAccount = ZoomAccount()
    videosdk: VideoSdkAccount = VideoSdkAccount()


_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Bucket:
    """Requests of the last second and of the running UTC day; 0 is no limit.

    Refused requests count for nothing.
    """

    recent: deque[datetime] = field(default_factory=deque)
    day: date | None = None
    today: int = 0

    def take(self, now: datetime, *, per_second: int, per_day: int) -> str | None:
        """Count a request; return what refuses it: `QPS`, `Daily-limit` or None."""
        while self.recent and now - self.recent[0] >= _SECOND:
            self.recent.popleft()
        if self.day != now.date():
            self.day, self.today = now.date(), 0
        if per_day and self.today >= per_day:
            return "Daily-limit"
        if per_second and len(self.recent) >= per_second:
            return "QPS"
        self.recent.append(now)
        self.today += 1
        return None


def next_day(now: datetime) -> datetime:
    """Return the next 00:00 UTC, when daily limits start anew."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class SimulatorState:
    """One running simulation."""

    world: World
    now: Now
    signer: Signer
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    journal: RequestJournal = field(default_factory=RequestJournal)
    accounts: Accounts = field(default_factory=Accounts)
    goto_url: str = ""  #: Where each host is, as `http://127.0.0.1:1234`.
    zoom_url: str = ""
    downloads_url: str = ""

    def g2a_url(self, file: SimFile) -> str:
        """Return a fresh URL of a GoToAssist file, straight on the download host (G5)."""
        until = self.now() + self.switches.goto.url_life
        return (
            f"{self.downloads_url}/g2a/{self.signer.sign(file.key, until)}/{file.key}/{file.name}"
        )

    def zoom_download_url(self, file: SimFile) -> str:
        """Return the `download_url` that listings show."""
        life = self.switches.downloads.locator_life
        until = None if life is None else self.now() + life
        return f"{self.zoom_url}/rec/download/{file.key}.{self.signer.sign(file.key, until)}"

    def signed_url(self, file: SimFile) -> str:
        """Return where `download_url` redirects to: signed, on the download host (Z7)."""
        until = self.now() + self.switches.downloads.url_life
        query = f"response-content-type={file.content.kind.value.partition(';')[0]}".replace(
            "/", "%2F"
        )
        query += "&response-cache-control=max-age%3D0%2Cs-maxage%3D86400&data=0000"
        query += f"&Policy=eyJ9&Signature={self.signer.sign(file.key, until)}&Key-Pair-Id=K000"
        place = f"{file.modified:%Y/%m/%d}/{file.key}/{file.name}"
        return f"{self.downloads_url}/cmr/replay/{place}?{query}"
