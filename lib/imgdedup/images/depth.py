"""Images of more than 8 bits a channel, in 8 bits.

A file of 16 bits a channel often uses fewer: cameras and scanners give 10, 12 or 14. So white is
what the file itself names. Otherwise white is the least number of whole bits that holds the
brightest value. A picture that uses the upper half of its 16 bits stays as it is, and a few levels
of noise around black stay black.

Measurements, depths and heights may lie in any range, and on that scale they would be one blank
page. So where next to nothing of a picture would be left, its own darkest and brightest values are
black and white. Single hot and dead pixels do not count for that.
"""

from collections.abc import Iterator
from math import ceil, isqrt

import numpy as np
from PIL import Image, TiffImagePlugin

from imgdedup.images.formats import FORMATS
from imgdedup.images.limits import open_image

_LEAST_BITS, _MOST_BITS = 8, 16
_MOST = (1 << _MOST_BITS) - 1
# Pillow keeps the first byte of each value of a deep colour image. Read in the other order of
# bytes, the file gives the second one. The native order is that of the least byte first.
_OTHER_ORDER = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B"))
}
_DARK = 128  # the first byte of a value in the upper half of 16 bits
_ROWS = 256  # put together at once
_LEAST_LEVELS = 16.0  # of 255: a picture that would keep fewer gets a scale of its own
_MOST_BELOW = 0.25  # of the range of a picture that may be below zero, and so black
_SAMPLED = 1 << 20  # pixels from which a range is measured, about
_STRAY = 1e-4  # share of them, at least one, beyond either end of the range
_BITS, _MOST_SAMPLE, _MOST_SIGNED = 258, 281, 341  # tags of TIFF


def is_gray(image: Image.Image) -> bool:
    """Whether an image has one channel of more than 8 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def from_gray(image: Image.Image, data: bytes) -> Image.Image:
    """A loaded image of one deep channel in mode L. `data` is its file, as far as it is known.

    Values that are no numbers are black.
    """
    stored = np.asarray(image)
    if image.mode == "F":
        most = float(stored.max(initial=0, where=np.isfinite(stored)))
        white = 1.0 if most <= 1 else _white(ceil(min(most, _MOST + 1)), most, image, data)
    else:
        most = float(stored.max(initial=0))
        used = int(np.bitwise_or.reduce(np.maximum(stored, 0), axis=None))
        white = _white(used, most, image, data)
    own = _own_scale([_range_of(stored)], white, is_whole=image.mode != "F")
    black, white = (own[0][0], own[1]) if own else (0.0, white)
    return Image.fromarray(_in_bytes(stored, black, white))


def is_flat_gray(image: Image.Image) -> bool:
    """Whether all values of a loaded image of one deep channel are one number."""
    stored = np.asarray(image)
    return bool(stored.min() == stored.max())


def form_of(image: Image.Image) -> str:
    """How the values of an image that is not yet loaded lie in its file, in Pillow's words."""
    tiles = getattr(image, "tile", None)
    if not tiles or not tiles[0].args:
        return ""
    arguments = tiles[0].args
    return arguments if isinstance(arguments, str) else str(arguments[0])


def needs_more(image: Image.Image, form: str) -> bool:
    """Whether the first bytes of the deep colours of a loaded image of `form` tell too little.

    So it is when all are in the lower half of 16 bits, or when next to no two of them differ.
    """
    if form not in _OTHER_ORDER:
        return False
    if all(most < _DARK for _, most in image.getextrema()):  # type: ignore[misc]
        return True
    return all(most - least <= _LEAST_LEVELS for least, most in _ranges_of(np.asarray(image)))


def rescale(image: Image.Image, form: str, data: bytes) -> None:
    """Give a loaded image of deep colours for which `needs_more` holds the levels of its scale.

    `data` is its file. The second byte of each value is read from there. Opacity has no black.
    """
    other = open_image(data, FORMATS)
    other.seek(image.tell())
    other.tile = [  # type: ignore[attr-defined]
        tile._replace(args=_reordered(tile.args, _OTHER_ORDER[form]))
        for tile in other.tile  # type: ignore[attr-defined]
    ]
    used = 0
    for _, values in _joined(image, other):
        used |= int(np.bitwise_or.reduce(values, axis=None))
    white = _white(used, used, image, data)
    first, second = (_sampled(np.asarray(part)).astype(np.uint16) for part in (image, other))
    own = _own_scale(_ranges_of(first << 8 | second), white, is_whole=True)
    scales = [(black, own[1]) for black in own[0]] if own else [(0.0, white)] * 3
    scales.append((0.0, white))
    for top, values in _joined(image, other):
        bands = [_in_bytes(values[:, :, c], *scales[c]) for c in range(values.shape[2])]
        image.paste(Image.fromarray(np.dstack(bands)), (0, top))


