"""What all handlers share: the world, its switches, and the record of what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reelkeep.simulator.accounts import Accounts
from reelkeep.simulator.faults import Faults
from reelkeep.simulator.journal import Journal
from reelkeep.simulator.switches import Switches

if TYPE_CHECKING:
    from reelkeep.simulator.signing import Signer
    from reelkeep.simulator.times import Now
    from reelkeep.simulator.world import SimFile, World


@dataclass(slots=True, kw_only=True)
class Scene:
    """One running simulation."""

    world: World
    now: Now
    signer: Signer
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
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
