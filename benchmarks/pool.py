"""The files of the histories and crashes: photographs, copies, and files that are no image."""

from collections.abc import Mapping
from functools import cache

from PIL import Image

from benchmarks.quality import photos
from imgdedup.corpora import edits
from imgdedup.corpora.edits import PNG, jpeg

_LONG_SIDE = 240  # pixels: enough for features, and quick
_JPEG = jpeg(90)
_EDITED = ("coffee.png", "chelsea.png", "rocket.jpg")
# Two views of one scene, a page and a clock: nothing may be paired with them.
_LONE = ("motorcycle_left.png", "motorcycle_right.png", "page.png", "clock_motion.png")


@cache
def pictures() -> Mapping[str, bytes]:
    """The bytes of the files, by name; they are always the same."""
    found: dict[str, bytes] = {}
    for name in _EDITED:
        photo, short = _photograph(name), name.split(".")[0]
        left, top, right, bottom = 0, 0, photo.width * 0.8, photo.height * 0.8
        found |= {
            short: _JPEG.encode(photo),
            f"{short} gray": _JPEG.encode(edits.grayscale(photo)),
            f"{short} bright": _JPEG.encode(edits.brightness(photo, 1.3)),
            f"{short} crop": _JPEG.encode(edits.crop(photo, (left, top, right, bottom))),
            f"{short} png": PNG.encode(edits.resize(photo, 0.8)),
        }
    found |= {name.split(".")[0]: _JPEG.encode(_photograph(name)) for name in _LONE}
    found["truncated"] = found["coffee"][: len(found["coffee"]) // 2]
    found["text"] = b"This is a line of text, not a picture.\n"
    return found


def _photograph(file: str) -> Image.Image:
    (path,) = (path for path in photos.of_packages().values() if path.name == file)
    return edits.fit(photos.opened(path), _LONG_SIDE)
