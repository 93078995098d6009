"""Images of more than 8 bits a channel, in 8 bits.

A file of 16 bits a channel often uses fewer: cameras and scanners give 10, 12 or 14. So white is
what the file itself names. Otherwise white is the least number of whole bits that holds the
brightest value. A picture that uses the upper half of its 16 bits stays as it is, and a few levels
of noise around black stay black.
"""

from collections.abc import Iterator

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
_BITS, _MOST_SAMPLE, _MOST_SIGNED = 258, 281, 341  # tags of TIFF


def is_gray(image: Image.Image) -> bool:
    """Whether an image has one channel of more than 8 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def from_gray(image: Image.Image, data: bytes) -> Image.Image:
    """A loaded image of one deep channel in mode L. `data` is its file, as far as it is known."""
    stored = np.asarray(image)
    if image.mode == "F":
        stored = np.nan_to_num(stored)
        most = float(stored.max(initial=0))
        white = 1.0 if most <= 1 else _white(int(np.ceil(most)), most, image, data)
    else:
        most = float(stored.max(initial=0))
        used = int(np.bitwise_or.reduce(np.maximum(stored, 0), axis=None))
        white = _white(used, most, image, data)
    return Image.fromarray(_in_bytes(stored.astype(np.float32), white))


def form_of(image: Image.Image) -> str:
    """How the values of an image that is not yet loaded lie in its file, in Pillow's words."""
    tiles = getattr(image, "tile", None)
    if not tiles or not tiles[0].args:
        return ""
    arguments = tiles[0].args
    return arguments if isinstance(arguments, str) else str(arguments[0])


def is_dark(image: Image.Image, form: str) -> bool:
    """Whether a loaded image of `form` has deep colours, all in the lower half of 16 bits."""
    if form not in _OTHER_ORDER:
        return False
    return all(most < _DARK for _, most in image.getextrema())  # type: ignore[misc]


def brighten(image: Image.Image, form: str, data: bytes) -> None:
    """Give a loaded image of deep colours for which `is_dark` holds the levels of its true scale.

    `data` is its file. The second byte of each value is read from there.
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
    for top, values in _joined(image, other):
        image.paste(Image.fromarray(_in_bytes(values.astype(np.float32), white)), (0, top))


def _in_bytes(values: np.ndarray, white: float) -> np.ndarray:
    """Values, float32, as levels of 0-255; the values themselves are overwritten."""
    values *= np.float32(255.0 / white)
    return np.clip(np.round(values, out=values), 0, 255, out=values).astype(np.uint8)


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
