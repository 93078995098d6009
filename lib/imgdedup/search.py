"""search: a self-join of the contents, every new one against the whole collection.

Candidates are *all* pairs at or above the threshold. The number of neighbours asked for is a page
size: while the last one still passes, more are asked for. Milvus only finds them; their
similarity is computed here, so that it has the same bits whichever of the two asked.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import SearchConfig
from imgdedup.errors import UserError
from imgdedup.milvus import IndexAddress, VectorIndex
from imgdedup.schemas import CANDIDATES
from imgdedup.vectors import similarities, unit_vectors

# Milvus computes in float32; hits this close below the threshold are looked at, too.
_SLACK = 1e-4
_FOUND = "content_id STRING, other STRING, similarity DOUBLE"
_FOUND_BATCH = pa.schema(
    [("content_id", pa.string()), ("other", pa.string()), ("similarity", pa.float64())]
)


def search(
    asking: DataFrame, vectors: int, address: IndexAddress, config: SearchConfig, model: str
) -> DataFrame:
    """Candidates of `asking` (`content_id`, `embedding`) in an index of `vectors` vectors.

    Gives the columns of `candidates`, each unordered pair once.
    """

    def find(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        index = address.connect()
        try:
            for table in tables:
                yield from _find_in(table, index, vectors, config)
        finally:
            index.close()

    found = asking.mapInArrow(find, _FOUND)
    return (
        found.select(
            F.least("content_id", "other").alias("left_content"),
            F.greatest("content_id", "other").alias("right_content"),
            "similarity",
            F.lit(model).alias("model"),
        )
        .dropDuplicates(["left_content", "right_content"])
        .select(*CANDIDATES.names)
    )


def settle(
    stored: DataFrame, found: DataFrame, asked: DataFrame, embeddings: DataFrame
) -> DataFrame:
    """All candidates after a search, with `dt`, the later of the first days of both contents.

    Those `found` for the contents `asked` (`content_id`) take the place of all that are `stored`
    for them; the others stay while both contents exist and were embedded by the same model.
    """
    kept = stored
    for side in ("left_content", "right_content"):
        kept = kept.join(asked.select(F.col("content_id").alias(side)), side, "left_anti")
    days = (
        embeddings.where("failure IS NULL")
        .groupBy("content_id", "model")
        .agg(F.min("dt").alias("day"))
    )
    left = days.withColumnsRenamed({"content_id": "left_content", "day": "left_day"})
    right = days.withColumnsRenamed({"content_id": "right_content", "day": "right_day"})
    return (
        kept.select(*CANDIDATES.names)
        .unionByName(found)
        .join(left, ["left_content", "model"])
        .join(right, ["right_content", "model"])
        .select(*CANDIDATES.names, F.greatest("left_day", "right_day").alias("dt"))
    )


def _find_in(
    table: pa.RecordBatch, index: VectorIndex, vectors: int, config: SearchConfig
) -> Iterator[pa.RecordBatch]:
    keys = table["content_id"].to_pylist()
    queries = unit_vectors(table["embedding"])
    for start in range(0, len(keys), config.query_batch):
        asking = keys[start : start + config.query_batch]
        asked = queries[start : start + config.query_batch]
        near = all_neighbours(index, asked, vectors, config)
        unique = sorted({other for others in near for other in others})
        stored = dict(zip(unique, index.vectors(unique), strict=True))
        for key, query, neighbours in zip(asking, asked, near, strict=True):
            others = [other for other in neighbours if other != key]
            if others:
                yield _candidates(key, query, others, stored, config.similarity)


def _candidates(
    key: str, query: np.ndarray, others: list[str], stored: dict[str, np.ndarray], least: float
) -> pa.RecordBatch:
    exact = similarities(query, np.stack([stored[other] for other in others]))
    keep = np.flatnonzero(exact >= least)
    return pa.RecordBatch.from_pydict(
        {
            "content_id": [key] * len(keep),
            "other": [others[row] for row in keep],
            "similarity": exact[keep],
        },
        schema=_FOUND_BATCH,
    )


def all_neighbours(
    index: VectorIndex, queries: np.ndarray, vectors: int, config: SearchConfig
) -> list[list[str]]:
    """For each unit vector of (n, dims), the keys of all neighbours at or above the threshold.

    Raises UserError when there are more than a server can give for one query.
    """
    found: list[list[str]] = [[] for _ in queries]
    asking = np.arange(len(queries))
    k = config.page_size
    while len(asking):
        k = min(k, vectors, config.max_neighbours)
        more = []
        for row, near in zip(asking, index.search(queries[asking], k), strict=True):
            passing = near.similarities >= config.similarity - _SLACK
            if len(near.keys) < k and passing.all():
                raise RuntimeError(
                    f"the index gave {len(near.keys):,} of the {k:,} neighbours asked for among "
                    f"{vectors:,} vectors, so some may be missing: set milvus.index_type to FLAT"
                )
            found[row] = [key for key, passes in zip(near.keys, passing, strict=True) if passes]
            if passing.all() and k < vectors:
                more.append(row)
        if more and k == config.max_neighbours:
            raise UserError(
                f"an image has more than {k:,} neighbours at or above search.similarity = "
                f"{config.similarity}: raise search.similarity"
            )
        asking = np.array(more, dtype=int)
        k *= 4
    return found
