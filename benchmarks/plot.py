"""Draw ratios as bars on a logarithmic axis, with the targets marked, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.figures import Spread

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 860, 290, 130, 24, 64
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)

_LEGEND = (
    "bar: median of pairs; line: least to greatest; bracket: target; left of 1, reelkeep is better"
)
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.group { font-weight: 600 }
.faint { fill: #59636e }
.ground { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.one { stroke: #59636e; stroke-width: 1.5 }
.spread { stroke: #1f2328 }
.target { fill: none; stroke: #1f2328; stroke-width: 2.5 }
.met { fill: #2f9e62 }
.missed { fill: #d9722e }
.free { fill: #8c96a0 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.faint { fill: #9198a1 }
.ground { fill: #0d1117 }
.grid { stroke: #2f363e }
.one { stroke: #9198a1 }
.spread, .target { stroke: #e6edf3 }
.met { fill: #2ea364 }
.missed { fill: #d9722e }
.free { fill: #6e7781 }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One ratio."""

    group: str  #: Bars of one group stand together, under its name.
    label: str
    found: Spread
    most: float | None = None  #: The target.

    @property
    def kind(self) -> str:
        """The class of its colour."""
        if self.most is None:
            return "free"
        return "met" if self.found.median <= self.most else "missed"


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    def at(self, value: float) -> float:
        """Return where on the picture `value` is."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return round(_LEFT + part * (_WIDTH - _LEFT - _RIGHT), 1)

    @property
    def ticks(self) -> list[float]:
        return [tick for tick in _TICKS if self.low <= tick <= self.high]


def plot(title: str, bars: Sequence[Bar]) -> str:
    """Return a picture of `bars`; left of 1, reelkeep takes less than the other."""
    groups = list(dict.fromkeys(bar.group for bar in bars))
    height = _TOP + _ROW * (len(bars) + len(groups)) + 34
    axis = _axis(bars)
    size = f'width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="27">{escape(title)}</text>',
        f'<text class="faint" x="16" y="47">{_LEGEND}</text>',
        *_grid(axis, height),
    ]
    y = _TOP
    for group in groups:
        lines.append(f'<text class="group" x="16" y="{y + 17}">{escape(group)}</text>')
        y += _ROW
        for bar in bars:
            if bar.group == group:
                lines += _drawn(bar, axis, y)
                y += _ROW
    return "\n".join([*lines, "</svg>"]) + "\n"


def _axis(bars: Sequence[Bar]) -> _Axis:
    values = [value for bar in bars for value in (bar.found.low, bar.found.high)]
    values += [bar.most for bar in bars if bar.most is not None]
    least, greatest = min([0.5, *values]), max([2.0, *values])
    return _Axis(
        max((tick for tick in _TICKS if tick <= least), default=_TICKS[0]),
        min((tick for tick in _TICKS if tick >= greatest), default=_TICKS[-1]),
    )


def _grid(axis: _Axis, height: int) -> Iterator[str]:
    bottom = height - 28
    for tick in axis.ticks:
        x, kind = axis.at(tick), "one" if tick == 1 else "grid"
        yield f'<line class="{kind}" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>'
        yield f'<text class="faint" x="{x}" y="{height - 10}" text-anchor="middle">{tick:g}</text>'


def _drawn(bar: Bar, axis: _Axis, y: int) -> Iterator[str]:
    one, value, middle = axis.at(1), axis.at(bar.found.median), y + _ROW / 2
    start, width = min(one, value), max(abs(value - one), 1)
    low, high = axis.at(bar.found.low), axis.at(bar.found.high)
    said = f"{bar.found.median:.2f}" + ("" if bar.most is None else f" / {bar.most:g}")
    sign = {"met": " ✓", "missed": " ✗", "free": ""}[bar.kind]
    yield f'<text x="28" y="{y + 17}">{escape(bar.label)}</text>'
    yield (
        f'<rect class="{bar.kind}" x="{start}" y="{y + 5}" width="{width:.1f}" '
        f'height="{_ROW - 10}" rx="2"/>'
    )
    yield f'<line class="spread" x1="{low}" y1="{middle}" x2="{high}" y2="{middle}"/>'
    if bar.most is not None:
        x = axis.at(bar.most)
        yield f'<path class="target" d="M{x - 5} {y + 3}h5v{_ROW - 6}h-5"/>'
    yield f'<text x="{_WIDTH - _RIGHT + 16}" y="{y + 17}">{said}{sign}</text>'
