"""The stage: reads the `candidates` that changed, decides them, publishes the `pairs`."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.console import say
from imgdedup.lake import Lake
from imgdedup.lake.schemas import VERDICTS_DATASET
from imgdedup.relations.contents import only
from imgdedup.relations.sides import SIDES, beside, either_side, only_pairs
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling import changes
from imgdedup.settling.absence import ABSENT, present, read_absent, stage_absent
from imgdedup.settling.changes import Delta
from imgdedup.settling.checks import require_whole
from imgdedup.settling.preferences import rules_with
from imgdedup.settling.reviews import Reviews, read_figures
from imgdedup.settling.settlement import Settlement
from imgdedup.stages.verify import pairs, reviewing, verdicts
from imgdedup.stages.verify.comparing import decide
from imgdedup.stages.verify.confirming import confirm, pairs_of_groups
from imgdedup.stages.verify.looking import AGREE, DIFFER, LOOKS, UNCONFIRMED
from imgdedup.stages.verify.presence import find_absent

_LOOKED = [*LOOKS.names, "news", "review"]
_PAIR_KEY = ["left_id", "right_id", "left_content", "right_content"]
_OPEN = "unconfirmed"  # the number of pairs whose originals have to be looked at again


def run(run: Run) -> Outcome:
    """Decide the candidates that changed, and write the pairs that changed."""
    lake, config = run.lake, run.config.verify
    verifier = verdicts.fingerprint(config)
    require_whole(lake, "candidates", lake.days("candidates"), "search")
    settlement = Settlement(
        lake,
        "verify",
        rules=rules_with(verifier, run.config.group.keeper_order),
        reads="candidates",
        writes=("pairs", VERDICTS_DATASET),
    )
    reviews = Reviews(lake)
    is_open = (lake.read_text(_OPEN) or "0") != "0"
    if settlement.is_done and not is_open and not reviews.is_changed:
        details = {"decided": 0, "looked": 0, "verifier": verifier, "days_rewritten": 0}
        details |= read_figures(lake)
        return Outcome(lake.rows("candidates"), lake.rows("pairs"), details=details)
    undecided = _find_undecided(settlement, verifier).localCheckpoint()
    days = _days_of(undecided) | set(settlement.changed_days)
    decided = decide(
        undecided.drop("dt"), lake.read("embeddings"), config, verifier
    ).localCheckpoint()
    judged = _judged(lake, decided, days).localCheckpoint()
    looks, absent, said = None, lake.frame([], ABSENT), reviews.bearing(settlement.snapshot)
    touched = _with_reviewed(settlement, reviews)
    if config.originals:
        looks, absent = _look(run, _Judged(judged, days, touched, said), settlement)
        news = looks.where("news").localCheckpoint()
        more = _days_of(only_pairs(lake.read("candidates"), news)) - days
        judged = judged.unionByName(lake.read(VERDICTS_DATASET, sorted(more)))
        judged = verdicts.with_looks(judged, looks.where("review IS NULL")).localCheckpoint()
        days |= more
        moved = _moved(read_absent(lake), absent)
        seen = changes.touched_by(either_side(news).union(moved), settlement.snapshot)
        touched = changes.together(touched, seen).localCheckpoint()
    said = reviewing.looked(said, looks)
    images = present(settlement.snapshot, absent)
    found = _Judged(judged, days, touched, said)
    delta = _pairs_delta(settlement, found, images, run.run_id)
    tables = settlement.stage_delta("pairs", delta)
    tables += lake.stage_days(VERDICTS_DATASET, judged, days & set(settlement.days))
    tables += lake.stage_removal(VERDICTS_DATASET, settlement.days)
    counts, gone = _looked(looks), absent.count()
    if gone:
        say(f"verify: images whose files are gone or changed: {gone:,}; nothing goes for them")
    tables += lake.stage_text(_OPEN, str(counts[UNCONFIRMED])) + stage_absent(lake, absent)
    tables += reviews.stage(said)
    if reviews.has_different:
        touched = _with_partners(settlement, touched, delta)
    settlement.publish(tables, "group", touched=touched)
    kinds = pairs.count_kinds(lake.read("pairs"))
    details = {
        "decided": decided.count(),
        "looked": sum(counts.values()),
        "differ": counts[DIFFER],
        "unconfirmed": counts[UNCONFIRMED],
        "absent": gone,
        "verifier": verifier,
        "days_rewritten": len(tables.days("pairs")),
        **kinds,
        **read_figures(lake),
    }
    return Outcome(lake.rows("candidates"), sum(kinds.values()), details=details)


@dataclass(frozen=True)
class _Judged:
    """The verdicts of some days, the touched contents, and the reviews (see `reviewing`)."""

    verdicts: DataFrame
    days: set[str]
    touched: DataFrame
    said: DataFrame | None

    def every(self, lake: Lake, settled: Sequence[str]) -> DataFrame:
        """The verdicts of all `settled` days: these ones, and those that stay."""
        return self.verdicts.unionByName(
            lake.read(VERDICTS_DATASET, sorted(set(settled) - self.days))
        )


def _with_reviewed(settlement: Settlement, reviews: Reviews) -> DataFrame:
    """The touched contents, and those with a verdict of people that came, went or changed."""
    if not reviews.is_changed:
        return settlement.touched
    reviewed = changes.touched_by(reviews.changed(settlement.snapshot), settlement.snapshot)
    return changes.together(settlement.touched, reviewed).localCheckpoint()


def _with_partners(settlement: Settlement, touched: DataFrame, delta: Delta) -> DataFrame:
    """The touched contents, and those that had a pair with them.

    Where people call contents different, the two of a pair may be in two groups.
    """
    partners = only(either_side(delta.removed), settlement.snapshot)
    seen = changes.touched_by(partners, settlement.snapshot)
    return changes.together(touched, seen).localCheckpoint()


def _days_of(rows: DataFrame) -> set[str]:
    return {row["dt"] for row in rows.select("dt").distinct().collect()}


def _judged(lake: Lake, decided: DataFrame, days: set[str]) -> DataFrame:
    """The verdicts on the candidates of `days`."""
    known, candidates = (
        lake.read(dataset, sorted(days)) for dataset in (VERDICTS_DATASET, "candidates")
    )
    return verdicts.merge_verdicts(known, decided, candidates)


def _look(run: Run, judged: _Judged, settlement: Settlement) -> tuple[DataFrame, DataFrame]:
    """What second looks find of the groups that changed, and the images that are absent now.

    Gives LOOKS, whether that is `news`, and `review`; and ABSENT.
    """
    lake = run.lake
    every = judged.every(lake, settlement.days)
    copies = reviewing.edges_of(every, judged.said).localCheckpoint()
    waiting = copies.where(F.col("originals") == UNCONFIRMED)
    # The groups of contents that are gone lose a member, and may have another keeper.
    former = beside(lake.read("pairs").where("kind = 'near'"), judged.touched)
    concerned = judged.touched.select("content_id").union(either_side(waiting))
    touched = concerned.union(either_side(former)).distinct()
    edges = pairs_of_groups(copies, touched).localCheckpoint()
    members = touched.union(either_side(edges)).distinct().localCheckpoint()
    found = find_absent(members, settlement.snapshot, lake, run.config)
    known = read_absent(lake).join(members, "content_id", "left_anti")
    absent = known.select(*ABSENT.names).union(found).localCheckpoint()
    apart = reviewing.apart_of(judged.said)
    looks = confirm(edges, present(settlement.snapshot, absent), lake, run.config, apart)
    before = copies.select(*LOOKS.names, "review").toDF(*SIDES, "before", "before_detail", "review")
    same = F.expr("before <=> originals AND before_detail <=> originals_detail")
    compared = looks.join(before, [*SIDES]).withColumn("news", ~same).select(*_LOOKED)
    if judged.said is not None:
        compared = compared.unionByName(reviewing.forgotten(every, judged.said))
    return compared.localCheckpoint(), absent


def _moved(before: DataFrame, after: DataFrame) -> DataFrame:
    """The contents (`content_id`) of the images that are absent only before or only after."""
    times = before.union(after).groupBy(*ABSENT.names).count()
    return times.where("count = 1").select("content_id").distinct()


def _looked(looks: DataFrame | None) -> dict[str, int]:
    counts = dict.fromkeys((AGREE, DIFFER, UNCONFIRMED), 0)
    if looks is not None:
        found = looks.where("originals IS NOT NULL").groupBy("originals").count().collect()
        counts |= {row["originals"]: row["count"] for row in found}
    return counts


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


def _pairs_delta(
    settlement: Settlement, judged: _Judged, snapshot: DataFrame, run_id: str
) -> Delta:
    """How the verdicts change the pairs of touched contents.

    `snapshot` has the images that take part.
    """
    lake, touched, said = settlement.lake, judged.touched, judged.said
    since = changes.since(touched)
    wanted = since if said is not None else since & F.expr(verdicts.IS_COPY)
    near = verdicts.copies_of(
        lake.read("candidates").where(since),
        beside(judged.every(lake, settlement.days).where(wanted), touched),
        None if said is None else beside(said, touched),
    ).localCheckpoint()
    concerned = touched.select("content_id").union(either_side(near)).distinct()
    images = pairs.images_of(only(snapshot, concerned))
    found = beside(pairs.make_pairs(near, images, run_id), touched)
    stored = beside(lake.read("pairs").where(since), touched)
    return Delta(stored, found.localCheckpoint(), _PAIR_KEY)
