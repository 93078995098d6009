"""From an opened image file to RGB: palettes, CMYK, deep channels, transparency; turned and shrunk.

A transparent picture needs a ground. White line art on white would be a blank page, and so would
any other white line art. So the ground is one on which the picture shows.
"""

from PIL import Image, ImageStat

from imgdedup.images import depth

WHITE, BLACK = 255, 0
_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
_LUMA = (0.299, 0.587, 0.114)
# Levels by which the mean of what is visible differs from a ground: at all, and well.
_SHOWS, _SHOWS_WELL = 16.0, 64.0
_LEAST_CLEAR = 0.02  # share of the picture: with less, its ground decides nothing
_LEAST_TEXTURE = 4.0  # levels; the standard deviation of a picture that is more than its edge
_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPPING = {_TRANSPOSE[tag] for tag in (5, 6, 7, 8)}  # width and height change places


def layer_of(image: Image.Image, data: bytes = b"") -> Image.Image:
    """Load the present frame of an image: in mode RGB, or RGBA when a pixel is not opaque.

    `data` is the file of the image. Without it, dark colours of 16 bits a channel stay dark,
    and those that hardly differ stay alike.
    """
    form = depth.form_of(image)
    image.load()
    if depth.is_gray(image):
        return depth.from_gray(image, data).convert("RGB")
    if data and depth.needs_more(image, form):
        depth.rescale(image, form, data)
    if image.mode not in _ALPHA_MODES and "transparency" not in image.info:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    least, _ = layer.getchannel("A").getextrema()
    return layer if least < 255 else layer.convert("RGB")  # type: ignore[operator]


def grounds_of(layer: Image.Image) -> tuple[int, ...]:
    """The grounds, WHITE or BLACK, on which a layer is to be seen: the better one comes first.

    The first is white, unless what is visible is nearly white. The second is the other one, if the
    picture shows on it, too, and if much of it is transparent. The choice depends on a mean of all
    pixels, so that a copy at another size gets the same grounds.
    """
    if layer.mode != "RGBA":
        return (WHITE,)
    opaque, luma = _visible(layer)
    if not opaque:
        return (WHITE,)
    ranked = (WHITE, BLACK) if WHITE - luma >= _SHOWS_WELL else (BLACK, WHITE)
    is_clear = 1 - opaque >= _LEAST_CLEAR
    return ranked if is_clear and abs(ranked[1] - luma) >= _SHOWS else ranked[:1]


def _visible(layer: Image.Image) -> tuple[float, float]:
    """How much of a layer in mode RGBA is visible, as a share, and the mean luma of that."""
    counts = layer.convert("RGBa").histogram()
    sums = [
        sum(level * count for level, count in enumerate(counts[start : start + 256]))
        for start in range(0, 1024, 256)
    ]
    opaque = sums[3] / (255 * layer.width * layer.height)
    luma = sum(share * total for share, total in zip(_LUMA, sums, strict=False))
    return opaque, luma / max(sums[3], 1) * 255


def on_ground(layer: Image.Image, ground: int) -> Image.Image:
    """A layer in mode RGB, on a ground of one gray level."""
    if layer.mode == "RGB":
        return layer
    page = Image.new("RGB", layer.size, (ground,) * 3)
    page.paste(layer, mask=layer.getchannel("A"))
    return page


def other_grounds_of(layer: Image.Image, first: int) -> tuple[int, ...]:
    """Grounds besides the `first` one, on which the edge of a layer in mode RGBA may weigh less.

    Of all grays, the mean of what is visible is the nearest to it. There are no such grounds where
    there is not much inside of the edge: there the edge is the picture.
    """
    nearest = round(_visible(layer)[1])
    (deviation,) = ImageStat.Stat(on_ground(layer, nearest).reduce(2).convert("L")).stddev
    other = WHITE + BLACK - first
    return (nearest, other) if deviation >= _LEAST_TEXTURE else ()


def to_rgb(image: Image.Image, data: bytes = b"") -> Image.Image:
    """The present frame of an image in mode RGB, on its first ground; `data` as in `layer_of`."""
    layer = layer_of(image, data)
    return on_ground(layer, grounds_of(layer)[0])


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """How to turn a loaded image upright, by its EXIF orientation; None: it stands upright.

    Loading a TIFF turns it upright and removes the tag.
    """
    try:
        return _TRANSPOSE.get(int(image.getexif().get(_ORIENTATION_TAG, 1)))
    except Exception:
        return None  # a damaged EXIF block says nothing about the pixels


def shrunk(pixels: Image.Image, long_side: int) -> Image.Image:
    """The picture at no more than `long_side` pixels on the long side; it is never enlarged."""
    scale = long_side / max(pixels.size)
    if scale >= 1:
        return pixels
    width, height = (max(1, round(side * scale)) for side in pixels.size)
    return pixels.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
