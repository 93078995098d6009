"""Ask the index for the neighbours of the day's contents."""

from contextlib import closing

from imgdedup import certificate, crowds, job, pinned, ranks, search
from imgdedup.console import say
from imgdedup.contents import contents, only, the_one_model
from imgdedup.milvus_server import serving


def main(run: job.Run) -> job.Outcome:
    """Read the day's `embeddings`, search Milvus, write the `candidates` that changed."""
    lake, config = run.lake, run.config.search
    embeddings, stored = lake.read("embeddings"), lake.read("candidates")
    found = the_one_model(embeddings)
    if found is None:
        lake.publish(lake.stage_changed("candidates", run.dt, stored.limit(0)))
        return job.Outcome(0, 0)
    model, _ = found
    projection = pinned.required(lake, model)
    pinned_as, switching = projection.fingerprint, pinned.switching(lake)
    with (
        serving(run.config.milvus, lake.root, model, pinned_as) as address,
        closing(address.connect()) as milvus,
    ):
        held, vectors = contents(embeddings), milvus.count()
        search.check_filled(vectors)
        if vectors != held.count():  # another day was embedded since index
            held = only(held, sorted(milvus.keys()))
        recall, asked_for = certificate.recall(held, milvus, projection, config.certificate_sample)
        certificate.check(recall, config.min_recall, address)
        asking = contents(lake.read_day("embeddings", run.dt))
        if switching or crowds.must_ask_all(stored, held, pinned_as):
            asking, stored = held, stored.limit(0)
        index = search.Index(address, vectors, projection.threshold, config)
        best = ranks.best(ranks.listed(embeddings, run.config.group.keeper_order))
        asked, pairs, crowded = search.search(asking, held, stored, best, index)
        settled = search.settle(stored, pairs, asked, embeddings, model, pinned_as)
        staged = lake.stage_changed("candidates", run.dt, settled)
        rows = staged.rows.count()
        lake.publish(staged)
        if switching:
            pinned.switch(lake)
        dropped = milvus.drop_others()
    if crowded:
        say(search.crowded_words(crowded, config))
    details = {
        "vectors": vectors,
        "days_rewritten": len(staged.changed),
        "recall": f"{recall:.4f}",
        "recall_sample": asked_for,
        "crowded": crowded,
        "projection": pinned_as,
        "collections_dropped": len(dropped),
    }
    return job.Outcome(asked.count(), rows, model, details)


if __name__ == "__main__":
    job.main("search", main)
