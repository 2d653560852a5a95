"""How much is fetched, and for how long things are watched."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes in bytes, times in seconds."""

    large: int = 256 * MIB  #: Each of the files of the large cases.
    single: int = 2 * GIB
    recordings: int = 2_000  #: Of three files each, in the small case.
    resumed: int = GIB
    streams: int = 64
    stream: int = 8 * MIB  #: What each of the slow streams brings …
    stream_rate: int = MIB  #: … at so many bytes a second.
    idle: float = 60.0
    catalogs: tuple[int, int] = (5_000, 50_000)  #: Recordings.
    polling: float = 15.0


QUICK = Scale(
    large=8 * MIB,
    single=32 * MIB,
    recordings=40,
    resumed=64 * MIB,
    streams=16,
    stream=2 * MIB,
    stream_rate=MIB,
    idle=3.0,
    catalogs=(500, 1_000),
    polling=3.0,
)
"""Enough to see that everything works; its figures mean nothing."""
