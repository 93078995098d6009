"""Contact sheets: pairs of pictures side by side, for a person to judge."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from benchmarks.quality.findings import EVIDENCE

PER_PAGE = 40
_COLUMNS = 4
_PICTURE = 176  # pixels, the side of the square that each picture is fitted into
_GAP = 8
_LINE = 14
_LINES = 3  # of text under a pair
_CELL = (2 * _PICTURE + 2 * _GAP, _PICTURE + _LINES * _LINE + 2 * _GAP)
_PAPER = (255, 255, 255)
_INK = (20, 20, 20)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def thumbnails(root: Path, day: str, images: Iterable[str]) -> dict[str, Image.Image]:
    """Read the thumbnails that the run for `day` under `root` wrote of images, by image id."""
    wanted = set(images)
    found: dict[str, Image.Image] = {}
    for file in sorted((root / "embeddings" / f"dt={day}").glob("[!._]*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(columns=["image_id", "thumbnail"]):
            for image, thumbnail in zip(batch["image_id"], batch["thumbnail"], strict=True):
                if thumbnail.is_valid and image.as_py() in wanted:
                    found[image.as_py()] = Image.open(io.BytesIO(thumbnail.as_py()))
    return found


def draw_sheets(
    pairs: pd.DataFrame, pictures: Mapping[str, Image.Image], folder: Path, name: str
) -> list[Path]:
    """Draw the pairs, PER_PAGE to a page, as `<name>-001.jpg` and so on in `folder`.

    `pairs` are rows of `evaluate.questioned`; each is numbered as in that table. Older pages of the
    same name are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-[0-9]*.jpg"):
        old.unlink()
    rows = pairs.to_dict("records")
    paths = []
    for start in range(0, len(rows), PER_PAGE):
        path = folder / f"{name}-{start // PER_PAGE + 1:03d}.jpg"
        page(rows[start : start + PER_PAGE], pictures, start).save(path, quality=88)
        paths.append(path)
    return paths


def page(
    rows: Sequence[Mapping[str, object]], pictures: Mapping[str, Image.Image], start: int = 0
) -> Image.Image:
    """One sheet of pairs, numbered from `start` + 1."""
    down = -(-len(rows) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL[0], max(1, down) * _CELL[1]), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for number, row in enumerate(rows):
        left, top = number % _COLUMNS * _CELL[0] + _GAP // 2, number // _COLUMNS * _CELL[1]
        for side, image in enumerate((str(row["one"]), str(row["other"]))):
            place = (left + side * (_PICTURE + _GAP), top)
            _paste(sheet, pictures.get(image), place)
            text_at = (left, top + _PICTURE + side * _LINE)
            draw.text(text_at, _shortened(draw, image, _CELL[0] - _GAP, font), _INK, font)
        draw.text(
            (left, top + _PICTURE + 2 * _LINE),
            f"{start + number + 1}: {_evidence(row)}",
            _INK,
            font,
        )
    return sheet


def _paste(sheet: Image.Image, picture: Image.Image | None, place: tuple[int, int]) -> None:
    """Fit a picture into its square at `place`; an outline stands for a missing picture."""
    if picture is None:
        box = (*place, place[0] + _PICTURE - 1, place[1] + _PICTURE - 1)
        ImageDraw.Draw(sheet).rectangle(box, outline=_INK)
        return
    factor = _PICTURE / max(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    fitted = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    sheet.paste(fitted, (place[0] + (_PICTURE - width) // 2, place[1] + _PICTURE - height))


def _evidence(row: Mapping[str, object]) -> str:
    shown = [
        f"{name} {value:.3g}"
        for name in EVIDENCE
        if isinstance(value := row[name], int | float) and value == value
    ]
    return ", ".join([*shown, *(["judged a duplicate"] if row["is_judged"] else [])])


def _shortened(draw: ImageDraw.ImageDraw, text: str, width: float, font: Font) -> str:
    """The text, or as much of its end as fits, because names differ at the end."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"...{text}", font) > width:
        text = text[1:]
    return f"...{text}"
