"""search: a self-join of the contents, every new one against the whole collection.

Candidates are *all* pairs at or above the pinned threshold. The number of neighbours asked for is
a page size: while the last one still passes, more are asked for. Milvus only finds them; their
margin is computed here, so that it has the same bits whichever of the two asked. A content with
very many neighbours is crowded and lists only its nearest; see `crowds`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup import changes, crowds
from imgdedup.config import SearchConfig
from imgdedup.contents import either_side
from imgdedup.milvus import IndexAddress, VectorIndex, stored_vectors
from imgdedup.schemas import CANDIDATES
from imgdedup.vectors import asking_form, margins

# Milvus computes in float32; hits this close below the threshold are looked at, too.
_SLACK = 1e-4
_MOST = 16_384  # neighbours that a server gives for one query
_PAIR = pa.schema(
    [
        ("content_id", pa.string()),
        ("other", pa.string()),
        ("margin", pa.float64()),
        ("similarity", pa.float64()),
    ]
)
_HIT = _PAIR.append(pa.field("crowded", pa.bool_())).append(pa.field("listed", pa.bool_()))
_PAIR_COLUMNS = "content_id STRING, other STRING, margin DOUBLE, similarity DOUBLE"
_HIT_COLUMNS = f"{_PAIR_COLUMNS}, crowded BOOLEAN, listed BOOLEAN"


@dataclass(frozen=True)
class Index:
    """What the workers need to ask: where, among how many vectors, and above which margin."""

    address: IndexAddress
    vectors: int
    threshold: float
    config: SearchConfig
    unlisted: frozenset[str] = frozenset()  # contents it still holds that are no longer listed

    def ask(self, asking: DataFrame) -> DataFrame:
        """The neighbours of contents (`content_id`) at or above the threshold.

        Gives `content_id`, `other`, `margin`, `similarity`; `crowded`: the content has more than
        it may list; `listed`: whether this one is among those it lists. A crowded content's
        neighbours are complete only as far as they are listed.
        """

        def find(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with closing(self.address.connect()) as index:
                for table in tables:
                    yield from self.find(table["content_id"].to_pylist(), index)

        return asking.select("content_id").mapInArrow(find, _HIT_COLUMNS)

    def measure(self, pairs: DataFrame) -> DataFrame:
        """Pairs of contents (`content_id`, `other`) with their `margin` and `similarity`."""

        def compute(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with closing(self.address.connect()) as index:
                for table in tables:
                    one, other = (table[name].to_pylist() for name in ("content_id", "other"))
                    stored = stored_vectors(index, sorted({*one, *other}))
                    both = zip(one, other, strict=True)
                    found = [margins(stored[a], stored[b][None]) for a, b in both]
                    values = np.array(found).reshape(-1, 2)
                    names = {"content_id": one, "other": other}
                    exact = {"margin": values[:, 0], "similarity": values[:, 1]}
                    yield pa.RecordBatch.from_pydict(names | exact, schema=_PAIR)

        return pairs.select("content_id", "other").mapInArrow(compute, _PAIR_COLUMNS)

    def find(self, keys: list[str], index: VectorIndex) -> Iterator[pa.RecordBatch]:
        """The neighbours of `keys`, as `ask` gives them, a batch for each request."""
        for start in range(0, len(keys), self.config.query_batch):
            asking = keys[start : start + self.config.query_batch]
            own = stored_vectors(index, asking)
            queries = asking_form(np.stack([own[key] for key in asking]))
            enough = self.config.crowd + len(self.unlisted)
            near = all_neighbours(index, queries, self.vectors, self.threshold, self.config, enough)
            stored = stored_vectors(index, sorted({other for others in near for other in others}))
            for key, others in zip(asking, near, strict=True):
                others = [o for o in others if o != key and o not in self.unlisted]
                if others:
                    yield self._hits(key, own[key], others, [stored[other] for other in others])

    def _hits(
        self, key: str, own: np.ndarray, others: list[str], stored: list[np.ndarray]
    ) -> pa.RecordBatch:
        exact, similarities = margins(own, np.stack(stored))
        passing = [row for row in range(len(others)) if exact[row] >= self.threshold]
        passing.sort(key=lambda row: (-exact[row], others[row]))
        crowded = len(passing) > self.config.crowd
        listing = self.config.crowd_neighbours if crowded else len(passing)
        return pa.RecordBatch.from_pydict(
            {
                "content_id": [key] * len(passing),
                "other": [others[row] for row in passing],
                "margin": exact[passing],
                "similarity": similarities[passing],
                "crowded": [crowded] * len(passing),
                "listed": [rank < listing for rank in range(len(passing))],
            },
            schema=_HIT,
        )


def all_neighbours(
    index: VectorIndex,
    queries: np.ndarray,
    vectors: int,
    threshold: float,
    config: SearchConfig,
    enough: int,
) -> list[list[str]]:
    """For each asking vector of (n, width), the keys of all neighbours at or above the threshold.

    A few just below it may be among them. Once more than `enough` are certain, itself not
    counted, no more are asked for. RuntimeError when the index gives fewer than it holds.
    """
    found: list[list[str]] = [[] for _ in queries]
    asking = np.arange(len(queries))
    k, most = config.page_size, min(vectors, _MOST)
    while len(asking):
        k = min(k, most)
        more = []
        for row, near in zip(asking, index.search(queries[asking], k), strict=True):
            passing = near.margins >= threshold - _SLACK
            if len(near.keys) < k and passing.all():
                raise RuntimeError(
                    f"the index gave {len(near.keys):,} of the {k:,} neighbours asked for among "
                    f"{vectors:,} vectors, so some may be missing: set milvus.index_type to FLAT"
                )
            found[row] = [key for key, passes in zip(near.keys, passing, strict=True) if passes]
            certain = np.count_nonzero(near.margins >= threshold + _SLACK)
            if passing.all() and k < most and certain <= enough + 1:
                more.append(row)
        asking = np.array(more, dtype=int)
        # The page that tells whether a content is crowded, as soon as it is within reach.
        telling = enough + 2
        k = telling if k < telling <= 8 * k else 4 * k
    return found


def rules(projection: str, config: SearchConfig, keeper_order: Sequence[str]) -> str:
    """What the candidates of equal contents depend on, in words."""
    return f"{projection}, crowd {config.crowd} {config.crowd_neighbours} {' '.join(keeper_order)}"


def search(
    asking: DataFrame, held: DataFrame, stored: DataFrame, best: DataFrame, index: Index
) -> tuple[DataFrame, DataFrame, int]:
    """Ask for the neighbours of `asking`, and of whatever else their answers change.

    `held` are the contents of the index (`content_id`), `stored` the candidates so far, of the
    same projection, `best` the rank of each content as a keeper. Returns the contents asked, the
    pairs found (`content_id`, `other`, `margin`, `similarity`, `crowded`; a pair maybe twice), and
    how many contents were crowded.
    """
    asked, hits = crowds.ask_all_concerned(asking, held, stored, index.config.crowd, index.ask)
    crowded = hits.where("crowded").select("content_id").distinct().count()
    found = hits.where("listed").drop("listed")
    if crowded:
        pivots = crowds.pivots(hits, best)
        found = found.unionByName(index.measure(pivots).withColumn("crowded", F.lit(True)))
    return asked, found, crowded


def settle(
    stored: DataFrame,
    found: DataFrame,
    asked: DataFrame,
    concerned: DataFrame,
    after: DataFrame,
    model: str,
    projection: str,
) -> changes.Delta:
    """What a search changes of the candidates `stored`, by partitions.

    Pairs `found` for the contents `asked` (`content_id`) take the place of all that are stored for
    them; those of contents that are gone go, and those whose first day is another move with it.
    `concerned` are all these contents as touched ones, `after` is the listing that holds now.
    """
    moved = concerned.where("NOT was <=> now").select("content_id")
    replaced = asked.select("content_id").union(moved).distinct()
    removed = changes.beside(stored.where(changes.since(concerned)), replaced).localCheckpoint()
    kept = removed
    for side in ("left_content", "right_content"):
        kept = kept.join(asked.select(F.col("content_id").alias(side)), side, "left_anti")
    pairs = kept.select(*CANDIDATES.names).unionByName(_paired(found, model, projection))
    pairs = pairs.localCheckpoint()
    days = changes.first_days(changes.only(after, either_side(pairs)))
    left = days.withColumnsRenamed({"content_id": "left_content", "day": "left_day"})
    right = days.withColumnsRenamed({"content_id": "right_content", "day": "right_day"})
    added = (
        pairs.join(left, "left_content")
        .join(right, "right_content")
        .select(*CANDIDATES.names, F.greatest("left_day", "right_day").alias("dt"))
    )
    return changes.Delta(removed, added.localCheckpoint(), ["left_content", "right_content"])


def _paired(found: DataFrame, model: str, projection: str) -> DataFrame:
    """Each pair found, once, as a candidate."""
    return (
        found.groupBy(
            F.least("content_id", "other").alias("left_content"),
            F.greatest("content_id", "other").alias("right_content"),
        )
        .agg(
            F.min("similarity").alias("similarity"),
            F.min("margin").alias("margin"),
            # What one of the two lists in full is no choice of a crowd.
            F.bool_and("crowded").alias("crowded"),
        )
        .withColumns({"model": F.lit(model), "projection": F.lit(projection)})
        .select(*CANDIDATES.names)
    )


def check_filled(vectors: int) -> None:
    """Raise RuntimeError when the index of this projection holds nothing."""
    if not vectors:
        raise RuntimeError("the index holds nothing for the present projection: run index again")


def crowded_words(crowded: int, config: SearchConfig) -> str:
    """What to tell of contents that could not list all their neighbours."""
    return (
        f"search: {crowded:,} contents are crowded (more than search.crowd = {config.crowd} "
        f"neighbours): each has its {config.crowd_neighbours} nearest and the best image of its "
        "crowd as candidates, not all"
    )
