"""Know which bytes of a file are there when several transfers fetch it side by side.

A claim is a run of missing bytes that one transfer has taken on. Claims never overlap, whatever
is claimed, filled, stolen or given back; so every byte is written once (bug 13 of the transfer
notes).

Where a reply was left, or broke, before its end, what lies before is unproven until it was compared
with what the host has there. Two runs that meet at such a place are not joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_GRAIN = 64 << 10

Extent = tuple[int, int]
"""The first byte, and the one after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From which size on a file is worth several transfers, and what each of them claims. Bytes."""

    large: int = 256 << 20  #: The whole file.
    rest: int = 64 << 20  #: What is still missing of it.
    piece: int = 32 << 20  #: What a transfer claims at a time.
    stolen: int = 4 << 20  #: The least that one takes over from another.


@dataclass(slots=True, eq=False)
class Segment:
    """Bytes from `start` to `end` that one transfer fetches; it is the only one to move `at`."""

    number: int  #: Counts the claims on this file.
    start: int
    end: int  #: May shrink to `reach`, when another takes the rest.
    at: int  #: The next byte to be written.
    reach: int  #: Bytes before this are on their way, and nobody else's any more.

    @property
    def left(self) -> int:
        """Bytes still to come."""
        return self.end - self.at


class Coverage:
    """Which of `total` bytes are there (`filled`) and which are being fetched."""

    def __init__(self, total: int, filled: Iterable[Extent] = ()) -> None:
        """Begin with `filled`; where two of these meet, what lies before is unproven."""
        known = list(filled)
        self.total = total
        self.unproven = joints(known)
        self._filled = merged(known)
        self._claims: list[Segment] = []
        self._count = 0

    @property
    def filled(self) -> tuple[Extent, ...]:
        """What is there, in order: as few runs as it takes, none with an unproven place within."""
        filling = [(claim.start, claim.at) for claim in self._claims]
        unproven = self.unproven | {claim.at for claim in self._claims}
        return tuple(cut(merged([*self._filled, *filling]), unproven))

    @property
    def prefix(self) -> int:
        """Bytes from the start of the file that are all there, proven or not."""
        return beginning(merged(self.filled))

    @property
    def missing(self) -> int:
        """Bytes that are not there."""
        return self.total - sum(end - start for start, end in self.filled)

    def claim(self, scale: Scale) -> Segment | None:
        """Return the first run that nobody has, else half of what another has left.

        None: all is there, or so far on its way that help would come too late.
        """
        for start, end in self._free():
            return self._claimed(start, min(end, start + scale.piece))
        return self._stolen(scale.stolen)

    def release(self, claim: Segment) -> None:
        """Give back what `claim` has not filled."""
        self._claims.remove(claim)
        self._filled = merged([*self._filled, (claim.start, claim.at)])

    def doubt(self, end: int) -> None:
        """Join nothing at `end` from now on: a reply was left, or broke, there."""
        self.unproven.add(end)

    def prove(self, end: int) -> None:
        """Let runs that meet at `end` be one: what lies before it was compared."""
        self.unproven.discard(end)

    def _claimed(self, start: int, end: int) -> Segment:
        claim = Segment(number=self._count, start=start, end=end, at=start, reach=start)
        self._count += 1
        self._claims.append(claim)
        return claim

    def _stolen(self, least: int) -> Segment | None:
        victim = max(self._claims, key=_spare, default=None)
        if victim is None or _spare(victim) < 2 * least:
            return None
        taken = _spare(victim) // 2
        half = victim.end - (taken // _GRAIN * _GRAIN or taken)
        end, victim.end = victim.end, half
        return self._claimed(half, end)

    def _free(self) -> Iterator[Extent]:
        at = 0
        for start, end in merged([*self._filled, *((c.start, c.end) for c in self._claims)]):
            if at < start:
                yield at, start
            at = end
        if at < self.total:
            yield at, self.total


def merged(extents: Iterable[Extent]) -> list[Extent]:
    """Return `extents` in order, those that touch or overlap as one; empty ones are left out."""
    found: list[Extent] = []
    for start, end in sorted(extent for extent in extents if extent[0] < extent[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def cut(extents: Iterable[Extent], places: Iterable[int]) -> Iterator[Extent]:
    """Yield `extents`, cut in two at each of `places` that lies within one."""
    ordered = sorted(places)
    for start, end in extents:
        at = start
        for place in ordered:
            if at < place < end:
                yield at, place
                at = place
        yield at, end


def joints(extents: Iterable[Extent]) -> set[int]:
    """Return the places where two of `extents` meet."""
    known = [extent for extent in extents if extent[0] < extent[1]]
    return {start for start, _ in known} & {end for _, end in known}


def beginning(filled: Sequence[Extent]) -> int:
    """Return how far the first run reaches, if it is from the start of the file."""
    return filled[0][1] if filled and filled[0][0] == 0 else 0


def _spare(claim: Segment) -> int:
    return claim.end - max(claim.at, claim.reach)
