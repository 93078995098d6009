"""Decide the candidates by geometry and write the pairs of duplicate images."""

from pyspark.sql import functions as F

from imgdedup import changes, job, pairs, reconcile, settled, verify
from imgdedup.contents import either_side
from imgdedup.datasets import Staged
from imgdedup.schemas import LISTING_DATASET, VERDICTS_DATASET


def main(run: job.Run) -> job.Outcome:
    """Read the `candidates` that changed, decide them, write the `pairs` that changed."""
    lake, config = run.lake, run.config.verify
    verifier = verify.fingerprint(config, run.config.embed)
    before, versions = settled.by(lake, "verify"), lake.versions("candidates")
    reconcile.whole(lake, "candidates", [*versions], "search")
    mine = ("pairs", VERDICTS_DATASET)
    whole = run.config.lake.repair or before.rules != verifier
    whole = whole or reconcile.damaged(lake, "verify", mine, before.versions)
    changed = sorted(versions) if whole else before.changed(versions)
    days, listing = lake.days(LISTING_DATASET), lake.read(LISTING_DATASET)

    candidates, known = lake.read("candidates", changed), lake.read(VERDICTS_DATASET, changed)
    undecided = verify.undecided(candidates, known, verifier)
    decided = verify.decide(undecided, lake.read("embeddings"), config, verifier).localCheckpoint()
    judged = verify.merged(known, decided, candidates)
    verdicts = lake.stage(VERDICTS_DATASET, judged, set(changed) & set(days))

    touched = settled.waiting(lake, "verify")
    if whole or touched is None:
        touched = changes.touched(listing.limit(0), listing, None if whole else [])
    since = changes.since(touched)
    others = lake.read(VERDICTS_DATASET, sorted(set(days) - set(changed)))
    copies = judged.unionByName(others).where(since & F.col("duplicate"))
    near = verify.duplicates(
        lake.read("candidates").where(since), changes.beside(copies, touched)
    ).localCheckpoint()
    concerned = touched.select("content_id").union(either_side(near)).distinct()
    listed = pairs.images(changes.only(listing, concerned))
    found = changes.beside(pairs.pairs(near, listed, run.run_id), touched)
    delta = changes.Delta(
        changes.beside(lake.read("pairs").where(since), touched),
        found.localCheckpoint(),
        ["left_id", "right_id", "left_content", "right_content"],
    )
    written = changes.staged(lake, "pairs", delta, days, whole)
    lake.publish(
        verdicts
        + lake.stage_gone(VERDICTS_DATASET, days)
        + written
        + settled.staged(lake, "verify", settled.Settled(verifier, versions))
        + settled.queued(lake, "verify", None)
        + settled.queued(lake, "group", changes.together(settled.waiting(lake, "group"), touched))
        + (settled.forgotten(lake, "group") if whole else Staged())
    )
    kinds = pairs.kinds(lake.read("pairs"))
    details = {
        "decided": decided.count(),
        "verifier": verifier,
        "days_rewritten": len(written.days("pairs")),
        **kinds,
    }
    return job.Outcome(lake.rows("candidates"), sum(kinds.values()), details=details)


if __name__ == "__main__":
    job.main("verify", main)
