"""Bring the vector index to exactly the distinct contents of all embeddings."""

from imgdedup import index, job
from imgdedup.contents import contents, the_one_model
from imgdedup.milvus_server import serving


def main(run: job.Run) -> job.Outcome:
    """Compare `embeddings` with Milvus, delete and insert the difference, compare again."""
    embeddings = run.lake.read("embeddings")
    found = the_one_model(embeddings)
    if found is None:
        return job.Outcome(0, 0, details={"vectors": 0})
    model, dims = found
    with serving(run.config.milvus, run.lake.root, model) as address:
        milvus = address.connect()
        milvus.create(dims)
        changes = index.compare(embeddings, milvus)
        milvus.delete(changes.surplus)
        inserted = 0
        if changes.missing:
            new = index.only(contents(embeddings), changes.missing)
            inserted = index.insert(new, address, run.config.milvus.insert_batch)
        milvus.flush()
        vectors = milvus.count()
        index.check(embeddings, milvus, vectors)
        milvus.close()
    details = {"vectors": vectors, "deleted": len(changes.surplus)}
    return job.Outcome(len(changes.missing), inserted, model, details)


if __name__ == "__main__":
    job.main("index", main)
