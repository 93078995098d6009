"""What people said of pairs of contents: the table `reviews`, and what `verify` settled of it.

People write the table, as Parquet files in `<root>/reviews`. `verify` keeps the verdicts that it
has settled beside the tables, in the same commit as its pairs. `group` works with those.
"""

import json
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.console import say
from imgdedup.lake import Lake, Staged
from imgdedup.relations import reviews
from imgdedup.relations.contents import from_keys, only
from imgdedup.relations.reviews import DIFFERENT, FOLDER, RECORD, SAME, rows_of
from imgdedup.relations.sides import SIDES, either_side

_LOOKED = ("originals", "originals_detail")
# A verdict that stands. Of a pair that people call the same, what a look at the files found, too.
SETTLED = StructType([StructField(name, StringType()) for name in (*SIDES, "verdict", *_LOOKED)])
_STATE = "reviews"
_NEVER: dict[str, Any] = {"digest": "", "figures": {}}


class Reviews:
    """The verdicts that stand now, beside those that `verify` last settled.

    Raises UserError that names a file of reviews when the file is malformed.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        tables = [
            reviews.read(_bytes(lake, name), f"{FOLDER}/{name}")
            for name in lake.files.names(f"{lake.root}/{FOLDER}")
            if reviews.is_file(name)
        ]
        self._said = rows_of(reviews.standing(tables).to_pylist())
        self._digest = reviews.digest(self._said)
        self.is_changed = self._digest != _record(lake)["digest"]
        equal = reviews.count_equal(tables)
        if equal and self.is_changed:
            say(f"verify: reviews that call the same bytes different: {equal:,}; they are left out")

    @cached_property
    def has_different(self) -> bool:
        """Whether people call any two contents different."""
        return any(verdict == DIFFERENT for *_, verdict in self._said)

    def changed(self, snapshot: DataFrame) -> DataFrame:
        """The contents (`content_id`) of a snapshot with a verdict that came, went or changed."""
        changed = {*self._said} ^ {*rows_of(self._before)}
        keys = sorted({content for row in changed for content in row[:2]})
        return only(from_keys(snapshot.sparkSession, keys), snapshot)

    def bearing(self, snapshot: DataFrame) -> DataFrame | None:
        """The verdicts on contents that a snapshot has: SETTLED, and `model`; None: none stands."""
        if not self._said:
            return None
        rows = self._lake.frame(self._with_looks(self._before), SETTLED)
        present = only(snapshot, either_side(rows).distinct()).groupBy("content_id")
        models = present.agg(F.min("model").alias("model")).localCheckpoint()
        left = models.withColumnRenamed("content_id", SIDES[0])
        right = models.select(F.col("content_id").alias(SIDES[1]))
        return rows.join(left, SIDES[0]).join(right, SIDES[1]).localCheckpoint()

    def stage(self, bearing: DataFrame | None) -> Staged:
        """Stage that the verdicts are settled.

        `bearing` is the result of `bearing`, with what looks have found since.
        """
        if not self._said and not _record(self._lake)["digest"]:
            return Staged()
        found = [] if bearing is None else _collected(bearing.select(*SETTLED.names))
        bears = rows_of(found)
        figures = {
            "reviews_same": sum(verdict == SAME for *_, verdict in bears),
            "reviews_different": sum(verdict == DIFFERENT for *_, verdict in bears),
            "reviews_waiting": len(self._said) - len(bears),
            "reviews_contradicting": len(reviews.contradicting(bears)),
        }
        if figures["reviews_contradicting"]:
            say(
                "verify: pairs that a review calls different, and a chain of reviews the same: "
                f"{figures['reviews_contradicting']:,}; they stay apart, and their group is split"
            )
        kept = self._lake.frame(self._with_looks(found), SETTLED) if self._said else None
        record = {"digest": self._digest, "figures": figures if self._said else {}}
        return self._lake.stage_state(_STATE, kept) + self._lake.stage_text(
            RECORD, json.dumps(record)
        )

    @cached_property
    def _before(self) -> list[dict[str, Any]]:
        """The rows of SETTLED that verify settled."""
        found = self._lake.read_state(_STATE)
        return [] if found is None else _collected(found.select(*SETTLED.names))

    def _with_looks(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The verdicts that stand as rows of SETTLED, with what looks `found` of such verdicts."""
        looked = dict(zip(rows_of(found), found, strict=True))
        names = SETTLED.names[:3]
        return [looked.get(said, dict(zip(names, said, strict=True))) for said in self._said]


def read_apart(lake: Lake) -> DataFrame | None:
    """The pairs (both contents) that people call different, as verify settled; None: no pair."""
    found = lake.read_state(_STATE)
    if found is None:
        return None
    pairs = found.where(F.col("verdict") == DIFFERENT).select(*SIDES).localCheckpoint()
    return None if pairs.isEmpty() else pairs


def read_figures(lake: Lake) -> dict[str, int]:
    """How many reviews bear on the tables, as verify settled them; empty without reviews."""
    figures: dict[str, int] = _record(lake)["figures"]
    return figures


def _bytes(lake: Lake, name: str) -> bytes:
    path = f"{lake.root}/{FOLDER}/{name}"
    try:
        return lake.files.read_bytes(path)
    except OSError:
        if lake.files.names(path):
            raise reviews.no_file(f"{FOLDER}/{name}") from None
        raise


def _record(lake: Lake) -> dict[str, Any]:
    text = lake.read_text(RECORD)
    record: dict[str, Any] = json.loads(text) if text else _NEVER
    return record


def _collected(rows: DataFrame) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = rows.toArrow().to_pylist()
    return table
