"""How much of a picture is left in a file: its real resolution, and how it was compressed.

The number of pixels says little. An enlarged picture has more pixels than its origin, and shows no
more. Its spectrum ends where the spectrum of its origin ended.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, JpegImagePlugin

from imgdedup.images.bars import Box, frame_of
from imgdedup.images.limits import open_image

_TILES = 8  # tiles in a row and in a column, at most
_SIDE = 64  # pixels of a tile; 32 in a small picture
_LINE = 8  # every eighth row and column of a tile is looked at: JPEG's blocks have this side, too
_FIRST = 6  # the first of the 32 frequencies where a spectrum may end
_DROP = 0.33  # a spectrum ends where it falls to this share of its lower half
# From this share of a picture's frequencies on, a spectrum counts as whole: photographs fade there.
_WHOLE = 0.8
# The filter of an enlargement does not cut sharply. What is left above its cut is this share.
_SKIRT = 0.9
# Within repeated pixels the differences have less than this share of their power.
_REPEATED = 0.1
_TINY = 1e-9

LOSSLESS = 100
_BEST_LOSSY = 99
# Palettes, and formats with loss that do not say how strongly they compress. It is the default of
# most encoders.
_UNTOLD = 75
_LOSSLESS_FORMATS = ("BMP", "DIB", "ICO", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "TGA", "XBM")
# The table of luma in the JPEG standard (ISO/IEC 10918-1, table K.1), which the IJG's tables scale.
_STANDARD = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
_WEBP_LOSSLESS, _WEBP_LOSSY = b"VP8L", b"VP8 "
_WEBP_HEAD = 4096  # bytes in which the first frame of a WebP begins, unless it has a long profile


@dataclass(frozen=True)
class Marks:
    """What tells the better of two copies of a picture."""

    detail: float  # pixels: see `detail_of`
    bars: float  # share of the frame that bars take: see `bars.frame_of`
    quality: int  # 0 to 100: see `quality_of`


def marks_of(
    image: Image.Image, data: bytes, pixels: Image.Image, small: Image.Image, plain: Box
) -> Marks:
    """The marks of a decoded image.

    `data` is its file, `pixels` and `small` are its picture, RGB, and `plain` is the part of
    `small` inside plain bars. A JPEG that was decoded at less than its size is decoded again, but
    only its luma.
    """
    frame = frame_of(np.asarray(small.convert("L")), plain)
    picture = pixels
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.decoderconfig[:1] > (1,):
        picture = open_image(data, ["JPEG"])
        picture.draft("L", picture.size)
    across, down = picture.width / small.width, picture.height / small.height
    left, top, right, bottom = frame.inner
    inner = round(left * across), round(top * down), round(right * across), round(bottom * down)
    detail = round(detail_of(picture, inner), 1)
    return Marks(detail, round(frame.bars, 3), quality_of(image, data))


def detail_of(picture: Image.Image, box: Box | None = None) -> float:
    """The real resolution of a picture, RGB or L: the side of a square of as many real pixels.

    It is the square root of the area in pixels, times the share of the frequencies that are there.
    Rows and columns of tiles are transformed. A natural spectrum falls with the square of the
    frequency (Field, "Relations between the statistics of natural images and the response
    properties of cortical cells", 1987). So the powers, times the square of the frequency, are
    level. They end where they first fall to a third. An enlargement is given about the detail of
    its origin. `box` is the part that counts: left, top, right, bottom in pixels.
    """
    left, top, right, bottom = box or (0, 0, *picture.size)
    width, height = right - left, bottom - top
    side = (width * height) ** 0.5
    size = _SIDE if min(width, height) >= _SIDE else _SIDE // 2
    if min(width, height) < size:
        return side
    tiles = _tiles(picture, (left, top, right, bottom), size)
    some = slice(_LINE // 2, None, _LINE)
    rows, columns = tiles[:, some], tiles.transpose(0, 2, 1)[:, some]
    if (times := _repeats(rows)) > 1:
        return detail_of(picture.crop((left, top, right, bottom)).reduce(times))
    share = (_end(rows) * _end(columns)) ** 0.5
    if share < 0.25 and min(width, height) >= 2 * _SIDE:  # too few frequencies are left to tell
        return detail_of(picture.crop((left, top, right, bottom)).reduce(2))
    return side if share >= _WHOLE else side * share * _SKIRT


def _tiles(picture: Image.Image, box: Box, size: int) -> np.ndarray:
    """Tiles, uint8, (n, size, size), spread over the box; their places are multiples of a block."""

    def places(start: int, end: int) -> list[int]:
        first = -(-start // _LINE) * _LINE
        first = first if first + size <= end else start
        room = end - size - first
        count = min(_TILES, max((end - start) // size, 1))
        steps = [round(room * number / max(count - 1, 1)) for number in range(count)]
        return [first + step // _LINE * _LINE for step in steps]

    left, top, right, bottom = box
    found = []
    for row in places(top, bottom):
        strip = np.asarray(picture.crop((left, row, right, row + size)).convert("L"))
        found += [strip[:, place - left : place - left + size] for place in places(left, right)]
    return np.stack(found)


def _repeats(lines: np.ndarray) -> int:
    """How many times each pixel is repeated along lines: 1, 2, 4 or 8."""
    jumps = _mean_square(np.diff(lines.astype(np.float32), axis=-1))
    phases = np.append(jumps, 0.0).reshape(-1, _LINE).sum(axis=0)
    for times in (8, 4, 2):
        edges = phases[times - 1 :: times].sum()
        if phases.sum() - edges < _REPEATED * phases.sum():
            return times
    return 1


def _end(lines: np.ndarray) -> float:
    """Where the spectrum of lines, uint8, (n, lines, size), ends: a share of all frequencies."""
    window, steps, squares = _constants(lines.shape[-1])
    values = lines.astype(np.float32)
    jumps = np.diff(values, axis=-1)
    values -= values.mean(axis=-1, keepdims=True)
    found = np.fft.rfft(values * window)
    powers = _mean_square(found.real) + _mean_square(found.imag)
    # The edges of JPEG's blocks are steps, and their power is no detail.
    powers = np.maximum(powers - _blocking(jumps) * steps, powers * 0.01) * squares
    level = np.convolve(powers, [0.25, 0.5, 0.25], "same")
    level[-1] /= 0.75
    last = len(level) - 1
    first = _FIRST * last // 32
    sums = np.cumsum(level)
    halves = np.maximum(np.arange(last + 1) // 2, first // 2)
    lower = (sums[halves] - sums[1]) / np.maximum(halves - 1, 1)
    excess = np.log(np.maximum(level, _TINY) / np.maximum(lower * _DROP, _TINY))
    below = np.flatnonzero(excess[first:] < 0)
    if not len(below):
        return 1.0
    place = first + int(below[0])
    before, after = max(float(excess[place - 1]), 0.0), float(excess[place])
    return (place - 1 + before / (before - after)) / last


def _blocking(jumps: np.ndarray) -> float:
    """The mean square of the steps at the edges of blocks, from the differences along lines."""
    bends = jumps[..., 1:-1] - (jumps[..., :-2] + jumps[..., 2:]) / 2
    squares = _mean_square(bends)
    phases = squares[: len(squares) // 8 * 8].reshape(-1, 8).mean(axis=0)
    return max(float(phases.max() - np.median(phases)), 0.0)


def _mean_square(values: np.ndarray) -> np.ndarray:
    """The mean square along all axes but the last, float64."""
    total = np.einsum("ijk,ijk->k", values, values)
    return np.asarray(total, np.float64) / (values.shape[0] * values.shape[1])


@cache
def _constants(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A window, the spectrum of a step at every eighth pixel, and the squares of frequencies.

    The window is scaled so that powers are those of the plain lines.
    """
    window = np.hanning(size + 1)[:size]
    window /= (window**2).sum() ** 0.5
    frequencies = np.arange(size // 2 + 1)
    steps = np.zeros(size // 2 + 1)
    steps[1:] = 1 / (32 * np.sin(np.pi * frequencies[1:] / size) ** 2)
    return window.astype(np.float32), steps, frequencies.astype(np.float64) ** 2


def quality_of(image: Image.Image, data: bytes) -> int:
    """How well an opened image is compressed: 0 to 99 with loss, 100 without.

    `data` is its file. The quality of a JPEG is that of the IJG's tables whose divisors are as
    large as its own. A palette, and a format that does not tell, is given 75.
    """
    if image.mode in ("P", "PA"):
        return _UNTOLD
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.quantization:
        return _jpeg_quality(image.quantization[min(image.quantization)])
    lossless = image.format in _LOSSLESS_FORMATS
    if image.format == "TIFF":
        lossless = image.info.get("compression") not in _LOSSY_TIFF
    elif image.format == "WEBP":
        head = data[:_WEBP_HEAD]
        lossless = _WEBP_LOSSLESS in head and _WEBP_LOSSY not in head
    return LOSSLESS if lossless else _UNTOLD


def _jpeg_quality(divisors: list[int]) -> int:
    """The IJG's quality whose divisors have the sum that is nearest to that of these."""
    total = sum(divisors)
    return min(range(1, _BEST_LOSSY + 1), key=lambda quality: abs(_sum_of(quality) - total))


@cache
def _sum_of(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(max((value * scale + 50) // 100, 1), 255) for value in _STANDARD)
