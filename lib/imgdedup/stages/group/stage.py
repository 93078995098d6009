"""Forms groups of duplicates, chooses keepers, and writes the manifests without the rest.

A group is a set of images that pairs connect. Within a group the images are taken in a total order.
The first image that no earlier keeper is paired with becomes a keeper. Every other image goes with
the first keeper that it is paired with. So every removal has a pair with its own keeper as witness,
and no two keepers are a pair.

Several images may be names of one file: links, hard links, spellings of a uri. All names of a
keeper's file are kept. Who deletes what was removed would otherwise delete the keeper's file.
"""

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from imgdedup.lake import Staged
from imgdedup.lake.schemas import GROUPS
from imgdedup.relations.assignment import assigned, whole_components
from imgdedup.relations.contents import only, standing
from imgdedup.relations.files import shared_files
from imgdedup.relations.keepers import best_ranks, keys_of, ranked_images
from imgdedup.relations.sides import beside, both_ways
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.absence import present, read_absent
from imgdedup.settling.changes import Delta
from imgdedup.settling.checks import require_whole, unmarked_manifests
from imgdedup.settling.preferences import require_same_order
from imgdedup.settling.reviews import read_apart, read_figures
from imgdedup.settling.settlement import Settlement
from imgdedup.stages.group import delta_table, leakage
from imgdedup.stages.group.changes import stage_changes

# The rule by which groups are named. With another rule all groups are formed again.
_NAMED = "groups named by their earliest image"
_LAST = "has the lesser image_id"
# The columns that a removal takes from the pair that is its witness.
_WITNESS = ["similarity", "margin", "inliers", "correlation", "overlap", "edit"]


def run(run: Run) -> Outcome:
    """Form the groups that changed; write `groups`, `group_changes`, `leakage`, `deduplicated`.

    A Delta table that the configuration names gets the days that it does not have yet.
    """
    outcome = _settle(run)
    place = run.config.group.delta_table
    if not place:
        return outcome
    days = delta_table.write(run.lake, place)
    return replace(outcome, details={**outcome.details, "delta_days": days})


def _settle(run: Run) -> Outcome:
    lake, order = run.lake, run.config.group.keeper_order
    require_same_order(lake, order)
    columns = run.config.group.leakage_columns
    settlement = Settlement(
        lake,
        "group",
        rules=f"{_NAMED}, keepers by {' '.join(order)}{f', leakage of {columns}' * bool(columns)}",
        reads="manifest",
        writes=("groups", leakage.DATASET) if columns else ("groups",),
    )
    require_whole(lake, "pairs", settlement.days, "verify")
    if settlement.is_done and not _stale_days(settlement, run.days):
        unchanged = {"days_rewritten": 0, "manifests_rewritten": 0, "groups_changed": 0}
        details = {**unchanged, **read_figures(lake)}
        return Outcome(lake.rows("pairs"), lake.rows("groups"), details=details)
    apart = read_apart(lake)
    affected = _affected(settlement, run.days if columns else (), apart)
    delta = _groups_delta(settlement, affected, order, run.run_id, apart)
    groups = settlement.stage_delta("groups", delta)
    changes, groups_changed = stage_changes(settlement, delta, groups, run.dt, run.run_id)
    leaked = leakage.stage_leakage(settlement, affected, columns, run.run_id)
    deduplicated = _stage_deduplicated(settlement, run.days, groups)
    settlement.publish(
        groups + changes + leaked + deduplicated,
        versions={day: settlement.versions.get(day, "") for day in settlement.days},
    )
    counts = count_groups(lake.read("groups"))
    details = {
        "days_rewritten": len(groups.days("groups")),
        "manifests_rewritten": len(deduplicated.partitions),
        "groups_changed": groups_changed,
        **counts,
        **read_figures(lake),
    }
    return Outcome(lake.rows("pairs"), lake.rows("groups"), details=details)


