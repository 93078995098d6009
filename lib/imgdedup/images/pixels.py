"""From an opened image file to RGB: palettes, CMYK, transparency (on white), deep channels."""

from PIL import Image

from imgdedup.images import depth


def to_rgb(image: Image.Image, data: bytes = b"") -> Image.Image:
    """The image, or its present frame, in mode RGB; transparency is laid on white.

    `data` is the file of the image. Without it, dark colours of 16 bits a channel stay dark.
    """
    form = depth.form_of(image)
    image.load()
    if depth.is_gray(image):
        return depth.from_gray(image, data).convert("RGB")
    if data and depth.is_dark(image, form):
        depth.brighten(image, form, data)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")
