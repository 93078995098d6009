"""index: makes the vector index hold exactly the distinct contents of `embeddings`."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.milvus import IndexAddress, VectorIndex
from imgdedup.vectors import unit_vectors


@dataclass(frozen=True)
class Changes:
    """What separates the index from the table: keys to add and keys to remove."""

    missing: list[str]
    surplus: list[str]


def compare(embeddings: DataFrame, index: VectorIndex) -> Changes:
    """What has to be added to and removed from the index to hold the table's contents."""
    rows = embeddings.where("failure IS NULL").select("content_id").distinct().toArrow()
    wanted = set(rows["content_id"].to_pylist())
    present = index.keys()
    return Changes(sorted(wanted - present), sorted(present - wanted))


def only(contents: DataFrame, keys: list[str]) -> DataFrame:
    """The contents whose `content_id` is among `keys`."""
    wanted = contents.sparkSession.createDataFrame(pa.table({"content_id": keys}))
    return contents.join(wanted, "content_id", "left_semi")


def insert(new: DataFrame, address: IndexAddress, batch: int) -> int:
    """Insert contents (`content_id`, `embedding`) through a single writer; the number inserted.

    One writer, because Milvus Lite loses rows of concurrent ones.
    """

    def write(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        index = address.connect()
        try:
            for table in tables:
                keys = table["content_id"].to_pylist()
                vectors = unit_vectors(table["embedding"])
                for start in range(0, len(keys), batch):
                    index.insert(keys[start : start + batch], vectors[start : start + batch])
                yield pa.RecordBatch.from_pydict({"inserted": [len(keys)]})
        finally:
            index.close()

    written = new.coalesce(1).mapInArrow(write, "inserted LONG")
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
