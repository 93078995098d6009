"""Small lakes whose tables are written directly: for what only reads tables."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.flow import STAGES
from imgdedup.lake.schemas import DATASETS, VERDICTS_DATASET

DAYS = ("2026-01-01", "2026-01-02")
RUN = "manual__2026-01-02"
# Names that break a page which trusts them.
HOSTILE = (
    '"><img src=x onerror=alert(1)>.jpg',
    "</script><script>alert(2)</script>.jpg",
    "invoice\u202egpj.exe",
    "two\nlines\u2028three.jpg",
    "{{ 7 * 7 }} {% raw %} ${alert(3)} `.jpg",
    "'; DROP TABLE pairs; --.jpg",
)
# The copy shows the right half of the keeper, with left and right in each other's place.
HALF = {"crop_left": 0.5, "crop_top": 0.0, "crop_right": 1.0, "crop_bottom": 1.0}
HALF_MAP = [-2.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]  # keeper to copy


def write(root: Path, dataset: str, dt: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a partition of a dataset; columns that no row names are null."""
    schema = to_arrow_schema(DATASETS[dataset], timezone="UTC")
    folder = root / dataset / f"dt={dt}"
    folder.mkdir(parents=True, exist_ok=True)
    known = [{name: row.get(name) for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(known, schema), folder / "part-0.parquet")


def content_of(name: str) -> str:
    """A content id for a name."""
    return hashlib.sha256(name.encode()).hexdigest()


def thumbnail(name: str, width: int = 160, height: int = 120) -> bytes:
    """A picture that differs from name to name."""
    colours = hashlib.sha256(name.encode()).digest()
    image = Image.new("RGB", (width, height), tuple(colours[:3]))
    draw = ImageDraw.Draw(image)
    for number in range(5):
        x, y = colours[4 + number] % width, colours[10 + number] % height
        draw.ellipse((x - 20, y - 20, x + 20, y + 20), fill=tuple(colours[number : number + 3]))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def image(name: str, **columns: Any) -> dict[str, Any]:
    """A row of embeddings."""
    found = {
        "image_id": name,
        "uri": f"file:///photos/{name}",
        "content_id": content_of(name),
        "format": "JPEG",
        "width": 1600,
        "height": 1200,
        "size_bytes": 100_000,
        "file_key": f"file:///photos/{name}",
        "thumbnail": thumbnail(name),
    }
    return found | columns


def member(name: str, keeper: str, group: str, **columns: Any) -> dict[str, Any]:
    """A row of groups."""
    found = {
        "image_id": name,
        "group_id": group,
        "is_keeper": name == keeper,
        "keeper_id": keeper,
        "content_id": content_of(name),
        "keeper_content": content_of(keeper),
        "run_id": RUN,
    }
    if name != keeper:
        found |= {"kind": "near", "correlation": 0.99, "margin": 0.8, "edit": "re-encoded"}
        found |= {"reason": "near copy; its keeper shows finer detail"}
    return found | columns


def pair(left: str, right: str, **columns: Any) -> dict[str, Any]:
    """A row of pairs; the left image is the wider one."""
    found = {
        "left_id": min(left, right),
        "right_id": max(left, right),
        "left_content": content_of(min(left, right)),
        "right_content": content_of(max(left, right)),
        "kind": "near",
        "margin": 0.8,
        "correlation": 0.99,
        "wider_id": left,
        "scale": 1.0,
        "rotation": 0.0,
        "mirrored": False,
        "edit": "re-encoded",
        "run_id": RUN,
    }
    return found | columns


def verdict(left: str, right: str, frame_map: list[float]) -> dict[str, Any]:
    """A row of the verdicts for two names, whose map takes the left name to the right one."""
    contents = sorted((content_of(left), content_of(right)))
    if contents[0] != content_of(left):
        raise ValueError(f"the content of {left} comes after that of {right}")
    return {
        "left_content": contents[0],
        "right_content": contents[1],
        "duplicate": True,
        "frame_map": frame_map,
    }


def small_lake(root: Path) -> Path:
    """A lake of two days: a mirrored half, an exact copy, hostile names, a failure, one run."""
    first, second = DAYS
    keeper, half, twin = "bridge/whole.png", "bridge/half-mirrored.jpg", "bridge/twin.png"
    same = {"content_id": content_of(keeper), "thumbnail": thumbnail(keeper)}
    hostile = [f"hostile/{name}" for name in HOSTILE]
    broken = image(
        f"broken/{HOSTILE[0]}",
        content_id=None,
        thumbnail=None,
        failure="truncated",
        failure_detail=HOSTILE[1],
    )
    write(root, "embeddings", first, [image(keeper, format="PNG"), broken, image(hostile[0])])
    later = [image(half, width=800, size_bytes=40_000), image(twin, **same)]
    write(root, "embeddings", second, later + [image(name) for name in hostile[1:]])
    cut = {"edit": "mirrored, cropped to 50%", "correlation": 0.91, "margin": 0.42}
    rows = [
        member(half, keeper, keeper, **cut),
        member(twin, keeper, keeper, kind="exact", edit="exact copy", margin=None)
        | {"correlation": None}
        | {"content_id": content_of(keeper)},
    ]
    rows += [member(name, hostile[0], hostile[0], reason=HOSTILE[1]) for name in hostile[1:]]
    write(root, "groups", first, [member(keeper, keeper, keeper), member(*hostile[:1] * 3)])
    write(root, "groups", second, rows)
    pairs = [pair(keeper, half, mirrored=True, originals="agree", **HALF, **cut)]
    pairs += [pair(hostile[0], name) for name in hostile[1:]]
    write(root, "pairs", second, pairs)
    forth = content_of(keeper) < content_of(half)
    back = [-0.5, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    known = verdict(keeper, half, HALF_MAP) if forth else verdict(half, keeper, back)
    write(root, VERDICTS_DATASET, second, [known])
    write(root, "candidates", second, [{"margin": 0.3}, {"margin": 0.42}])
    for number, dt in enumerate(DAYS):
        write(root, "runs", dt, [_stage(stage, dt, number) for stage in STAGES])
    return root


def _stage(stage: str, dt: str, number: int) -> dict[str, Any]:
    details = {"recall": "0.9990", "recall_sample": "200"} if stage == "search" else {}
    return {
        "run_id": f"manual__{dt}",
        "stage": stage,
        "status": "succeeded",
        "started_at": datetime(2026, 1, 3 + number, 6, STAGES.index(stage), tzinfo=UTC),
        "seconds": 10.0 + number,
        "rows_in": 5,
        "rows_out": 5,
        "peak_rss_bytes": 10**9,
        "details": list(details.items()),
    }