def _own_scale(
    ranges: list[tuple[float, float]], white: float, *, is_whole: bool
) -> tuple[list[float], float] | None:
    """The black of each channel, and how far white is from it; None when `white` serves well.

    `ranges` are the least and the most of each channel. Whole numbers of 8 bits lose nothing.
    """
    spread = max(most - least for least, most in ranges)
    if spread <= 0 or (is_whole and white < 1 << _LEAST_BITS and min(ranges)[0] >= 0):
        return None
    kept = max(min(max(most, 0.0), white) - min(max(least, 0.0), white) for least, most in ranges)
    is_lost = kept * 255 < _LEAST_LEVELS * white
    if is_lost or any(-least > _MOST_BELOW * (most - least) for least, most in ranges):
        return [least for least, _ in ranges], spread
    return None


def _ranges_of(values: np.ndarray) -> list[tuple[float, float]]:
    """The range of each colour of a picture, (height, width, 3 or 4)."""
    return [_range_of(values[:, :, colour]) for colour in range(3)]


def _range_of(values: np.ndarray) -> tuple[float, float]:
    """The least and the most of the values, (height, width), of a picture, but for stray ones."""
    found = _sampled(values).ravel()
    found = np.sort(found[np.isfinite(found)])
    stray = min(max(1, int(_STRAY * found.size)), max(0, (found.size - 1) // 2))
    return (float(found[stray]), float(found[-1 - stray])) if found.size else (0.0, 0.0)


def _sampled(values: np.ndarray) -> np.ndarray:
    height, width = values.shape[:2]
    step = max(1, isqrt(height * width // _SAMPLED))
    return np.asarray(values[::step, ::step])


def _in_bytes(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Values as levels of 0-255: `black` is 0, and what lies `white` above it is 255."""
    levels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        part = (values[top : top + _ROWS].astype(np.float64) - black) / white
        levels[top : top + _ROWS] = np.nan_to_num(np.clip(np.round(part * 255.0), 0, 255))
    return levels


def _joined(first: Image.Image, second: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """Yield strips of rows: the first row, and the values, uint16, of which these have the bytes.

    Strips need little memory beside the two images.
    """
    for top in range(0, first.height, _ROWS):
        box = (0, top, first.width, min(top + _ROWS, first.height))
        high, low = (np.asarray(image.crop(box)) for image in (first, second))
        yield top, high.astype(np.uint16) << 8 | low


def _reordered(arguments: object, form: str) -> object:
    """The arguments of a decoder of Pillow, for values in the form `form`."""
    return (form, *arguments[1:]) if isinstance(arguments, tuple) else form


def _white(used: int, most: float, image: Image.Image, data: bytes) -> float:
    """The value that is white. `used` has each bit that a value has, and `most` is the brightest.

    Beyond 16 bits the brightest value is white.
    """
    if most > _MOST:
        return most
    named = _named_by_png(used, data) if image.format == "PNG" else _named_by_tiff(image)
    if named is not None and used <= named:
        return float(named)
    return float(_whole_bits(used))


def _whole_bits(most: int) -> int:
    return (1 << max(_LEAST_BITS, most.bit_length())) - 1


def _named_by_png(used: int, data: bytes) -> int | None:
    """White by the significant bits that a PNG names (sBIT); None when it names none.

    Values of fewer bits are to be scaled to 16, but some programs leave them as they are.
    """
    place = data.find(b"sBIT", 0, max(0, data.find(b"IDAT")))
    if place < 4:
        return None
    bits = max(data[place + 4 : place + 4 + data[place - 1]], default=0)
    if not _LEAST_BITS <= bits < _MOST_BITS:
        return None
    is_scaled = used & ((1 << (_MOST_BITS - bits)) - 1) == 0
    return _MOST if is_scaled else (1 << bits) - 1


def _named_by_tiff(image: Image.Image) -> int | None:
    """White by the tags of a TIFF; None when they say no more than that values have 16 bits."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    bits = image.tag_v2.get(_BITS, (_MOST_BITS,))[0]
    if _LEAST_BITS < bits < _MOST_BITS:
        return (1 << bits) - 1
    for tag in (_MOST_SAMPLE, _MOST_SIGNED):
        most = image.tag_v2.get(tag)
        most = most[0] if isinstance(most, tuple) and most else most
        if isinstance(most, int | float) and 1 < most < _MOST:
            return _whole_bits(int(most))
    return None
