"""Draws pairs that the demo explained: the wider picture with the crop box, the other beside it.

python -m benchmarks.quality.explained --demo out/demo --out docs/explained-pairs.jpg
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from benchmarks.quality.findings import PAIRS
from benchmarks.quality.sheets import thumbnails
from imgdedup.console import say
from imgdedup.corpora.corpus import COPY, ORIGINAL, Truth, load
from imgdedup.errors import UserError
from imgdedup.local.demo import PHOTOS as DEMO_PHOTOS
from imgdedup.report.tables import read

# For each edit one pair is shown: of the first photograph that has one and is not shown yet.
EDITS = (
    "crop", "zoom", "crop-brightness-jpeg", "zoom-grayscale",
    "resize", "brightness", "contrast", "grayscale",
)  # fmt: skip
PHOTOS = ("cat", "rocket", "coffee", "china", "astronaut", "flower", "motorcycle", "camera")
_COLUMNS = 2
_SIDE = 230  # pixels, of the square for each picture
_GAP = 10
_TEXT = 24
_BOX = (230, 30, 30)
_INK = (30, 30, 30)


def chosen(pairs: pd.DataFrame, truth: Sequence[Truth]) -> pd.DataFrame:
    """Choose one explained pair of photograph and copy for each of EDITS, each of PHOTOS once."""
    known = {row.image_id: row for row in truth}
    found: dict[tuple[str, str], Any] = {}
    for _, pair in pairs[(pairs["kind"] == "near") & pairs["wider_id"].notna()].iterrows():
        one, other = known[pair["left_id"]], known[pair["right_id"]]
        for photo, copy in ((one, other), (other, one)):
            if photo.edit in (ORIGINAL, COPY) and photo.photo == copy.photo:
                found[copy.edit, str(copy.photo)] = pair
    left = list(PHOTOS)
    rows = []
    for edit in EDITS:
        name = next((name for name in left if (edit, name) in found), None)
        if name is not None:
            left.remove(name)
            rows.append(found[edit, name])
    return pd.DataFrame(rows, columns=pairs.columns)


def draw(pairs: pd.DataFrame, pictures: Mapping[str, Image.Image]) -> Image.Image:
    """Draw the pairs, two to a row, each with the label of its edit under it."""
    rows = pairs.to_dict("records")
    width, height = 2 * _SIDE + 3 * _GAP, _SIDE + _TEXT + 2 * _GAP
    down = -(-len(rows) // _COLUMNS)
    canvas = Image.new("RGB", (_COLUMNS * width, max(1, down) * height), "white")
    for number, row in enumerate(rows):
        place = (number % _COLUMNS * width + _GAP, number // _COLUMNS * height + _GAP)
        _draw_pair(canvas, place, row, pictures)
    return canvas


def _draw_pair(
    canvas: Image.Image,
    place: tuple[int, int],
    row: Mapping[Any, Any],
    pictures: Mapping[str, Image.Image],
) -> None:
    left, top = place
    other = row["right_id"] if row["wider_id"] == row["left_id"] else row["left_id"]
    wider = _fitted(pictures[row["wider_id"]])
    crop = [row["crop_left"], row["crop_top"], row["crop_right"], row["crop_bottom"]]
    sides = [(wider.width, wider.height)[number % 2] - 1 for number in range(4)]
    box = [share * side for share, side in zip(crop, sides, strict=True)]
    ImageDraw.Draw(wider).rectangle(box, outline=_BOX, width=3)
    canvas.paste(wider, (left, top + _SIDE - wider.height))
    shown = _fitted(pictures[other])
    canvas.paste(shown, (left + _SIDE + _GAP, top + _SIDE - shown.height))
    at = (left, top + _SIDE + _GAP // 2)
    ImageDraw.Draw(canvas).text(at, str(row["edit"]), _INK, ImageFont.load_default(14))


def _fitted(picture: Image.Image) -> Image.Image:
    factor = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def picture_of(demo: Path) -> Image.Image:
    """Draw the picture for a demo's folder; UserError when the folder holds no explained pair."""
    days = sorted(path.name.removeprefix("dt=") for path in (demo / "pairs").glob("dt=*"))
    if not days:
        raise UserError(f"{demo} holds no pairs: run `make demo` first")
    pairs = chosen(read(demo, "pairs", days, PAIRS), load(demo / DEMO_PHOTOS))
    if pairs.empty:
        raise UserError(f"{demo} holds no explained pair of a photograph and its copy")
    images = [*pairs["left_id"], *pairs["right_id"]]
    found = {image: shown for day in days for image, shown in thumbnails(demo, day, images).items()}
    return draw(pairs, found)


def main() -> int:
    """Read the arguments and draw; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.explained")
    parser.add_argument("--demo", type=Path, default=Path("out/demo"), help="where the demo ran")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write, a .jpg")
    arguments = parser.parse_args()
    try:
        picture = picture_of(arguments.demo)
    except UserError as error:
        say(f"error: {error}")
        return 2
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(arguments.out, quality=85)
    return 0


if __name__ == "__main__":
    sys.exit(main())
