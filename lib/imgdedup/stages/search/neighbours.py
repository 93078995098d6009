"""The neighbours of contents: every pair with a margin at or above the threshold.

The number of neighbours asked for is a page size. While the last neighbour of a page still passes,
the content asks for more. Milvus only finds neighbours. This module computes their margins, so that
a pair has the same bits whichever of its two contents asked. A content with very many neighbours is
crowded, and proposes only its nearest; see `crowds`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import SearchConfig
from imgdedup.milvus.client import Collection, CollectionAddress, stored_vectors
from imgdedup.relations.prefixes import NOTHING, SharedPrefixes, holds, share
from imgdedup.space.vectors import asking_form, margins

# Milvus computes in float32. Hits this close below the threshold pass for now.
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
_HIT = _PAIR.append(pa.field("crowded", pa.bool_())).append(pa.field("proposed", pa.bool_()))
_PAIR_COLUMNS = "content_id STRING, other STRING, margin DOUBLE, similarity DOUBLE"
_HIT_COLUMNS = f"{_PAIR_COLUMNS}, crowded BOOLEAN, proposed BOOLEAN"


@dataclass(frozen=True)
class NeighbourQuery:
    """What the workers need to ask: where, among how many vectors, and above which margin."""

    address: CollectionAddress
    vectors: int
    threshold: float
    config: SearchConfig
    vanished: SharedPrefixes = NOTHING  # of the collection's contents without an image

    def ask(self, asking: DataFrame) -> DataFrame:
        """The hits of contents (`content_id`): their neighbours at or above the threshold.

        Gives `content_id`, `other`, `margin`, `similarity`; `crowded`: the content has more
        neighbours than it may propose; `proposed`: the content proposes this neighbour as a
        candidate. Of a crowded content, hits beyond the proposed ones may be missing.
        """

        def find(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with closing(self.address.connect()) as collection:
                for table in tables:
                    yield from self.find(table["content_id"].to_pylist(), collection)

        return asking.select("content_id").mapInArrow(find, _HIT_COLUMNS)

    def measure(self, pairs: DataFrame) -> DataFrame:
        """Pairs of contents (`content_id`, `other`) with their `margin` and `similarity`."""

        def compute(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            with closing(self.address.connect()) as collection:
                for table in tables:
                    one, other = (table[name].to_pylist() for name in ("content_id", "other"))
                    stored = stored_vectors(collection, sorted({*one, *other}))
                    both = zip(one, other, strict=True)
                    found = [margins(stored[a], stored[b][None]) for a, b in both]
                    values = np.array(found).reshape(-1, 2)
                    names = {"content_id": one, "other": other}
                    exact = {"margin": values[:, 0], "similarity": values[:, 1]}
                    yield pa.RecordBatch.from_pydict(names | exact, schema=_PAIR)

        return pairs.select("content_id", "other").mapInArrow(compute, _PAIR_COLUMNS)

    def find(self, keys: list[str], collection: Collection) -> Iterator[pa.RecordBatch]:
        """The hits of `keys`, as `ask` gives them, one batch for each content with hits."""
        vanished = self.vanished.open()
        for start in range(0, len(keys), self.config.query_batch):
            asking = keys[start : start + self.config.query_batch]
            own = stored_vectors(collection, asking)
            queries = asking_form(np.stack([own[key] for key in asking]))
            enough = self.config.crowd + len(self.vanished)
            near = all_neighbours(
                collection, queries, self.vectors, self.threshold, self.config, enough
            )
            stored = stored_vectors(
                collection, sorted({other for others in near for other in others})
            )
            for key, others in zip(asking, near, strict=True):
                others = [o for o in others if o != key and not is_among(vanished, o)]
                if others:
                    yield self._hits(key, own[key], others, [stored[other] for other in others])

    def _hits(
        self, key: str, own: np.ndarray, others: list[str], stored: list[np.ndarray]
    ) -> pa.RecordBatch:
        exact, similarities = margins(own, np.stack(stored))
        passing = [row for row in range(len(others)) if exact[row] >= self.threshold]
        passing.sort(key=lambda row: (-exact[row], others[row]))
        crowded = len(passing) > self.config.crowd
        most = self.config.crowd_neighbours if crowded else len(passing)
        return pa.RecordBatch.from_pydict(
            {
                "content_id": [key] * len(passing),
                "other": [others[row] for row in passing],
                "margin": exact[passing],
                "similarity": similarities[passing],
                "crowded": [crowded] * len(passing),
                "proposed": [rank < most for rank in range(len(passing))],
            },
            schema=_HIT,
        )


def share_vanished(vanished: DataFrame, most: int) -> SharedPrefixes:
    """Ship contents (`content_id`), at most `most`, for `NeighbourQuery`."""
    return share(vanished.select(F.sha2("content_id", 256).alias("hash")), most)


def is_among(vanished: np.ndarray, content: str) -> bool:
    """Tell whether a content is among those of `share_vanished`, opened."""
    return bool(len(vanished)) and holds(vanished, hashlib.sha256(content.encode()).digest())


def all_neighbours(
    collection: Collection,
    queries: np.ndarray,
    vectors: int,
    threshold: float,
    config: SearchConfig,
    enough: int,
) -> list[list[str]]:
    """For each asking vector of (n, width), the keys of all neighbours at or above the threshold.

    A few neighbours just below the threshold may be among them. Once more than `enough` neighbours
    are certain, the asking content not counted, no more are asked for. Raises RuntimeError when
    the collection gives fewer neighbours than it holds.
    """
    found: list[list[str]] = [[] for _ in queries]
    asking = np.arange(len(queries))
    k, most = config.page_size, min(vectors, _MOST)
    while len(asking):
        k = min(k, most)
        more = []
        for row, near in zip(asking, collection.search(queries[asking], k), strict=True):
            passing = near.margins >= threshold - _SLACK
            if len(near.keys) < k and passing.all():
                raise RuntimeError(
                    f"the collection gave {len(near.keys):,} of the {k:,} neighbours asked for "
                    f"among {vectors:,} vectors, so some may be missing: set milvus.index_type to "
                    "FLAT"
                )
            found[row] = [key for key, passes in zip(near.keys, passing, strict=True) if passes]
            certain = np.count_nonzero(near.margins >= threshold + _SLACK)
            if passing.all() and k < most and certain <= enough + 1:
                more.append(row)
        asking = np.array(more, dtype=int)
        # Ask next for the page that shows whether a content is crowded, unless it is far larger.
        telling = enough + 2
        k = telling if k < telling <= 8 * k else 4 * k
    return found
