"""Which windows of which parts of an account could not be read, and how that is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelkeep.core.model import Recording, Window
from reelkeep.errors import ProviderError

NAMED = 10
"""How many failures a message names; the log has an event for each."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A window of one part of an account that is still to be read.

    `part` is what the provider lists by itself, such as a user; '' is the account as a whole.
    """

    part: str
    window: Window


class PartlyRead(ProviderError):
    """Some listings could not be read; everything else was.

    `unread` is all that is still to be read, including what was unread before; None if it is not
    known whose listings are missing, so that the whole span has to be read again.
    """

    code = "partly_read"

    def __init__(self, message: str, *, unread: Sequence[Unread] | None) -> None:
        super().__init__(message)
        self.unread = None if unread is None else tuple(unread)


class PartlyDescribed(ProviderError):
    """Some recordings could not be asked for; `described` are all, these with `undescribed` set.

    `unread` are the windows whose listings show the others again; None if that is not known.
    """

    code = "partly_read"

    def __init__(
        self, message: str, *, described: Sequence[Recording], unread: Sequence[Unread] | None
    ) -> None:
        super().__init__(message)
        self.described = tuple(described)
        self.unread = None if unread is None else tuple(unread)


def together(
    partly: Sequence[PartlyRead | PartlyDescribed], kept: Sequence[Unread] = ()
) -> PartlyRead | None:
    """Return several failures of one reading as one, None if there are none.

    What is `kept` unread of earlier readings is added to what it says is unread.
    """
    if not partly:
        return None
    unread: list[Unread] | None = [*kept]
    for each in partly:
        unread = None if unread is None or each.unread is None else [*unread, *each.unread]
    return PartlyRead(
        "; ".join(dict.fromkeys(str(each) for each in partly)),
        unread=None if unread is None else merged(unread),
    )


def merged(unread: Iterable[Unread], *, meeting: bool = False) -> tuple[Unread, ...]:
    """Return the same windows with those of one part that overlap made one, in order.

    Those that only meet stay apart, as halves do of a window of which one cannot be read, unless
    `meeting`.
    """
    touching = _meet if meeting else _overlap
    done: list[Unread] = []
    for each in sorted(unread, key=lambda one: (one.part, one.window.since, one.window.until)):
        last = done[-1] if done else None
        if last is None or last.part != each.part or not touching(last.window, each.window):
            done.append(each)
            continue
        until = max(last.window.until, each.window.until)
        done[-1] = Unread(last.part, Window(last.window.since, until))
    return tuple(done)


def _overlap(earlier: Window, later: Window) -> bool:
    return later.since < earlier.until or later == earlier


def _meet(earlier: Window, later: Window) -> bool:
    return later.since <= earlier.until


def named(failures: Sequence[str], *, most: int = NAMED) -> str:
    """Return failures as one text; beyond `most` they are counted."""
    shown = "; ".join(failures[:most])
    left = len(failures) - most
    return f"{shown}; and {left} more (see listing.failed in the log)" if left > 0 else shown
