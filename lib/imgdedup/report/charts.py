"""The geometry of the charts: numbers become lengths, in units of a chart's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgdedup.report.figures import BIN

WIDTH, HEIGHT = 640, 150  # of a histogram
TREND_WIDTH, TREND_HEIGHT = 240, 32
TREND_DAYS = 60  # the latest days of a trend
_LABEL_EVERY = 4  # bins


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, in units of the chart; y grows downwards."""

    x: float
    y: float
    width: float
    height: float
    label: str  # of its lower edge; empty where no label stands
    words: str


@dataclass(frozen=True)
class Trend:
    """Seconds by day: a bar for each of the latest days, those of a run apart."""

    others: str  # paths of SVG
    marked: str
    words: str
    last: float


def histogram(counts: Mapping[int, int], lowest: int, highest: int) -> list[Bar]:
    """The bars of margins by bin, from the bin `lowest` to `highest`."""
    most = max(counts.values(), default=0) or 1
    width = WIDTH / (highest - lowest + 1)
    bars = []
    for bin_ in range(lowest, highest + 1):
        count = counts.get(bin_, 0)
        height = max(HEIGHT * count / most, 1.5 if count else 0)
        bars.append(
            Bar(
                x=round((bin_ - lowest) * width, 2),
                y=round(HEIGHT - height, 2),
                width=round(width - 2, 2),
                height=round(height, 2),
                label=f"{bin_ * BIN:.2f}" if bin_ % _LABEL_EVERY == 0 else "",
                words=f"{bin_ * BIN:.2f} to {(bin_ + 1) * BIN:.2f}: {count:,}",
            )
        )
    return bars


def trend(seconds: Mapping[str, float], marked: Sequence[str] = ()) -> Trend | None:
    """The trend of some seconds by day; None when there is no day."""
    days = sorted(seconds)[-TREND_DAYS:]
    if not days:
        return None
    most = max(seconds[dt] for dt in days) or 1.0
    step = min(TREND_WIDTH / len(days), 16.0)
    paths: dict[bool, list[str]] = {False: [], True: []}
    for place, dt in enumerate(days):
        height = max(TREND_HEIGHT * seconds[dt] / most, 1.0)
        width = max(step - 1.5, 1.0)
        bar = f"M{place * step:.1f} {TREND_HEIGHT}v{-height:.1f}h{width:.1f}v{height:.1f}z"
        paths[dt in marked].append(bar)
    low = min(seconds[dt] for dt in days)
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    words = f"{span}: {low:.1f} s to {most:.1f} s, at last {seconds[days[-1]]:.1f} s"
    return Trend("".join(paths[False]), "".join(paths[True]), words, seconds[days[-1]])


def share(part: float, whole: float) -> float:
    """A part in percent of the whole, as the length of a bar."""
    return round(100 * part / whole, 2) if whole else 0.0
