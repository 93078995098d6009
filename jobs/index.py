"""Bring the vector index to exactly the distinct contents of all embeddings."""

from contextlib import closing

from imgdedup import index, job, pinned, reconcile, settled
from imgdedup.contents import named, some, the_one_model
from imgdedup.milvus_server import serving
from imgdedup.vectors import EXTRA


def main(run: job.Run) -> job.Outcome:
    """Compare `embeddings` with Milvus, delete and insert the difference, compare again."""
    reconcile.embedded(run.lake, run.days, settled.by(run.lake, "search").versions)
    embeddings = run.lake.read("embeddings")
    model = the_one_model(embeddings)
    projection = pinned.required(run.lake, model) if model else pinned.working(run.lake)
    if projection is None:
        return job.Outcome(0, 0, details={"vectors": 0})
    milvus, repair = run.config.milvus, run.config.lake.repair
    with (
        serving(
            milvus, run.lake.root, projection.model, projection.fingerprint, anew=repair
        ) as address,
        closing(address.connect()) as vectors,
    ):
        if repair:
            vectors.drop()
        vectors.create(projection.dims + EXTRA)
        changes = index.compare(embeddings, vectors)
        vectors.delete(changes.surplus)
        inserted = 0
        if changes.missing:
            new = some(embeddings, named(run.spark, changes.missing), "embedding")
            inserted = index.insert(new, projection, address, milvus.insert_batch)
        vectors.flush()
        held = vectors.count()
        index.check(embeddings, vectors, held)
    details = {
        "vectors": held,
        "deleted": len(changes.surplus),
        "projection": projection.fingerprint,
    }
    return job.Outcome(len(changes.missing), inserted, projection.model, details)


if __name__ == "__main__":
    job.main("index", main)