def _affected(settlement: Settlement, own: Sequence[str], apart: DataFrame | None) -> DataFrame:
    """The contents (`content_id`) whose groups have to be formed again.

    If the values of the manifests' columns count, so do the images of days whose manifest changed;
    `own` are then the days of the run. `apart` are the pairs of contents that people call
    different.
    """
    lake, touched = settlement.lake, settlement.touched.select("content_id")
    if settlement.everything:
        return touched
    if own:
        stale = {*settlement.changed_days, *_stale_days(settlement, own)}
        rows = settlement.snapshot.where(F.col("dt").isin(sorted(stale)))
        touched = touched.union(rows.select("content_id"))
    stored, pairs = lake.read("groups"), lake.read("pairs")
    return affected_contents(touched, stored, pairs, split=apart is not None)


def _groups_delta(
    settlement: Settlement,
    affected: DataFrame,
    order: Sequence[str],
    run_id: str,
    apart: DataFrame | None,
) -> Delta:
    """How the groups of affected contents change the table of groups."""
    lake = settlement.lake
    stored = lake.read("groups", [] if settlement.everything else None)
    images = present(only(settlement.snapshot, affected), read_absent(lake))
    formed = form_groups(images, beside(lake.read("pairs"), affected), order, run_id, apart)
    return Delta(only(stored, affected), formed.localCheckpoint(), ["image_id", "content_id"])


def _stage_deduplicated(settlement: Settlement, own: Sequence[str], groups: Staged) -> Staged:
    """Stage the manifests without the removed images, for each day where they may have changed.

    `own` are the days of the run; `groups` are the staged groups.
    """
    lake, days = settlement.lake, settlement.days
    if settlement.everything:
        stale = set(days)
    else:
        changed = {*groups.days("groups"), *settlement.changed_days} & set(days)
        stale = changed | _stale_days(settlement, own)
    staged = lake.stage_removal("deduplicated", days)
    for day in sorted(stale):
        kept = without_removed(
            lake.read_day("manifest", day), lake.read_staged("groups", day, groups)
        )
        staged += lake.stage_day("deduplicated", day, kept)
    return staged


def _stale_days(settlement: Settlement, own: Sequence[str]) -> set[str]:
    """The days whose `deduplicated` is damaged, or may be stale for a reason that nothing records.

    The user may have written a manifest of the run's `own` days in place, without a marker.
    """
    lake, days = settlement.lake, settlement.days
    unmarked = unmarked_manifests(lake, {*own} & {*days})
    return unmarked | lake.faults("deduplicated", days).keys()


def affected_contents(
    touched: DataFrame, stored: DataFrame, pairs: DataFrame, *, split: bool = False
) -> DataFrame:
    """The contents whose groups have to be formed again, `content_id`: whole groups, old and new.

    `touched` are contents whose images or pairs changed. `stored` are the former groups, and
    `pairs` are the present pairs. The group of a touched content may fall apart, or join the group
    of a new partner. All other pairs of its members were there before, within the group. Where
    groups are `split`, pairs lead from one group to another, and all that they connect is affected.
    """
    near = both_ways(pairs.where("kind = 'near'"), "content_id", "other")
    changed = touched.select("content_id").distinct()
    partners = only(near, changed).select(F.col("other").alias("content_id"))
    reached = changed.union(partners)
    former = only(stored, reached).select("group_id")
    members = stored.join(former, "group_id", "left_semi").select("content_id")
    affected = reached.union(members).distinct().localCheckpoint()
    if not split:
        return affected
    rest = whole_components(pairs.where("kind = 'near'"), affected)
    return affected.union(rest).distinct().localCheckpoint()


