"""Decide the candidates and write the pairs of duplicate images."""

from imgdedup import job, verify


def main(run: job.Run) -> job.Outcome:
    """Read `candidates` and `embeddings` of all days, decide, write the `pairs` that changed."""
    candidates = run.lake.read("candidates")
    listed = verify.images(run.lake.read("embeddings"))
    near = verify.decide(candidates, run.config.verify)
    staged = run.lake.stage_changed("pairs", run.dt, verify.pairs(near, listed, run.run_id))
    run.lake.publish(staged)
    kinds = verify.kinds(run.lake.read("pairs"))
    details = {"days_rewritten": len(staged.changed), **kinds}
    return job.Outcome(candidates.count(), sum(kinds.values()), details=details)


if __name__ == "__main__":
    job.main("verify", main)
