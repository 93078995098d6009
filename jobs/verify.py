"""Decide the candidates by geometry and write the pairs of duplicate images."""

from imgdedup import job, pairs, verify
from imgdedup.schemas import VERDICTS_DATASET


def main(run: job.Run) -> job.Outcome:
    """Read `candidates` and `embeddings` of all days, decide, write the `pairs` that changed."""
    lake, config = run.lake, run.config.verify
    candidates, embeddings = lake.read("candidates"), lake.read("embeddings")
    known = lake.read(VERDICTS_DATASET)
    verifier = verify.fingerprint(config, run.config.embed)
    decided = verify.decide(
        verify.undecided(candidates, known, verifier), embeddings, config, verifier
    )
    decided = decided.localCheckpoint()
    lake.publish(
        lake.stage_changed(VERDICTS_DATASET, run.dt, verify.merged(known, decided, candidates))
    )
    near = verify.duplicates(candidates, lake.read(VERDICTS_DATASET))
    found = pairs.pairs(near, pairs.images(embeddings), run.run_id)
    staged = lake.stage_changed("pairs", run.dt, found)
    lake.publish(staged)
    kinds = pairs.kinds(lake.read("pairs"))
    details = {
        "decided": decided.count(),
        "verifier": verifier,
        "days_rewritten": len(staged.changed),
        **kinds,
    }
    return job.Outcome(candidates.count(), sum(kinds.values()), details=details)


if __name__ == "__main__":
    job.main("verify", main)
