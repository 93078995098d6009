"""Ask the index for the neighbours of the day's contents."""

from imgdedup import job, search
from imgdedup.contents import contents, the_one_model
from imgdedup.milvus_server import serving


def main(run: job.Run) -> job.Outcome:
    """Read the day's `embeddings`, search Milvus, write the `candidates` that changed."""
    lake, config = run.lake, run.config
    embeddings, stored = lake.read("embeddings"), lake.read("candidates")
    asking = contents(lake.read_day("embeddings", run.dt))
    found = the_one_model(embeddings)
    if found is None:
        lake.publish(lake.stage_changed("candidates", run.dt, stored.limit(0)))
        return job.Outcome(0, 0)
    model, _ = found
    with serving(config.milvus, lake.root, model) as address:
        milvus = address.connect()
        vectors = milvus.count()
        milvus.close()
        candidates = search.search(asking, vectors, address, config.search, model)
        settled = search.settle(stored, candidates, asking, embeddings)
        staged = lake.stage_changed("candidates", run.dt, settled)
    rows = staged.rows.count()
    lake.publish(staged)
    details = {"vectors": vectors, "days_rewritten": len(staged.changed)}
    return job.Outcome(asking.count(), rows, model, details)


if __name__ == "__main__":
    job.main("search", main)
