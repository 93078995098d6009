"""Group the pairs, choose keepers, and write the manifests without the duplicates."""

from imgdedup import group, job


def main(run: job.Run) -> job.Outcome:
    """Read `embeddings` and `pairs` of all days, write the `groups` and `deduplicated` changed."""
    lake = run.lake
    embeddings, pairs = lake.read("embeddings"), lake.read("pairs")
    groups = group.groups(embeddings, pairs, run.config.group.keeper_order, run.run_id)
    staged = lake.stage_changed("groups", run.dt, groups)
    # `groups` becomes visible last: a run that was stopped here finds the same days changed again.
    for day in sorted({run.dt, *staged.changed}):
        kept = group.without_removed(
            lake.read_day("manifest", day), staged.rows.where(f"dt = '{day}'")
        )
        lake.replace("deduplicated", day, kept)
    counts = group.counts(staged.rows)
    lake.publish(staged)
    details = {"days_rewritten": len(staged.changed), **counts}
    return job.Outcome(pairs.count(), counts["removed"] + counts["keepers"], details=details)


if __name__ == "__main__":
    job.main("group", main)
