"""index: makes the collection in Milvus hold exactly the distinct contents of `embeddings`."""

import math
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pyarrow as pa
from pyspark.sql import DataFrame

from imgdedup.lake import Staged
from imgdedup.milvus import loading
from imgdedup.milvus.client import Collection, CollectionAddress
from imgdedup.milvus.embedded import serving
from imgdedup.milvus.storage import ImportStorage
from imgdedup.relations.collected import Difference, compare
from imgdedup.relations.contents import (
    DESCRIBED,
    contents,
    descriptions,
    embedded,
    require_one_model,
)
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.checks import require_embedded
from imgdedup.settling.pinned import is_refitting, read_projection, require_projection
from imgdedup.settling.settlement import Settlement, is_repairing
from imgdedup.space.projection import Projection
from imgdedup.space.vectors import EXTRA, matrix

_RULES = "one vector for each content"
_DELETED = 10_000  # keys that the driver holds at once while it deletes


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
    pinned_as, table = projection.fingerprint, embedded(embeddings)
    with (
        serving(milvus, lake.root, projection.model, pinned_as, repair=repairing) as address,
        closing(address.connect()) as collection,
    ):
        if repairing:
            collection.drop()
        collection.create(projection.dims + EXTRA, projection.expected_images)
        loading.settle(collection, address)
        before = after = compare(table, address, collection.count())
        loading.mend_repeated(collection, before.keys)
        delete(before.surplus, collection)
        inserted = 0
        if before.missing_count:
            new = contents(embeddings, *DESCRIBED, wanted=before.missing)
            inserted = insert(new, projection, address, milvus.insert_batch)
        collection.flush()
        vectors = collection.count()
        if before.missing_count or before.surplus_count:
            after = compare(table, address, vectors)
        require_equal(after, vectors)
        if not is_refitting(lake):
            collection.drop_others()  # that of a refit which was killed as it ended
    settlement.publish(Staged())
    details = {"vectors": vectors, "deleted": before.surplus_count, "projection": pinned_as}
    return Outcome(before.missing_count, inserted, projection.model, details)


def insert(new: DataFrame, projection: Projection, address: CollectionAddress, batch: int) -> int:
    """Add contents (`content_id`, DESCRIBED) in their stored form; give their number.

    All workers project. Into Milvus Lite one worker writes, because it loses rows of concurrent
    writers. On a server all workers upsert a small difference, and a large one is imported from
    files that they write. The collection must lack the contents.
    """

    def project(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in tables:
            rows = list(projection.stored(*descriptions(table)))
            vectors = pa.array(rows, pa.list_(pa.float32()))
            yield pa.RecordBatch.from_arrays(
                [table["content_id"], vectors], names=["key", "vector"]
            )

    ready = new.mapInArrow(project, "key STRING, vector ARRAY<FLOAT>")
    if address.server is None:
        return _write_rows(ready.repartition(1), address, batch)
    rows = new.count()
    if rows <= address.server.upsert_rows:
        return _write_rows(ready, address, batch)
    loading.require_importing(rows, address.server)
    parts = math.ceil(rows / address.server.import_file_rows)
    return _import(ready.repartition(parts, "key").sortWithinPartitions("key"), address)


def _write_rows(ready: DataFrame, address: CollectionAddress, batch: int) -> int:
    """Add rows (`key`, `vector`) by requests, one writer for each partition; give their number."""

    def write(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(address.connect()) as collection:
            add = collection.insert if address.server is None else collection.upsert
            for table in tables:
                keys, vectors = table["key"].to_pylist(), matrix(table["vector"])
                for start in range(0, len(keys), batch):
                    add(keys[start : start + batch], vectors[start : start + batch])
                yield pa.RecordBatch.from_pydict({"inserted": [len(keys)]})

    written = ready.mapInArrow(write, "inserted LONG")
    return sum(row["inserted"] for row in written.collect())


def _import(ready: DataFrame, address: CollectionAddress) -> int:
    """Write each partition (`key`, `vector`) as a file, and import the files; give their rows."""
    assert address.server is not None
    storage = ImportStorage(address.server, address.collection)

    def write(tables: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        written = storage.write(tables)
        if written is not None:
            yield pa.RecordBatch.from_pydict({"name": [written[0]], "rows": [written[1]]})

    files = ready.mapInArrow(write, "name STRING, rows LONG").collect()
    by_name = {row["name"]: row["rows"] for row in sorted(files)}
    return loading.import_files(address, address.server, by_name)


def delete(surplus: DataFrame, collection: Collection) -> None:
    """Delete keys (`content_id`). The driver is the one writer, and gets the keys part by part."""
    keys = (row["content_id"] for row in surplus.toLocalIterator())
    while some := [*islice(keys, _DELETED)]:
        collection.delete(some)


def require_equal(difference: Difference, vectors: int) -> None:
    """Raise RuntimeError unless a collection holds exactly the contents of the table, each once.

    `vectors` is the number of vectors that the collection counts.
    """
    missing, surplus = difference.missing_count, difference.surplus_count
    if missing or surplus:
        raise RuntimeError(
            f"the collection is not the table: {missing:,} contents are missing from it and "
            f"{surplus:,} are too many, of {vectors:,} vectors: run index again"
        )
    if difference.keys != vectors:
        raise RuntimeError(
            f"the collection counts {vectors:,} vectors for {difference.keys:,} keys: delete the "
            "collection and run index again"
        )
