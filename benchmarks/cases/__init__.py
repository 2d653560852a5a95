"""All cases, each of which can be measured alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.cases import idle, polls, resume, slow
from benchmarks.cases.transfer import Transfer
from benchmarks.ground import Ground
from benchmarks.model import Measured
from benchmarks.peers.libraries import Library
from benchmarks.peers.programs import Aria2, Curl, Wget2
from benchmarks.provider import EVENTS, THUMBNAIL, VIDEO
from benchmarks.scale import Scale

Case = Callable[[Ground], Measured]

_FILES = 8
_SMALL = EVENTS + THUMBNAIL + VIDEO
_LARGE_RIVALS = (
    Aria2(name="aria2c, SHA-256", jobs=_FILES, checksum=True),
    Aria2(name="aria2c", jobs=_FILES),
    Wget2(name="wget2, sha256sum", jobs=_FILES),
    Library(name="parfive", jobs=_FILES),
    Library(name="pypdl", jobs=_FILES),
)
_SINGLE_RIVALS = (
    Aria2(name="aria2c, SHA-256", jobs=1, splits=4, checksum=True),
    Library(name="parfive", jobs=1, splits=4),
    Library(name="pypdl", jobs=1, splits=4),
)
_SMALL_RIVALS = (
    Aria2(name="aria2c", jobs=16),
    Curl(name="curl", jobs=32),
    Library(name="parfive", jobs=16),
    Library(name="pypdl", jobs=16),
)


def cases(scale: Scale) -> Mapping[str, Case]:
    """Return the cases by their keys, in their order."""
    transfers = (
        Transfer(
            key="large-http",
            scheme="http",
            world="meetings",
            count=_FILES,
            size=scale.large,
            rivals=_LARGE_RIVALS,
        ),
        Transfer(
            key="large-https",
            scheme="https",
            world="meetings",
            count=_FILES,
            size=scale.large,
            rivals=[rival for rival in _LARGE_RIVALS if not isinstance(rival, Wget2)],
        ),
        Transfer(
            key="single-https",
            scheme="https",
            world="meetings",
            count=1,
            size=scale.single,
            rivals=_SINGLE_RIVALS,
        ),
        Transfer(
            key="small",
            scheme="http",
            world="recordings",
            count=scale.recordings,
            size=_SMALL,
            rivals=_SMALL_RIVALS,
            durable=True,
        ),
    )
    return {
        **{transfer.key: transfer.measure for transfer in transfers},
        "resume": resume.measure,
        "slow64": slow.measure,
        "idle": idle.measure,
        "polls": polls.measure,
    }
