"""The stage: reads the `candidates` that changed, decides them, publishes the `pairs`."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.lake.schemas import VERDICTS_DATASET
from imgdedup.relations.contents import only
from imgdedup.relations.sides import beside, either_side
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.changes import Delta
from imgdedup.settling.checks import require_whole
from imgdedup.settling.settlement import Settlement
from imgdedup.stages.verify import pairs, verdicts
from imgdedup.stages.verify.comparing import decide

_PAIR_KEY = ["left_id", "right_id", "left_content", "right_content"]


def run(run: Run) -> Outcome:
    """Decide the candidates that changed, and write the pairs that changed."""
    lake, config = run.lake, run.config.verify
    verifier = verdicts.fingerprint(config)
    require_whole(lake, "candidates", lake.days("candidates"), "search")
    settlement = Settlement(
        lake, "verify", rules=verifier, reads="candidates", writes=("pairs", VERDICTS_DATASET)
    )
    if settlement.is_done:
        details = {"decided": 0, "verifier": verifier, "days_rewritten": 0}
        return Outcome(lake.rows("candidates"), lake.rows("pairs"), details=details)
    undecided = _find_undecided(settlement, verifier).localCheckpoint()
    days = {row["dt"] for row in undecided.select("dt").distinct().collect()}
    days |= set(settlement.changed_days)
    decided = decide(
        undecided.drop("dt"), lake.read("embeddings"), config, verifier
    ).localCheckpoint()
    judged = verdicts.merge_verdicts(
        lake.read(VERDICTS_DATASET, sorted(days)), decided, lake.read("candidates", sorted(days))
    )
    delta = _pairs_delta(settlement, judged, days, run.run_id)
    tables = settlement.stage_delta("pairs", delta)
    settlement.publish(
        lake.stage_days(VERDICTS_DATASET, judged, days & set(settlement.days))
        + lake.stage_removal(VERDICTS_DATASET, settlement.days)
        + tables,
        "group",
    )
    kinds = pairs.count_kinds(lake.read("pairs"))
    details = {
        "decided": decided.count(),
        "verifier": verifier,
        "days_rewritten": len(tables.days("pairs")),
        **kinds,
    }
    return Outcome(lake.rows("candidates"), sum(kinds.values()), details=details)


def _find_undecided(settlement: Settlement, verifier: str) -> DataFrame:
    """The candidates of changed days, or of touched contents, that have no verdict that stands."""
    lake, touched = settlement.lake, settlement.touched
    is_changed = F.col("dt").isin(settlement.changed_days)
    since = settlement.since
    candidates = lake.read("candidates")
    open_candidates = candidates.where(is_changed).unionByName(
        beside(candidates.where(since & ~is_changed), touched)
    )
    known = lake.read(VERDICTS_DATASET).where(is_changed | since)
    return verdicts.find_undecided(open_candidates, known, settlement.snapshot, verifier)


def _pairs_delta(settlement: Settlement, judged: DataFrame, days: set[str], run_id: str) -> Delta:
    """How the verdicts `judged`, those of `days`, change the table of pairs."""
    lake, touched = settlement.lake, settlement.touched
    since = settlement.since
    others = lake.read(VERDICTS_DATASET, sorted(set(settlement.days) - days))
    copies = judged.unionByName(others).where(since & F.col("duplicate"))
    near = verdicts.copies_of(
        lake.read("candidates").where(since), beside(copies, touched)
    ).localCheckpoint()
    concerned = touched.select("content_id").union(either_side(near)).distinct()
    images = pairs.images_of(only(settlement.snapshot, concerned))
    found = beside(pairs.make_pairs(near, images, run_id), touched)
    stored = beside(lake.read("pairs").where(since), touched)
    return Delta(stored, found.localCheckpoint(), _PAIR_KEY)
