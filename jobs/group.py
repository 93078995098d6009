"""Group the pairs, choose keepers, and write the manifests without the duplicates."""

from imgdedup import changes, group, job, reconcile, settled
from imgdedup.datasets import Staged
from imgdedup.schemas import LISTING_DATASET


def main(run: job.Run) -> job.Outcome:
    """Read the `pairs` that changed, write the `groups` and `deduplicated` that do."""
    lake, order = run.lake, run.config.group.keeper_order
    before, manifests = settled.by(lake, "group"), lake.versions("manifest")
    rules, waiting = " ".join(order), settled.waiting(lake, "group")
    days = lake.days(LISTING_DATASET)
    reconcile.whole(lake, "pairs", days, "verify")
    whole = run.config.lake.repair or before.rules != rules
    whole = whole or reconcile.damaged(lake, "group", ("groups",), before.versions)
    listing = lake.read(LISTING_DATASET)
    pairs, stored = lake.read("pairs"), lake.read("groups", [] if whole else None)

    if whole or waiting is None:
        waiting = changes.touched(listing.limit(0), listing, None if whole else [])
    concerned = waiting if whole else group.concerned(waiting, stored, pairs)
    formed = group.groups(
        changes.only(listing, concerned), changes.beside(pairs, concerned), order, run.run_id
    )
    removed = changes.only(stored, concerned)
    delta = changes.Delta(removed, formed.localCheckpoint(), ["image_id", "content_id"])
    groups = changes.staged(lake, "groups", delta, days, whole)

    deduplicated = Staged()
    stale = {*days} if whole else {*lake.faults("deduplicated", days)}
    stale |= {*run.days, *groups.days("groups"), *before.changed(manifests)} & set(days)
    for day in sorted(stale):
        kept = group.without_removed(
            lake.read_day("manifest", day), lake.read_staged("groups", day, groups)
        )
        deduplicated += lake.stage_day("deduplicated", day, kept)
    deduplicated += lake.stage_gone("deduplicated", days)
    lake.publish(
        groups
        + deduplicated
        + settled.staged(
            lake, "group", settled.Settled(rules, {day: manifests.get(day, "") for day in days})
        )
        + settled.queued(lake, "group", None)
    )
    counts = group.counts(lake.read("groups"))
    details = {
        "days_rewritten": len(groups.days("groups")),
        "manifests_rewritten": len(deduplicated.partitions),
        **counts,
    }
    return job.Outcome(lake.rows("pairs"), counts["removed"] + counts["keepers"], details=details)


if __name__ == "__main__":
    job.main("group", main)
