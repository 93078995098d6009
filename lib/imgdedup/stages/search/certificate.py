"""The certificate of a search: the recall of the collection, measured on a sample.

The truth is the exact product of the sample with every content, projected again from `embeddings`.
So the certificate notices a collection that answers too approximately. It also notices a collection
that holds other vectors than the table gives.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.errors import UserError
from imgdedup.milvus.client import Collection, CollectionAddress, stored_vectors
from imgdedup.relations.contents import DESCRIBED, descriptions, sample
from imgdedup.space.projection import Projection
from imgdedup.space.vectors import asking_form

NEAREST = 10
_MOST_TASKS = 512
_TIE = 1e-5  # margins this close are equal: Milvus computes in float32
_COLUMNS = "row INT, margin DOUBLE, answered BOOLEAN"
_BATCH = pa.schema([("row", pa.int32()), ("margin", pa.float64()), ("answered", pa.bool_())])


def measure_recall(
    indexed: DataFrame, collection: Collection, projection: Projection, most: int
) -> tuple[float, int]:
    """The share of the 10 nearest that the collection finds, and how many contents were asked for.

    `indexed` are the contents that the collection holds (`content_id`, DESCRIBED), and `most` is
    the largest number to ask for. As in a search, a content asks with its stored vector. The
    nearest have the largest margins. A neighbour with the margin of the tenth counts as found.
    """
    keys, *described = sample(indexed, most)
    stored = stored_vectors(collection, keys)
    near = collection.search(asking_form(np.stack([*stored.values()])), NEAREST + 1)
    answers = [
        [other for other in found.keys if other != key][:NEAREST]
        for key, found in zip(keys, near, strict=True)
    ]
    queries = asking_form(projection.stored(*described)).astype(np.float64)

    def compare(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield nearest_in(tables, keys, queries, answers, projection)

    # Each task sends its own nearest to the driver.
    cut = indexed.select("content_id", *DESCRIBED).coalesce(_MOST_TASKS)
    found = cut.mapInArrow(compare, _COLUMNS).toArrow()
    return share_found(found, len(keys)), len(keys)


def nearest_in(
    tables: Iterator[pa.RecordBatch],
    keys: list[str],
    queries: np.ndarray,
    answers: list[list[str]],
    projection: Projection,
) -> pa.RecordBatch:
    """The nearest contents in `tables` of each query, itself left out, and the answered contents.

    `tables` have `content_id` and DESCRIBED. `queries`: float64, (n, dims + 3), in the order of
    `keys`. `answers` are the keys that the collection gave for each query.
    """
    best = np.full((len(keys), NEAREST), -np.inf)
    place = {key: row for row, key in enumerate(keys)}
    asked: dict[str, list[int]] = {}
    for row, others in enumerate(answers):
        for other in others:
            asked.setdefault(other, []).append(row)
    answered: list[tuple[int, float]] = []
    for table in tables:
        margins = queries @ projection.stored(*descriptions(table)).T.astype(np.float64)
        for column, key in enumerate(table["content_id"].to_pylist()):
            answered += [(row, margins[row, column]) for row in asked.get(key, [])]
            if key in place:
                margins[place[key], column] = -np.inf
        best = np.sort(np.hstack([best, margins]), axis=1)[:, -NEAREST:]
    rows, columns = np.nonzero(np.isfinite(best))
    return pa.RecordBatch.from_pydict(
        {
            "row": [*rows, *(row for row, _ in answered)],
            "margin": [*best[rows, columns], *(margin for _, margin in answered)],
            "answered": [False] * len(rows) + [True] * len(answered),
        },
        schema=_BATCH,
    )


def share_found(found: pa.Table, queries: int) -> float:
    """The share of the true nearest among the answers; 1 when there is no neighbour to find."""
    rows, margins, answered = (found[name].to_numpy() for name in _BATCH.names)
    hits, wanted = 0, 0
    for row in range(queries):
        own = rows == row
        nearest = np.sort(margins[own & ~answered])[-NEAREST:]
        wanted += len(nearest)
        if len(nearest):
            good = np.count_nonzero(margins[own & answered] >= nearest[0] - _TIE)
            hits += min(int(good), len(nearest))
    return hits / wanted if wanted else 1.0


def require_recall(recall: float, least: float, address: CollectionAddress) -> None:
    """Raise UserError when the recall is below `least`."""
    if recall >= least:
        return
    raise UserError(
        f"the collection finds only {recall:.4f} of the {NEAREST} nearest contents, and "
        f"search.min_recall is {least}: build it again (drop the collection {address.collection}, "
        "or delete .imgdedup/milvus under the root when Milvus is embedded, and run index again)"
        + ("" if address.index_type == "FLAT" else "; if it is new, set milvus.index_type to FLAT")
    )
