"""The groups of the gallery: each copy beside its keeper, as data for the page.

The groups whose weakest near pair is weakest come first. Groups of exact copies follow, the largest
first.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import duckdb

from imgdedup.lake.schemas import VERDICTS_DATASET
from imgdedup.report.counting import AMOUNT, source_of

DATASETS = ("embeddings", "groups", "pairs", VERDICTS_DATASET)
GROUPS = 10_000  # groups shown
COPIES = 30  # copies shown of a group
PAIRS = 40_000  # pairs shown of all groups
CHUNK = 400  # groups of a file of data
_CONTENT = re.compile("[0-9a-f]{64}")
_AMOUNT = re.compile(AMOUNT)
_PARTED = re.compile(", (?!by review)")  # "same, by review" is one edit

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Gallery:
    """What the gallery shows, of how much there is."""

    groups: Sequence[Row]
    pairs: int
    all_groups: int
    all_pairs: int
    contents: Mapping[str, str]  # those to show, each with a day that has it

    def chunks(self, without: set[str]) -> Iterator[str]:
        """The data as scripts for the page, CHUNK groups each.

        `without` are contents that have no thumbnail.
        """
        for start in range(0, len(self.groups), CHUNK):
            part = [_shown(group, without) for group in self.groups[start : start + CHUNK]]
            yield f"imgdedup.add({_javascript(part)});\n"


def read(connection: duckdb.DuckDBPyConnection) -> Gallery:
    """Choose and read the groups to show, from the views of DATASETS."""
    connection.execute(_MEMBERS)
    connection.execute(_RANKED)
    connection.execute(_CHOSEN)
    connection.execute(_IMAGES.format(source=source_of(connection)))
    images = _by_key(_rows(connection, "SELECT * FROM shown_images"), "image_id", "content_id")
    pairs = _by_key(_rows(connection, _NEAR), "low", "high")
    groups: dict[str, dict[str, Any]] = {}
    shown = 0
    for row in _rows(connection, "SELECT * FROM chosen ORDER BY place, number"):
        group = groups.setdefault(
            row["group_id"],
            {key: row[key] for key in ("group_id", "members", "copies")} | {"pairs": []},
        )
        group["pairs"].append(_pair(row, images, pairs))
        shown += 1
    ((all_groups, all_pairs),) = connection.sql(
        "SELECT count(*), coalesce(sum(copies), 0) FROM ranked"
    ).fetchall()
    contents = {
        row["content_id"]: row["day"]
        for row in images.values()
        if _CONTENT.fullmatch(row["content_id"] or "")
    }
    return Gallery(list(groups.values()), shown, all_groups, int(all_pairs), contents)


def _pair(
    row: Row, images: Mapping[tuple[str, str], Row], pairs: Mapping[tuple[str, str], Row]
) -> dict[str, Any]:
    """A copy beside its keeper, with all that is known of the two."""
    keeper = images[row["keeper_id"], row["keeper_content"]]
    copy = images[row["image_id"], row["content_id"]]
    contents = sorted([keeper["content_id"] or "", copy["content_id"] or ""])
    near = pairs.get((contents[0], contents[1]), {})
    return {"row": row, "keeper": keeper, "copy": copy, "near": near}


def _shown(group: Row, without: set[str]) -> dict[str, Any]:
    """A group as the page reads it: its images once, and pairs of their places."""
    places: dict[tuple[str, str], int] = {}
    images = []
    for pair in group["pairs"]:
        for image in (pair["keeper"], pair["copy"]):
            key = image["image_id"], image["content_id"]
            if key not in places:
                places[key] = len(places)
                images.append(_shown_image(image, without))
    return {
        "id": group["group_id"],
        "members": group["members"],
        "copies": group["copies"],
        "images": images,
        "pairs": [_shown_pair(pair, places) for pair in group["pairs"]],
    }


def _shown_image(image: Row, without: set[str]) -> dict[str, Any]:
    content = image["content_id"] or ""
    seen = bool(_CONTENT.fullmatch(content)) and content not in without
    found = {"name": image["image_id"], "content": content, "seen": int(seen)}
    named = ("uri", "format", "width", "height", "size", "source", "days")
    return found | {key: image[key] for key in named if image[key] is not None}


def _shown_pair(pair: Row, places: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    row, near, keeper, copy = pair["row"], pair["near"], pair["keeper"], pair["copy"]
    found = {
        "keeper": places[keeper["image_id"], keeper["content_id"]],
        "copy": places[copy["image_id"], copy["content_id"]],
        "kind": row["kind"],
        "edit": row["edit"],
        "parts": sorted({_AMOUNT.sub("", part) for part in _PARTED.split(row["edit"] or "")}),
        **{key: _number(row[key]) for key in ("correlation", "margin", "similarity", "overlap")},
        "inliers": row["inliers"],
        "reason": row["reason"],
        "across": int(keeper["day"] != copy["day"]),
    }
    if near:
        found |= _explained(near, keeper["content_id"])
    return {key: value for key, value in found.items() if value is not None}


def _explained(near: Row, keeper: str) -> dict[str, Any]:
    """The explanation of a near pair.

    `map` takes shares of the sides of one frame to those of the other: from the keeper's frame
    where `from_keeper` is 1, else from the copy's.
    """
    crop = [_number(near[f"crop_{side}"]) for side in ("left", "top", "right", "bottom")]
    found = {
        "wider": None if near["wider"] is None else int(near["wider"] == keeper),
        "crop": None if None in crop else crop,
        "originals": near["originals"],
        "originals_detail": near["originals_detail"],
        "review": near["review"],
        **{key: _number(near[key]) for key in ("scale", "rotation", "brightness", "contrast")},
        "mirrored": int(near["mirrored"] or 0),
    }
    values = [_number(value, 9) for value in near["frame_map"] or []]
    if len(values) == 9 and None not in values:
        found |= {"map": values, "from_keeper": int(near["low"] == keeper)}
    return found


def _number(value: float | None, digits: int = 4) -> float | None:
    """A number that JSON can hold, or none."""
    return None if value is None or not isfinite(value) else round(value, digits)


def _javascript(value: object) -> str:
    """JSON in ASCII, harmless within a page, too."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.sql(query)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _by_key(rows: Sequence[Row], *key: str) -> dict[Any, Row]:
    return {tuple(row[name] for name in key): row for row in rows}


