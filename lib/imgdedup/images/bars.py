"""Bars around a picture: letterboxes, pillarboxes and plain frames, and blurred bars.

A copy with bars shows its picture smaller, in another place of the frame. A network that sees the
picture without its plain bars embeds the copy where it embeds the original. Blurred bars are made
of the picture itself, enlarged and blurred, above and below it or at its sides.
"""

from typing import NamedTuple

import numpy as np

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels

_TONE = 8  # levels in each channel by which the pixels of a bar may differ from its tone
_EVEN = 0.97  # share of the pixels of a line that have the tone
_LEAST_LEFT = 0.25  # share of a side that stays; otherwise the picture is plain and is left whole
# Blurred bars. Bends are second differences along a line, in levels.
_SMOOTH = 2.0  # mean bend of a line of a bar, at most: what is left after compression
_LEAST_BAR = 0.04  # share of the side: a narrower bar is not looked for
_RINGING = 10  # lines beside the picture that compression makes less smooth
_LEAST_STEP = 3.0  # levels between bar and picture, in at least half of the line
_STANDS_OUT = 4  # times the steps between the lines of a bar
_LEAST_VARIED = 5.0  # deviation within a bar, in levels: less is a plain ground
_ROUNDS = 2  # bars above and below may hide bars at the sides, and the other way round


class Frame(NamedTuple):
    """A picture and its bars."""

    inner: Box  # the picture without bars
    bars: float  # share of the frame that bars take, above and below the picture or at its sides


def frame_of(luma: np.ndarray, plain: Box) -> Frame:
    """Find the bars of a picture: its luma, uint8, (height, width), and its part inside plain bars.

    Margins on all four sides are no bars: the pictures of goods and the pages of books have them.
    """
    height, width = luma.shape
    left, top, right, bottom = plain
    if plain == (0, 0, width, height):
        if rows := _blurred(luma):
            top, bottom = rows, height - rows
        elif columns := _blurred(luma.T):
            left, right = columns, width - columns
    across, down = (right - left) / width, (bottom - top) / height
    is_between = (across == 1 and top > 0 and bottom < height) or (
        down == 1 and left > 0 and right < width
    )
    return Frame((left, top, right, bottom), 1 - across * down if is_between else 0.0)


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


def _blurred(luma: np.ndarray) -> int:
    """How many lines the blurred bars at both ends have, which are equally wide; 0: no bars."""
    height = len(luma)
    least = max(2, round(_LEAST_BAR * height))
    ends = np.concatenate([luma[:least], luma[-least:]])
    if height < 4 * least or _bends(ends).max() > _SMOOTH:  # nearly all pictures
        return 0
    rough = np.flatnonzero(_bends(luma) > _SMOOTH)
    if not len(rough):
        return 0
    smooth = min(int(rough[0]), height - 1 - int(rough[-1]))
    if min(luma[:smooth].std(), luma[-smooth:].std()) < _LEAST_VARIED:
        return 0
    steps = np.median(np.abs(np.diff(luma.astype(np.int16), axis=0)), axis=1)
    above = np.maximum(steps[:-1], steps[1:])  # at a seam, and a line further
    numbers = np.arange(least, min(smooth + _RINGING, height // 2 - 1))
    seams = np.minimum(above[numbers - 1], above[height - 2 - numbers])
    if not len(seams):
        return 0
    found = int(numbers[np.argmax(seams)])
    usual = max(np.median(steps[1 : found - 1]), np.median(steps[height - found : -1]))
    return found if seams.max() >= max(_LEAST_STEP, _STANDS_OUT * usual) else 0


def _bends(lines: np.ndarray) -> np.ndarray:
    """The mean of the second differences along each line, without their signs."""
    values = lines.astype(np.int16)
    return np.asarray(np.abs(values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]).mean(axis=1))
