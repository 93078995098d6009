"""A lake of many groups whose tables are written directly: no image is embedded or compared."""

import hashlib
import io
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.lake.schemas import DATASETS, VERDICTS_DATASET

DAYS = 30
_PICTURES = 64  # different thumbnails; every content has one of them under a name of its own
_EDITS = (
    "re-encoded",
    "resized 0.50x",
    "cropped to 60%",
    "mirrored",
    "grayscale",
    "zoomed 1.40x, darker 0.80x",
    "cropped to 45%, brighter 1.40x",
)
_CROP = (0.1, 0.15, 0.85, 0.9)

Row = dict[str, Any]


def write_lake(root: Path, groups: int, seed: int) -> int:
    """Write a lake of some groups, of two to six images each; return its number of images."""
    draw = random.Random(seed)
    pictures = [_picture(draw) for _ in range(_PICTURES)]
    tables: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    images = 0
    for number in range(groups):
        members = list(_members(number, 2 + min(int(draw.expovariate(0.8)), 4), draw, pictures))
        images += len(members)
        for dataset, dt, row in _rows(members, draw):
            tables[dataset, dt].append(row)
    for (dataset, dt), rows in tables.items():
        schema = to_arrow_schema(DATASETS[dataset], timezone="UTC")
        folder = root / dataset / f"dt={dt}"
        folder.mkdir(parents=True)
        known = [{name: row.get(name) for name in schema.names} for row in rows]
        pq.write_table(pa.Table.from_pylist(known, schema), folder / "part-0.parquet")
    return images


def _picture(draw: random.Random) -> bytes:
    """A thumbnail of 320 x 240 pixels, about as large as that of a photograph."""
    small = Image.frombytes("RGB", (40, 30), draw.randbytes(40 * 30 * 3))
    stream = io.BytesIO()
    small.resize((320, 240), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _members(
    number: int, count: int, draw: random.Random, pictures: list[bytes]
) -> Iterator[tuple[str, Row]]:
    """The images of a group, each with its day; the first is the keeper."""
    source, picture = f"camera-{number % 12:02}", draw.choice(pictures)
    for place in range(count):
        name = f"{source}/{number:05}/{'whole' if place == 0 else f'copy-{place}'}.jpg"
        dt = str(date(2026, 1, 1) + timedelta(days=draw.randrange(DAYS)))
        yield (
            dt,
            {
                "image_id": name,
                "uri": f"s3://photos/{name}",
                "content_id": hashlib.sha256(name.encode()).hexdigest(),
                "format": draw.choice(("JPEG", "PNG", "WEBP")),
                "width": 4000 >> min(place, 3),
                "height": 3000 >> min(place, 3),
                "size_bytes": draw.randrange(50_000, 5_000_000),
                "thumbnail": picture,
            },
        )


def _rows(members: list[tuple[str, Row]], draw: random.Random) -> Iterator[tuple[str, str, Row]]:
    """The rows of a group in all tables."""
    keeper_dt, keeper = members[0]
    group = {
        "group_id": keeper["image_id"],
        "keeper_id": keeper["image_id"],
        "keeper_content": keeper["content_id"],
    }
    for dt, image in members:
        yield "embeddings", dt, image
        own = {"image_id": image["image_id"], "content_id": image["content_id"]}
        if image is keeper:
            yield "groups", dt, group | own | {"is_keeper": True, "reason": "keeper"}
            continue
        seen = {
            "kind": "near",
            "edit": draw.choice(_EDITS),
            "margin": round(draw.uniform(0.15, 1.1), 4),
            "correlation": round(1 - draw.expovariate(40), 4),
        }
        why = {"is_keeper": False, "reason": "near copy; its keeper shows finer detail"}
        yield "groups", dt, group | own | seen | why
        yield from _judged(max(keeper_dt, dt), keeper, image, seen)


def _judged(dt: str, keeper: Row, image: Row, seen: Row) -> Iterator[tuple[str, str, Row]]:
    """The pair of an image with its keeper, its candidate and its verdict."""
    left, right = sorted((keeper, image), key=lambda each: str(each["content_id"]))
    contents = {"left_content": left["content_id"], "right_content": right["content_id"]}
    across, down = _CROP[2] - _CROP[0], _CROP[3] - _CROP[1]
    back = [across, 0.0, _CROP[0], 0.0, down, _CROP[1], 0.0, 0.0, 1.0]
    there = [1 / across, 0.0, -_CROP[0] / across, 0.0, 1 / down, -_CROP[1] / down, 0.0, 0.0, 1.0]
    sides = zip(("left", "top", "right", "bottom"), _CROP, strict=True)
    crop = {f"crop_{side}": value for side, value in sides}
    names = {"left_id": left["image_id"], "right_id": right["image_id"]}
    told = {"wider_id": keeper["image_id"], "rotation": 0.0, "mirrored": False, "scale": 1.0}
    frame = {"duplicate": True, "frame_map": there if left is keeper else back}
    yield "pairs", dt, names | contents | seen | told | crop
    yield "candidates", dt, contents | {"margin": seen["margin"]}
    yield VERDICTS_DATASET, dt, contents | frame
