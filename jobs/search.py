"""Ask the index for the neighbours of the contents that are new."""

from contextlib import closing

from pyspark.sql import DataFrame

from imgdedup import certificate, changes, crowds, job, pinned, ranks, reconcile, search, settled
from imgdedup.console import say
from imgdedup.contents import contents, keys_of, named, the_one_model
from imgdedup.datasets import Staged
from imgdedup.milvus_server import serving
from imgdedup.schemas import LISTING_DATASET


def main(run: job.Run) -> job.Outcome:
    """Read what changed in `embeddings`, search Milvus, write the `candidates` that changed."""
    lake, config = run.lake, run.config.search
    past = settled.by(lake, "search").versions
    reconcile.embedded(lake, run.days, past)
    mine = ("candidates", LISTING_DATASET)
    anew = run.config.lake.repair or reconcile.damaged(lake, "search", mine, past)
    embeddings = lake.read("embeddings")
    model = the_one_model(embeddings)
    if model is None:
        view = changes.view(lake, rules="no image", held=set(), anew=anew)
        nothing = lake.read("candidates", [])
        lake.publish(_staged(run, view, changes.Delta(nothing, nothing, []), view.touched))
        return job.Outcome(0, 0)
    projection = pinned.required(lake, model)
    pinned_as, switching = projection.fingerprint, pinned.switching(lake)
    rules = search.rules(pinned_as, config, run.config.group.keeper_order)
    with (
        serving(run.config.milvus, lake.root, model, pinned_as) as address,
        closing(address.connect()) as milvus,
    ):
        held = milvus.keys()
        search.check_filled(len(held))
        view = changes.view(lake, rules, held, anew=anew)
        view.check(run.days)
        compared = contents(embeddings)
        if held != keys_of(compared):  # another day was embedded since index
            compared = changes.only(compared, named(run.spark, sorted(held)))
        recall, asked_for = certificate.recall(
            compared, milvus, projection, config.certificate_sample
        )
        certificate.check(recall, config.min_recall, address)
        stored = lake.read("candidates", [] if view.everything else None)
        asking = _asking(view, stored)
        best = ranks.best(ranks.listed(view.after, run.config.group.keeper_order))
        listed = view.after.select("content_id").distinct()
        unlisted = frozenset(held - keys_of(listed))
        index = search.Index(address, len(held), projection.threshold, config, unlisted)
        asked, found, crowded = search.search(asking, listed, stored, best, index)
        concerned = view.dated(asked.union(view.touched.select("content_id")).distinct())
        delta = search.settle(stored, found, asked, concerned, view.after, model, pinned_as)
        staged = _staged(run, view, delta, concerned)
        lake.publish(staged + (pinned.switched(lake) if switching else Staged()))
        dropped = milvus.drop_others()
    if crowded:
        say(search.crowded_words(crowded, config))
    details = {
        "vectors": len(held),
        "days_rewritten": len(staged.days("candidates")),
        "days_waiting": len(view.postponed),
        "recall": f"{recall:.4f}",
        "recall_sample": asked_for,
        "crowded": crowded,
        "projection": pinned_as,
        "collections_dropped": len(dropped),
    }
    return job.Outcome(asked.count(), lake.rows("candidates"), model, details)


def _asking(view: changes.View, stored: DataFrame) -> DataFrame:
    """The contents to ask first."""
    gone = view.touched.where("now IS NULL")
    if view.everything or crowds.lost_one(stored, gone):
        return view.after.select("content_id").distinct()
    new = view.touched.where("was IS NULL").select("content_id")
    present = view.touched.where("now IS NOT NULL")
    return new.union(crowds.members(stored, present)).distinct()


def _staged(run: job.Run, view: changes.View, delta: changes.Delta, concerned: DataFrame) -> Staged:
    """The candidates, what they were made of, and what waits for verify now."""
    lake = run.lake
    waiting = changes.together(settled.waiting(lake, "verify"), concerned)
    return (
        changes.staged(lake, "candidates", delta, view.days, view.everything)
        + lake.stage(LISTING_DATASET, view.after, view.anew)
        + lake.stage_gone(LISTING_DATASET, view.days)
        + settled.staged(lake, "search", settled.Settled(view.rules, view.versions))
        + settled.queued(lake, "verify", waiting)
        + (settled.forgotten(lake, "verify") if view.everything else Staged())
    )


if __name__ == "__main__":
    job.main("search", main)
