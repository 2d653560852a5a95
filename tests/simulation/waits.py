"""See that what the daemon waits for is said once, and ended once."""

from __future__ import annotations

from dataclasses import dataclass, field

_BEGINS = {
    "clock.wrong": "clock.right",
    "archive.absent": "archive.found",
    "archive.unavailable": "archive.available",
    "disk.low": "disk.recovered",
    "file.too_large": "file.fits",
}
"""Events that begin a wait, and those that end it."""

_ENDS = {end: begin for begin, end in _BEGINS.items()}

_ABOUT = ("provider", "recording", "file")


@dataclass
class Waits:
    """What the process that runs has said it waits for."""

    open: dict[tuple[object, ...], object] = field(default_factory=dict)

    def reported(self, event: str, keys: dict[str, object]) -> str | None:
        """Take note of an event; return what is wrong with it."""
        about = tuple(str(keys[key]) for key in _ABOUT if key in keys)
        if event in _BEGINS:
            which, reason = (event, *about), keys.get("reason")
            if which in self.open and self.open[which] == reason:
                return f"{event} was said twice: {reason}"
            self.open[which] = reason
        elif event in _ENDS:
            which = (_ENDS[event], *about)
            if which not in self.open:
                return f"{event} was said, and nothing had begun"
            del self.open[which]
        return None

    @property
    def of_place(self) -> list[str]:
        """Why nothing at all is stored."""
        places = [which for which in self.open if len(which) == 1 and which[0] != "clock.wrong"]
        return [f"{which[0]}: {self.open[which]}" for which in places]

    def clear(self) -> None:
        """Forget all: the process has ended."""
        self.open.clear()
