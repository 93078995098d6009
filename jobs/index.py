"""Bring the vector index to exactly the distinct contents of all embeddings."""

from contextlib import closing

from imgdedup import index, job, pinned
from imgdedup.contents import contents, only, the_one_model
from imgdedup.milvus_server import serving
from imgdedup.vectors import EXTRA


def main(run: job.Run) -> job.Outcome:
    """Compare `embeddings` with Milvus, delete and insert the difference, compare again."""
    embeddings = run.lake.read("embeddings")
    found = the_one_model(embeddings)
    projection = pinned.required(run.lake, found[0]) if found else pinned.working(run.lake)
    if projection is None:
        return job.Outcome(0, 0, details={"vectors": 0})
    milvus = run.config.milvus
    with (
        serving(milvus, run.lake.root, projection.model, projection.fingerprint) as address,
        closing(address.connect()) as vectors,
    ):
        vectors.create(projection.dims + EXTRA)
        changes = index.compare(embeddings, vectors)
        vectors.delete(changes.surplus)
        inserted = 0
        if changes.missing:
            new = only(contents(embeddings), changes.missing)
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
