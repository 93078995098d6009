"""Bars of one tone around a picture: letterboxes, pillarboxes and plain frames.

A copy with bars shows its picture smaller, in another place of the frame. A network that sees the
picture without its bars embeds the copy where it embeds the original.
"""

import numpy as np

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels

_TONE = 8  # levels in each channel by which the pixels of a bar may differ from its tone
_EVEN = 0.97  # share of the pixels of a line that have the tone
_LEAST_LEFT = 0.25  # share of a side that stays; otherwise the picture is plain and is left whole
_ROUNDS = 2  # bars above and below may hide bars at the sides, and the other way round


def without_bars(pixels: np.ndarray) -> Box:
    """The part of a picture (uint8, (height, width, 3)) inside its bars; all of it without bars."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = 0, 0, width, height
    for _ in range(_ROUNDS):
        inner = pixels[top:bottom, left:right]
        above, below = _bar(inner), _bar(inner[::-1])
        rest = inner[above : len(inner) - below].transpose(1, 0, 2)
        before, after = _bar(rest), _bar(rest[::-1])
        box = left + before, top + above, right - after, bottom - below
        if box[2] - box[0] < _LEAST_LEFT * width or box[3] - box[1] < _LEAST_LEFT * height:
            return 0, 0, width, height
        if box == (left, top, right, bottom):
            break
        left, top, right, bottom = box
    return left, top, right, bottom


def _bar(lines: np.ndarray) -> int:
    """How many lines (n, pixels, 3), from the first on, have the tone of the first line."""
    if not lines.size:
        return 0
    tone = np.median(lines[0], axis=0)
    low, high = np.clip([tone - _TONE, tone + _TONE], 0, 255).astype(np.uint8)
    count, step = 0, 1
    while count < len(lines):  # most pictures have no bar: look at few lines first
        some = lines[count : count + step]
        even = ((some >= low) & (some <= high)).all(axis=2).mean(axis=1) >= _EVEN
        if not even.all():
            return count + int(np.argmin(even))
        count, step = count + len(some), 2 * step
    return count
