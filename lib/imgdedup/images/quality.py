"""How much of a picture is left in a file: its real resolution, and how it was compressed.

The number of pixels says little. An enlarged picture has more pixels than its origin, and shows no
more. Its spectrum ends where the spectrum of its origin ended.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, JpegImagePlugin

from imgdedup.images.bars import Box, frame_of
from imgdedup.images.few_colours import has_full_palette, is_photograph_in_few_colours
from imgdedup.images.limits import open_image
from imgdedup.images.pixels import on_ground, other_grounds_of
from imgdedup.images.tones import tones_of

_TILES = 8  # tiles in a row and in a column, at most
_SIDE = 64  # pixels of a tile; 32 in a small picture
_LINE = 8  # every eighth row and column of a tile is looked at: JPEG's blocks have this side, too
_FIRST = 6  # the first of the 32 frequencies where a spectrum may end
_DROP = 0.33  # a spectrum ends where it falls to this share of its lower half
# From this share of a picture's frequencies on, a spectrum counts as whole: photographs fade there.
_WHOLE = 0.8
# The filter of an enlargement does not cut sharply. What is left above its cut is this share.
_SKIRT = 0.9
# Pixels are repeated where the differences within them, times the number of repeats, have less than
# this share of the power of those between them.
_REPEATED = 0.8
# They count this share of themselves, so that their origin has more by one step of the order.
_OF_REPEATED = 0.81
_TINY = 1e-9

LOSSLESS = 100
_BEST_LOSSY = 99
# Formats with loss that do not say how strongly they compress: the default of most encoders. A
# photograph in 256 colours has lost as much.
_UNTOLD = 75
# A palette was too small for a drawing, which lost some shades of soft edges.
_NEARLY_ALL = 90
_LOSSLESS = frozenset("BMP DIB GIF ICO PCX PNG PPM PSD QOI SGI TGA XBM".split())
_OF_8_BITS = frozenset("L LA P PA RGB RGBA".split())
_LOSSY_IN_TIFF = frozenset("jpeg tiff_jpeg webp tiff_sgilog tiff_sgilog24".split())
# The table of luma in the JPEG standard (ISO/IEC 10918-1, table K.1), which the IJG's tables scale.
_STANDARD = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)


@dataclass(frozen=True)
class Marks:
    """What tells the better of two copies of a picture."""

    detail: float  # pixels: see `detail_of`
    bars: float  # share of the frame that bars take: see `bars.frame_of`
    tones: int  # 0 to 3, the more the more colour: see `tones.tones_of`
    quality: int  # 0 to 100: see `quality_of`


def marks_of(
    image: Image.Image,
    data: bytes,
    layer: Image.Image,
    ground: int,
    small: Image.Image,
    plain: Box,
) -> Marks:
    """The marks of a decoded image.

    `data` is its file, `layer` its picture, RGB or RGBA, `ground` the first of its grounds, and
    `small` the picture on that, and smaller. `plain` is the part of `small` inside plain bars. A
    JPEG that was decoded at less than its size is decoded again, but only its luma. On some grounds
    the edge of a transparent picture outweighs its detail. The most detail that it has on any
    ground counts.
    """
    frame = frame_of(np.asarray(small.convert("L")), plain)
    picture = on_ground(layer, ground)
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.decoderconfig[:1] > (1,):
        picture = open_image(data, ["JPEG"])
        picture.draft("L", picture.size)
    across, down = picture.width / small.width, picture.height / small.height
    left, top, right, bottom = frame.inner
    inner = round(left * across), round(top * down), round(right * across), round(bottom * down)
    detail, tones = detail_of(picture, inner), tones_of(picture, small)
    if layer.mode == "RGBA":
        for other in other_grounds_of(layer, ground):
            detail = max(detail, detail_of(on_ground(layer, other), inner))
    return Marks(round(detail, 1), round(frame.bars, 3), tones, quality_of(image, data))


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
    across, down = _places(left, right, size), _places(top, bottom, size)
    tiles = _tiles(picture, across, down, size)
    some = slice(_LINE // 2, None, _LINE)
    rows, columns = tiles[:, :, some], tiles.transpose(1, 0, 3, 2)[:, :, some]
    if (repeats := _repeats(rows, across, columns, down)) is not None:
        times, first, second = repeats
        whole = left + (first - left) % times, top + (second - top) % times, right, bottom
        return detail_of(picture.crop(whole).reduce(times)) * _OF_REPEATED
    share = (_end(rows) * _end(columns)) ** 0.5
    if share < 0.25 and min(width, height) >= 2 * _SIDE:  # too few frequencies are left to tell
        return detail_of(picture.crop((left, top, right, bottom)).reduce(2))
    return side if share >= _WHOLE else side * share * _SKIRT


def _places(start: int, end: int, size: int) -> list[int]:
    """Where tiles begin, from start to end: at multiples of a block, where there is room."""
    first = -(-start // _LINE) * _LINE
    first = first if first + size <= end else start
    room = end - size - first
    count = min(_TILES, max((end - start) // size, 1))
    steps = [round(room * number / max(count - 1, 1)) for number in range(count)]
    return [first + step // _LINE * _LINE for step in steps]


def _tiles(picture: Image.Image, across: list[int], down: list[int], size: int) -> np.ndarray:
    """The tiles at these places, uint8, (down, across, size, size)."""
    end = across[-1] + size
    found = []
    for row in down:
        strip = np.asarray(picture.crop((across[0], row, end, row + size)).convert("L"))
        starts = [place - across[0] for place in across]
        found.append([strip[:, start : start + size] for start in starts])
    return np.asarray(found)


def _repeats(
    rows: np.ndarray, across: list[int], columns: np.ndarray, down: list[int]
) -> tuple[int, int, int] | None:
    """How many times pixels are repeated, both ways, and where the first of them begin; or None."""
    by_row = _jumps(rows, across)
    for times in range(_LINE, 1, -1):
        if (first := _seam(*by_row, times)) is None:
            continue
        if (second := _seam(*_jumps(columns, down), times)) is not None:
            return times, first, second
    return None


def _jumps(lines: np.ndarray, starts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The places between pixels along lines, (tiles across, tiles along, lines, size), and the
    mean square of the differences there. A few strong edges count no more than many.
    """
    differences = np.diff(lines.astype(np.float32), axis=-1)
    squares = np.einsum("aijk,aijk->ik", differences, differences, dtype=np.float64)
    places = np.add.outer(starts, np.arange(1, lines.shape[-1]))
    return places.ravel(), np.minimum(squares, np.quantile(squares, 0.95)).ravel()


