"""A small line chart on logarithmic axes, as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]  # (x, y), both above 0, x rising

_WIDTH, _HEIGHT = 460, 330  # pixels of the area of a chart, without its legend
_LEFT, _TOP, _BOTTOM, _RIGHT = 62, 44, 46, 18  # room around the axes
_LEGEND = 190
_COLOURS = "#1f5fa8 #c8501e #2c8a4b #7a4fa3 #a87b00 #c23b75 #3a8f97 #6b6b6b #8a3324 #5a7d1a".split()
_STYLE = "font-family:sans-serif;font-size:12px"


@dataclass(frozen=True)
class Chart:
    """One chart: lines by name; a line needs no point where it has no value."""

    title: str
    across: str  # what x is
    lines: Mapping[str, Points]


def svg(charts: Sequence[Chart]) -> str:
    """Draw charts under each other; charts without points are left out."""
    charts = [chart for chart in charts if any(chart.lines.values())]
    width, height = _WIDTH + _LEGEND, _HEIGHT * len(charts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="{_STYLE}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, chart in enumerate(charts):
        parts += [f'<g transform="translate(0,{place * _HEIGHT})">', *_drawn(chart), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(chart: Chart) -> list[str]:
    points = [point for line in chart.lines.values() for point in line]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, 24, chart.title, weight="bold")]
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 10, chart.across, anchor="middle"))
    for tick in up.ticks():
        y = up.place(tick)
        parts.append(_line([(_LEFT, y), (_WIDTH - _RIGHT, y)], "#dddddd", 1))
        parts.append(_text(_LEFT - 6, y + 4, f"{tick:,g}", anchor="end"))
    for tick in sorted({x for x, _ in points}):
        x = across.place(tick)
        parts.append(_line([(x, _HEIGHT - _BOTTOM), (x, _HEIGHT - _BOTTOM + 5)], "#333333", 1))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 18, f"{tick:,g}", anchor="middle"))
    drawn = [(name, line) for name, line in chart.lines.items() if line]
    for place, (name, line) in enumerate(drawn):
        colour = _COLOURS[place % len(_COLOURS)]
        ends = [(across.place(x), up.place(y)) for x, y in line]
        parts.append(_line(ends, colour, 2))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in ends]
        height = _TOP + 18 * place
        parts.append(_line([(_WIDTH, height), (_WIDTH + 18, height)], colour, 3))
        parts.append(_text(_WIDTH + 24, height + 4, name))
    return parts


class _Axis:
    """A logarithmic axis from the least to the greatest value, on pixels `start` to `stop`."""

    def __init__(self, values: Sequence[float], start: float, stop: float):
        self._low, self._high = math.log10(min(values)), math.log10(max(values))
        room = 0.06 * max(self._high - self._low, 0.3)
        self._low, self._high = self._low - room, self._high + room
        self._start, self._stop = start, stop

    def place(self, value: float) -> float:
        """The pixel of a value."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._stop - self._start)

    def ticks(self) -> list[float]:
        """The values 1, 2 and 5 of each power of ten on the axis; on a long axis only 1."""
        digits = (1, 2, 5) if self._high - self._low < 2.5 else (1,)
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        values = [digit * 10.0**power for power in powers for digit in digits]
        return [value for value in values if self._low <= math.log10(value) <= self._high]


def _line(points: Points, colour: str, width: float) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
