"""Ask the index for the neighbours of the day's contents."""

from imgdedup import job, schemas, search
from imgdedup.contents import contents, the_one_model
from imgdedup.milvus_server import serving


def main(run: job.Run) -> job.Outcome:
    """Read the day's `embeddings`, search Milvus, write `candidates`."""
    found = the_one_model(run.lake.read("embeddings"))
    asking = contents(run.lake.read_day("embeddings", run.dt))
    rows = asking.count()
    if found is None:
        none = run.spark.createDataFrame([], schemas.CANDIDATES)
        return job.Outcome(rows, run.lake.replace("candidates", run.dt, none))
    model, _ = found
    with serving(run.config.milvus, run.lake.root, model) as address:
        milvus = address.connect()
        vectors = milvus.count()
        milvus.close()
        candidates = search.search(asking, vectors, address, run.config.search, model)
        written = run.lake.replace("candidates", run.dt, candidates)
    return job.Outcome(rows, written, model, {"vectors": vectors})


if __name__ == "__main__":
    job.main("search", main)