def _seam(places: np.ndarray, jumps: np.ndarray, times: int) -> int | None:
    """Where repeated pixels begin, from 0 to `times`; None: the pixels are not repeated so often.

    Within them the differences are noise. The edges of JPEG's blocks tell nothing, as they lie.
    """
    if times < _LINE:
        within = places % _LINE != 0
        places, jumps = places[within], jumps[within]
    counts = np.bincount(places % times, minlength=times)
    powers = np.bincount(places % times, jumps, times) / np.maximum(counts, 1)
    seam = int(np.argmax(powers))
    inside = (powers.sum() - powers[seam]) / (times - 1)
    most = _REPEATED if times < _LINE else _REPEATED / 10
    return seam if inside * times < most * powers[seam] else None


def _end(lines: np.ndarray) -> float:
    """Where the spectrum of lines ends: a share of all frequencies.

    The lines are uint8, (tiles, tiles, lines, size).
    """
    window, steps, squares = _constants(lines.shape[-1])
    values = lines.reshape(-1, *lines.shape[2:]).astype(np.float32)
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
    large as its own. A format that does not tell, and a photograph that was reduced to few colours,
    is given 75. A palette that is full has lost some colours, and is given 90.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile) and image.quantization:
        return _jpeg_quality(image.quantization[min(image.quantization)])
    if not is_lossless(image, data):
        return _UNTOLD
    if image.mode in _OF_8_BITS and is_photograph_in_few_colours(image.convert("RGB")):
        return _UNTOLD
    return _NEARLY_ALL if has_full_palette(image) else LOSSLESS


def is_lossless(image: Image.Image, data: bytes) -> bool:
    """Whether the format of an opened image keeps the pixels that it was given; `data` is its file.

    Of a WebP that is an animation, the first frame decides.
    """
    if image.format == "TIFF":
        return image.info.get("compression") not in _LOSSY_IN_TIFF
    if image.format == "WEBP":
        return _is_lossless_webp(data)
    return image.format in _LOSSLESS


def _is_lossless_webp(data: bytes) -> bool:
    """Whether the first picture in a WebP is lossless: its piece says so by name."""
    place = 12
    while len(name := data[place : place + 4]) == 4:
        if name in (b"VP8L", b"VP8 "):
            return name == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        # A frame of an animation has a head of 16 bytes, and its picture inside.
        place += 24 if name == b"ANMF" else 8 + length + length % 2
    return False


def _jpeg_quality(divisors: list[int]) -> int:
    """The IJG's quality whose divisors have the sum that is nearest to that of these."""
    total = sum(divisors)
    return min(range(1, _BEST_LOSSY + 1), key=lambda quality: abs(_sum_of(quality) - total))


@cache
def _sum_of(quality: int) -> int:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(max((value * scale + 50) // 100, 1), 255) for value in _STANDARD)
