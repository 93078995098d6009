"""What a run changes in the groups: the rows that it adds to `group_changes`.

A group goes on while one of its contents stays in the group of its name. Otherwise the former group
ends, and the new one begins, even if the two have one name.

- `created`: it begins, and its contents were in no group.
- `renamed`: it begins with all that is left of one group, or it ended and is that group.
- `merged`: it has contents of several groups, or it ended and joined a group that has others.
- `split`: its former contents are in several groups, or it begins with a part of a group.
- `grew`: it goes on and has new images; others may have gone.
- `shrank`: it goes on without some images, and has no new ones.
- `keeper_changed`: it goes on with the same images, and keeps others or for other reasons.
- `dissolved`: it ended, and its contents are in no group.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from imgdedup.lake import Staged
from imgdedup.lake.schemas import GROUP_CHANGES
from imgdedup.settling.changes import Delta
from imgdedup.settling.settlement import Settlement

_DATASET = "group_changes"
_MOST = 1000  # images in a row, and names of other groups
_IMAGE = ["dt", "image_id", "content_id"]  # an image with other bytes is another image
_STATE = ["keeper_id", "is_keeper"]
_STAYS, _ENDS, _BEGINS = "stays", "ends", "begins"
_COUNTS = ["images_before", "images_after", "keepers_before", "keepers_after"]


def stage_changes(
    settlement: Settlement, delta: Delta, groups: Staged, dt: str, run_id: str
) -> tuple[Staged, int]:
    """Stage the rows of a run, and count the changes.

    `delta` is how the groups of touched contents change, and `groups` is what was staged of it.
    The first rows of a lake tell of all groups.
    """
    lake = settlement.lake
    known = lake.days(_DATASET)
    if known and not groups.partitions:
        return Staged(), 0
    before, after = delta.removed, delta.added
    if not known:
        stored = lake.read("groups", [] if settlement.everything else None)
        others = stored.join(before.select(*delta.key, "dt"), [*delta.key, "dt"], "left_anti")
        before, after = before.limit(0), after.unionByName(others)
    elif settlement.everything:  # the stored groups may be damaged, or of other rules
        before = replayed(lake.read(_DATASET))
    last = lake.read(_DATASET).agg(F.max("sequence")).collect()[0][0] or 0
    changes = (
        find_changes(before, after)
        .withColumn("sequence", F.lit(last + 1).cast("long"))
        .withColumn("run_id", F.lit(run_id))
        .localCheckpoint()
    )
    count = changes.where("part = 0").count()
    return lake.stage_more(_DATASET, dt, changes) if count else Staged(), count


def replayed(changes: DataFrame) -> DataFrame:
    """The images of all groups after all `changes`: `group_id` and the columns of GROUP_IMAGE."""
    # Odd steps add and even ones remove: what was added last is there.
    removed, added = (
        changes.select(
            "group_id", F.explode(name).alias("image"), (F.col("sequence") * 2 + odd).alias("step")
        )
        for odd, name in enumerate(("removed", "added"))
    )
    last = removed.union(added).groupBy("group_id", "image").agg(F.max("step").alias("last"))
    return last.where("last % 2 = 1").select("group_id", "image.*")


def find_changes(before: DataFrame, after: DataFrame) -> DataFrame:
    """How groups change: the columns of GROUP_CHANGES, without `sequence` and `run_id`.

    `before` and `after` are whole groups: `group_id` and the columns of GROUP_IMAGE.
    """
    links = _links(before, after).localCheckpoint()
    images = _images(_with_roles(before, links, "former"), _with_roles(after, links, "later"))
    group = Window.partitionBy("group_id", "role")
    kept = [F.count_if(F.col(f"{side}.is_keeper")).over(group) for side in ("before", "after")]
    counts = [F.count(side).over(group) for side in ("before", "after")] + kept
    came, gone = (F.max(F.col(side).isNull()).over(group) for side in ("before", "after"))
    change = F.when(came, "grew").when(gone, "shrank").otherwise("keeper_changed")
    number = F.row_number().over(group.orderBy(*_IMAGE))
    moved = (
        images.withColumns(dict(zip(_COUNTS, counts, strict=True)))
        .withColumn("change", F.coalesce("change", change))
        .where("NOT before <=> after")
        .withColumn("part", F.floor((number - 1) / _MOST).cast("int"))
        .groupBy("group_id", "role", "change", "part", *_COUNTS)
        .agg(_listed("before").alias("removed"), _listed("after").alias("added"))
    )
    named = moved.join(_others(links, "later", "former", _BEGINS), ["group_id", "role"], "left")
    named = named.join(_others(links, "former", "later", _ENDS), ["group_id", "role"], "left")
    for name in ("former_ids", "later_ids"):
        named = named.withColumn(name, F.coalesce(name, F.array().cast("array<string>")))
    told = [field for field in GROUP_CHANGES.fields if field.name in named.columns]
    return named.select(*(F.col(field.name).cast(field.dataType) for field in told))


def _links(before: DataFrame, after: DataFrame) -> DataFrame:
    """Which `former` and `later` groups have a content in common; for each how many partners.

    `laters` counts the later groups of the former one, `formers` the former ones of the later.
    """
    was, now = (
        rows.select("content_id", F.col("group_id").alias(name)).distinct()
        for rows, name in ((before, "former"), (after, "later"))
    )
    both = was.join(now, "content_id").select("former", "later").distinct()
    return both.withColumn(
        "laters", F.count(F.lit(1)).over(Window.partitionBy("former"))
    ).withColumn("formers", F.count(F.lit(1)).over(Window.partitionBy("later")))


def _with_roles(groups: DataFrame, links: DataFrame, side: str) -> DataFrame:
    """The rows of groups with `role` and `change`; a group that goes on may have no `change` yet.

    `side` says whether these are the `former` or the `later` groups of `links`.
    """
    own, other = ("laters", "formers") if side == "former" else ("formers", "laters")
    is_same = F.col("former") == F.col("later")
    kin = links.groupBy(F.col(side).alias("group_id")).agg(
        F.max(is_same).alias("stays"),
        F.max(F.when(is_same, F.col("formers"))).alias("merging"),
        F.max(F.when(is_same, F.col("laters"))).alias("splitting"),
        F.max(own).alias("own"),
        F.max(other).alias("other"),
    )
    stays = F.coalesce("stays", F.lit(False))
    alone, role, several, part = (
        ("dissolved", _ENDS, "split", "merged")
        if side == "former"
        else ("created", _BEGINS, "merged", "split")
    )
    going_on = F.when(F.col("merging") > 1, "merged").when(F.col("splitting") > 1, "split")
    other_change = (
        F.when(F.col("own").isNull(), alone)
        .when(F.col("own") > 1, several)
        .when(F.col("other") == 1, "renamed")
        .otherwise(part)
    )
    return groups.join(kin, "group_id", "left").select(
        "group_id",
        F.when(stays, _STAYS).otherwise(role).alias("role"),
        F.when(stays, going_on).otherwise(other_change).alias("change"),
        *_IMAGE,
        F.struct(*_STATE).alias("state"),
    )


def _images(before: DataFrame, after: DataFrame) -> DataFrame:
    """Each image of a group once, with its state `before` and `after`; null: it was not there."""
    both = before.withColumn("side", F.lit("before")).unionByName(
        after.withColumn("side", F.lit("after"))
    )
    states = [
        F.min(F.when(F.col("side") == side, F.col("state"))).alias(side)
        for side in ("before", "after")
    ]
    return both.groupBy("group_id", "role", "change", *_IMAGE).agg(*states)


def _listed(side: str) -> Column:
    """The images of a side, in order, as structs of GROUP_IMAGE."""
    image = F.struct(*_IMAGE, *(F.col(f"{side}.{name}").alias(name) for name in _STATE))
    found = F.collect_list(F.when(F.col(side).isNotNull(), image))
    return F.array_sort(found)


def _others(links: DataFrame, own: str, other: str, role: str) -> DataFrame:
    """For each group of the side `own` the first groups of the side `other`, `<other>_ids`.

    `role` is that of the groups of `own` that do not go on.
    """
    group = Window.partitionBy(own)
    goes_on = F.max(F.col("former") == F.col("later")).over(group)
    number = F.row_number().over(group.orderBy(other))
    others = links.withColumn("role", F.when(goes_on, _STAYS).otherwise(role))
    first = others.where("former != later").withColumn("number", number).where(f"number <= {_MOST}")
    ids = F.array_sort(F.collect_list(other)).alias(f"{other}_ids")
    return first.groupBy(F.col(own).alias("group_id"), "role").agg(ids)
