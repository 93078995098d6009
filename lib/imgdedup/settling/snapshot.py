"""The snapshot: the images with an embedding, as `search` last settled them.

`search` compares the snapshot with `embeddings`, and so learns which contents are touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import ColumnKey
from imgdedup.errors import TryAgain
from imgdedup.lake import Lake, Staged
from imgdedup.lake.schemas import SNAPSHOT, SNAPSHOT_DATASET
from imgdedup.relations.contents import embedded, only
from imgdedup.settling import changes
from imgdedup.settling.preferences import check_kinds, with_preference
from imgdedup.settling.settlement import Settlement


def snapshot_of(embeddings: DataFrame) -> DataFrame:
    """The images that have an embedding: the columns of SNAPSHOT, and `dt`; no `preference`.

    A day that an earlier version embedded has no `file_key`. The uri, as it is spelled, stands in.
    """
    rows = embedded(embeddings)
    rows = rows.withColumn("file_key", F.coalesce("file_key", "uri"))
    nothing = F.lit(None).cast(SNAPSHOT["preference"].dataType)
    return rows.withColumn("preference", nothing).select(*SNAPSHOT.names, "dt")


@dataclass(frozen=True)
class SnapshotChange:
    """How `embeddings` differs from the snapshot that search settled before."""

    before: DataFrame  # a snapshot
    after: DataFrame  # a snapshot
    touched: DataFrame
    days: list[str]  # of `after`
    rewritten: list[str]  # the days whose snapshot has to be written
    postponed: list[str]  # the days embedded since `index`: the run of such a day settles it
    versions: Mapping[str, str]  # of the partitions of `embeddings` that `after` is made of

    def require_indexed(self, days: Sequence[str]) -> None:
        """Raise TryAgain when one of the run's own `days` is postponed."""
        late = sorted(set(days) & set(self.postponed))
        if late:
            raise TryAgain(
                f"the collection lacks contents of {', '.join(late)}, which were embedded since it "
                "was filled: run index again"
            )

    def dated(self, contents: DataFrame) -> DataFrame:
        """Distinct contents (`content_id`) as touched contents."""
        return changes.dated(contents, self.before, self.after)

    def stage(self, lake: Lake) -> Staged:
        """Stage the new snapshot."""
        return lake.stage_days(SNAPSHOT_DATASET, self.after, self.rewritten) + lake.stage_removal(
            SNAPSHOT_DATASET, self.days
        )


def compare_snapshot(
    settlement: Settlement,
    embeddings: DataFrame,
    missing: DataFrame,
    ranking: Sequence[ColumnKey] = (),
) -> SnapshotChange:
    """Compare the snapshot with `embeddings`, and with the manifests' `ranking` columns.

    `embeddings` were read after the settlement was opened. So a day that was replaced in between
    counts as changed once more. `missing` are contents (`content_id`) of `embeddings` that the
    collection lacks. A day with one of them is postponed.

    Raises UserError when a column is missing, or its values have no common order.
    """
    lake, versions = settlement.lake, settlement.versions
    before, changed = settlement.snapshot, settlement.changed_days
    fresh = snapshot_of(embeddings.where(F.col("dt").isin(changed)))
    if ranking:
        fresh = with_preference(lake, fresh, changed, ranking)
    late = only(fresh, missing).select("dt").distinct().collect()
    postponed = {row["dt"] for row in late}
    stale = sorted(set(changed) - postponed)
    after = before.where(~F.col("dt").isin(stale)).unionByName(fresh.where(F.col("dt").isin(stale)))
    if ranking:
        check_kinds(after, ranking)
    known = set(settlement.days)
    present = sorted((versions.keys() - postponed) | (known & postponed))
    settled = settlement.settled_versions
    return SnapshotChange(
        before=before,
        after=after,
        touched=changes.touched(before, after, None if settlement.everything else stale),
        days=present,
        rewritten=sorted(set(stale) & set(present)),
        postponed=sorted(postponed),
        versions={
            day: settled.get(day, "") if day in postponed else versions[day] for day in present
        },
    )
