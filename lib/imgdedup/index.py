"""index: makes the vector index hold exactly the distinct contents of `embeddings`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.contents import keys_of
from imgdedup.milvus import IndexAddress, VectorIndex
from imgdedup.projection import Projection
from imgdedup.vectors import matrix


@dataclass(frozen=True)
class Changes:
    """What separates the index from the table: keys to add and keys to remove."""

    missing: list[str]
    surplus: list[str]


def compare(embeddings: DataFrame, index: VectorIndex) -> Changes:
    """What has to be added to and removed from the index to hold the table's contents."""
    wanted = keys_of(embeddings.where("failure IS NULL"))
    present = index.keys()
    return Changes(sorted(wanted - present), sorted(present - wanted))


def insert(new: DataFrame, projection: Projection, address: IndexAddress, batch: int) -> int:
    """Insert contents (`content_id`, `embedding`) in their stored form; the number inserted.

    All workers project, one writes, because Milvus Lite loses rows of concurrent writers.
    """

    def project(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in tables:
            rows = list(projection.stored(matrix(table["embedding"])))
            vectors = pa.array(rows, pa.list_(pa.float32()))
            yield pa.RecordBatch.from_arrays(
                [table["content_id"], vectors], names=["key", "vector"]
            )

    def write(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(address.connect()) as index:
            for table in tables:
                keys, vectors = table["key"].to_pylist(), matrix(table["vector"])
                for start in range(0, len(keys), batch):
                    index.insert(keys[start : start + batch], vectors[start : start + batch])
                yield pa.RecordBatch.from_pydict({"inserted": [len(keys)]})

    ready = new.mapInArrow(project, "key STRING, vector ARRAY<FLOAT>").repartition(1)
    written = ready.mapInArrow(write, "inserted LONG")
    return sum(row["inserted"] for row in written.collect())


def check(embeddings: DataFrame, index: VectorIndex, vectors: int) -> None:
    """Raise RuntimeError unless the index holds exactly the table's contents, by count and key."""
    changes = compare(embeddings, index)
    if changes.missing or changes.surplus:
        raise RuntimeError(
            f"the index is not the table: {len(changes.missing):,} contents are missing from it "
            f"and {len(changes.surplus):,} are too many, of {vectors:,} vectors: run index again"
        )
    held = len(index.keys())
    if held != vectors:
        raise RuntimeError(
            f"the index counts {vectors:,} vectors for {held:,} keys: delete the collection and "
            "run index again"
        )
