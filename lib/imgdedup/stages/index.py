"""index: makes the collection in Milvus hold exactly the distinct contents of `embeddings`."""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.lake import Staged
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.embedded import serving
from imgdedup.relations.contents import (
    DESCRIBED,
    contents,
    descriptions,
    embedded,
    from_keys,
    keys_of,
    require_one_model,
)
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.checks import require_embedded
from imgdedup.settling.pinned import is_refitting, read_projection, require_projection
from imgdedup.settling.settlement import Settlement, is_repairing
from imgdedup.space.projection import Projection
from imgdedup.space.vectors import EXTRA, matrix

_RULES = "one vector for each content"


def run(run: Run) -> Outcome:
    """Compare `embeddings` with the collection, delete and insert the difference, compare again."""
    lake, milvus, repairing = run.lake, run.config.milvus, is_repairing(run.lake)
    require_embedded(lake, run.days, "index")
    settlement = Settlement(lake, "index", rules=_RULES, reads="embeddings", writes=())
    embeddings = lake.read("embeddings")
    model = require_one_model(embeddings)
    projection = require_projection(lake, model) if model else read_projection(lake)
    if projection is None:
        return Outcome(0, 0, details={"vectors": 0})
    pinned_as, wanted = projection.fingerprint, keys_of(embedded(embeddings))
    with (
        serving(milvus, lake.root, projection.model, pinned_as, repair=repairing) as address,
        closing(address.connect()) as collection,
    ):
        if repairing:
            collection.drop()
        collection.create(projection.dims + EXTRA)
        present = collection.keys()
        missing, surplus = sorted(wanted - present), sorted(present - wanted)
        collection.delete(surplus)
        inserted = 0
        if missing:
            new = contents(embeddings, *DESCRIBED, wanted=from_keys(run.spark, missing))
            inserted = insert(new, projection, address, milvus.insert_batch)
        collection.flush()
        if missing or surplus:
            present = collection.keys()
        vectors = collection.count()
        require_equal(wanted, present, vectors)
        if not is_refitting(lake):
            collection.drop_others()  # that of a refit which was killed as it ended
    settlement.publish(Staged())
    details = {"vectors": vectors, "deleted": len(surplus), "projection": pinned_as}
    return Outcome(len(missing), inserted, projection.model, details)


def insert(new: DataFrame, projection: Projection, address: CollectionAddress, batch: int) -> int:
    """Insert contents (`content_id`, DESCRIBED) in their stored form; give their number.

    All workers project. One worker writes, because Milvus Lite loses rows of concurrent writers.
    """

    def project(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in tables:
            rows = list(projection.stored(*descriptions(table)))
            vectors = pa.array(rows, pa.list_(pa.float32()))
            yield pa.RecordBatch.from_arrays(
                [table["content_id"], vectors], names=["key", "vector"]
            )

    def write(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(address.connect()) as collection:
            for table in tables:
                keys, vectors = table["key"].to_pylist(), matrix(table["vector"])
                for start in range(0, len(keys), batch):
                    collection.insert(keys[start : start + batch], vectors[start : start + batch])
                yield pa.RecordBatch.from_pydict({"inserted": [len(keys)]})

    ready = new.mapInArrow(project, "key STRING, vector ARRAY<FLOAT>").repartition(1)
    written = ready.mapInArrow(write, "inserted LONG")
    return sum(row["inserted"] for row in written.collect())


def require_equal(wanted: set[str], present: set[str], vectors: int) -> None:
    """Raise RuntimeError unless a collection holds exactly the contents `wanted`, each once.

    `present` are the keys of the collection, and `vectors` is the number of vectors it counts.
    """
    missing, surplus = len(wanted - present), len(present - wanted)
    if missing or surplus:
        raise RuntimeError(
            f"the collection is not the table: {missing:,} contents are missing from it and "
            f"{surplus:,} are too many, of {vectors:,} vectors: run index again"
        )
    if len(present) != vectors:
        raise RuntimeError(
            f"the collection counts {vectors:,} vectors for {len(present):,} keys: delete the "
            "collection and run index again"
        )