def form_groups(
    snapshot: DataFrame,
    pairs: DataFrame,
    order: Sequence[str],
    run_id: str,
    apart: DataFrame | None = None,
) -> DataFrame:
    """Form the groups: the columns of `groups`, and `dt`, a row per day and image with a duplicate.

    `snapshot` and `pairs` hold all images and pairs of their contents. `order` names the keys of
    the total order of keepers, first key first. The least `image_id` decides last. `apart` are the
    pairs of contents that must not come into one group.
    """
    ranked = ranked_images(snapshot, order)
    best = best_ranks(ranked)
    near = pairs.where("kind = 'near' AND NOT originals <=> 'unconfirmed'")
    witnesses = both_ways(near, "content_id", "witness", *_WITNESS)
    grouped = _with_names(_with_keepers(ranked, assigned(near, best, apart), best), snapshot)
    group = Window.partitionBy("group_key")
    kind = F.col("kind")
    return (
        grouped.withColumn("first_id", F.min("image_id").over(group))
        .withColumn("last_id", F.max("image_id").over(group))
        .where("first_id < last_id")  # one image on several days is no group
        .withColumn("earliest", F.min(standing()).over(group))
        .withColumn("group_id", F.concat_ws("/", "earliest.dt", "earliest.image_id"))
        .withColumn("is_keeper", kind.isNull() | (kind == "same_file"))
        .withColumn("witness", F.when(kind == "near", F.col("keeper_content")))
        .join(witnesses, ["content_id", "witness"], "left")
        .withColumn("similarity", F.when(kind == "exact", 1.0).otherwise(F.col("similarity")))
        .withColumn("edit", F.when(kind == "exact", "exact copy").otherwise(F.col("edit")))
        .withColumn("reason", _reason(order))
        .withColumn("run_id", F.lit(run_id))
        .select(*GROUPS.names, "dt")
    )


def without_removed(manifest: DataFrame, groups: DataFrame) -> DataFrame:
    """One day's manifest without the images that are not keepers in the same day's groups."""
    return manifest.join(groups.where("NOT is_keeper").select("image_id"), "image_id", "left_anti")


def count_groups(groups: DataFrame) -> dict[str, int]:
    """The numbers of groups, and of rows of keepers, of their other names and of removed images."""
    totals = groups.agg(
        F.countDistinct("group_id").alias("groups"),
        F.count_if(F.col("is_keeper") & F.col("kind").isNull()).alias("keepers"),
        F.count_if(F.col("kind") == "same_file").alias("same_file"),
        F.count_if(~F.col("is_keeper")).alias("removed"),
    ).collect()
    return totals[0].asDict()


def _with_keepers(ranked: DataFrame, assigned: DataFrame, best: DataFrame) -> DataFrame:
    """Ranked images with `keeper_content`, `keeper_id`, `keeper_rank` and `group_key`."""
    keeper = best.select(
        F.col("content_id").alias("keeper_content"),
        F.col("best").alias("keeper_rank"),
        F.col("best.image_id").alias("keeper_id"),
    )
    return (
        ranked.join(assigned, "content_id", "left")
        .withColumn("keeper_content", F.coalesce("keeper_content", "content_id"))
        .withColumn("group_key", F.coalesce("component", "content_id"))
        .join(keeper, "keeper_content")
    )


def _with_names(grouped: DataFrame, snapshot: DataFrame) -> DataFrame:
    """Images with their keepers, and `kind`: null, same_file, exact or near.

    It is null for a keeper on all its days: an image whose file changed from one day to another
    does not remove itself. It is same_file for another name of the keeper's file.
    """
    files = shared_files(snapshot)
    keepers = files.withColumnsRenamed({"image_id": "keeper_id", "file": "keeper_file"})
    kind = (
        F.when(F.col("image_id") == F.col("keeper_id"), F.lit(None))
        .when(F.col("file") == F.col("keeper_file"), "same_file")
        .when(F.col("content_id") == F.col("keeper_content"), "exact")
        .otherwise("near")
    )
    return (
        grouped.join(files, ["content_id", "image_id"], "left")
        .join(keepers, ["content_id", "keeper_id"], "left")
        .withColumn("kind", kind)
    )


def _reason(order: Sequence[str]) -> Column:
    """Why an image is kept or removed, in words."""
    why: Column = F.lit(_LAST)
    for name, key in reversed(keys_of(order).items()):
        better = F.col(f"keeper_rank.{name}") < F.col(f"rank.{name}")
        same = F.col(f"keeper_rank.{name}") == F.col(f"rank.{name}")
        why = F.when(better, key.words).when(same, why)
    kind = F.col("kind")
    removed = F.concat(kind, F.lit(" copy; its keeper "), why)
    named = F.when(kind == "same_file", "another name of its keeper's file, kept with it")
    return F.when(kind.isNull(), "keeper").otherwise(F.coalesce(named, removed))