# One row for each image: an image of several days with the same bytes is one.
_MEMBERS = """
CREATE TEMP TABLE members AS
WITH keepers AS (
    SELECT image_id AS keeper_id, min(content_id) AS known FROM groups WHERE is_keeper GROUP BY ALL
)
SELECT group_id, image_id, content_id, bool_and(is_keeper) AS is_keeper,
    min(keeper_id) AS keeper_id, min(coalesce(keeper_content, known)) AS keeper_content,
    min(kind) AS kind, min(similarity) AS similarity, min(margin) AS margin,
    min(inliers) AS inliers, min(correlation) AS correlation, min(overlap) AS overlap,
    min(edit) AS edit, min(reason) AS reason
FROM groups LEFT JOIN keepers USING (keeper_id)
WHERE image_id IS NOT NULL GROUP BY group_id, image_id, content_id
"""
# A pair: an image that goes, or another name of a keeper's file, beside its keeper.
_IS_COPY = "(NOT is_keeper OR kind = 'same_file') AND keeper_id <> image_id"
_RANKED = f"""
CREATE TEMP TABLE ranked AS
SELECT group_id, members, copies, row_number() OVER (
    ORDER BY weakest NULLS LAST, copies DESC, group_id
) AS place
FROM (
    SELECT group_id, count(*) AS members, count(*) FILTER ({_IS_COPY}) AS copies,
        min(correlation) FILTER (NOT is_keeper AND NOT isnan(correlation)) AS weakest
    FROM members GROUP BY group_id
) WHERE copies > 0
"""
_CHOSEN = f"""
CREATE TEMP TABLE chosen AS
SELECT * FROM (
    SELECT *, row_number() OVER (ORDER BY place, number) AS serial FROM (
        SELECT m.*, r.members, r.copies, r.place, row_number() OVER (
            PARTITION BY group_id ORDER BY correlation NULLS LAST, image_id, content_id
        ) AS number
        FROM members AS m JOIN ranked AS r USING (group_id)
        WHERE {_IS_COPY} AND r.place <= {GROUPS}
    ) WHERE number <= {COPIES}
) WHERE serial <= {PAIRS}
"""
# The images of those pairs. What describes a content is the same in all its rows.
_IMAGES = """
CREATE TEMP TABLE shown_images AS
WITH wanted AS (
    SELECT image_id, content_id FROM chosen UNION SELECT keeper_id, keeper_content FROM chosen
),
described AS (
    SELECT e.image_id, e.content_id, min(uri) AS uri, min(format) AS format, min(width) AS width,
        min(height) AS height, min(size_bytes) AS size, min(dt) AS day,
        list_sort(list(DISTINCT dt)) AS days
    FROM embeddings AS e JOIN wanted AS w
        ON e.image_id = w.image_id AND e.content_id IS NOT DISTINCT FROM w.content_id
    GROUP BY e.image_id, e.content_id
)
SELECT w.image_id, w.content_id, uri, format, width, height, size, coalesce(day, '') AS day,
    coalesce(days, []) AS days, {source} AS source
FROM wanted AS w LEFT JOIN described AS d
    ON d.image_id = w.image_id AND d.content_id IS NOT DISTINCT FROM w.content_id
ORDER BY ALL
"""
_NEAR = f"""
WITH wanted AS (
    SELECT DISTINCT least(content_id, keeper_content) AS low,
        greatest(content_id, keeper_content) AS high
    FROM chosen WHERE kind = 'near'
),
explained AS (
    SELECT least(left_content, right_content) AS low, greatest(left_content, right_content) AS high,
        CASE wider_id WHEN left_id THEN left_content WHEN right_id THEN right_content END AS wider,
        crop_left, crop_top, crop_right, crop_bottom, scale, rotation, mirrored, brightness,
        contrast, originals, originals_detail, review
    FROM pairs WHERE kind = 'near'
),
mapped AS (
    SELECT left_content AS low, right_content AS high, min(frame_map) AS frame_map
    FROM "{VERDICTS_DATASET}" WHERE duplicate GROUP BY ALL
)
SELECT w.low, w.high, e.* EXCLUDE (low, high), m.frame_map
FROM wanted AS w LEFT JOIN explained AS e USING (low, high) LEFT JOIN mapped AS m USING (low, high)
ORDER BY ALL
"""
