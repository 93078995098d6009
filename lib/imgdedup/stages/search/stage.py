"""The stage: reads what changed in `embeddings`, asks Milvus, publishes the `candidates`."""

from contextlib import closing

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.console import say
from imgdedup.lake import Staged
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.milvus.client import CollectionAddress, MilvusCollection
from imgdedup.milvus.embedded import serving
from imgdedup.relations.collected import Difference, compare
from imgdedup.relations.contents import (
    DESCRIBED,
    contents,
    embedded,
    require_one_model,
    without,
)
from imgdedup.relations.keepers import best_ranks, ranked_images
from imgdedup.relations.preference import column_keys
from imgdedup.relations.prefixes import NOTHING, SharedPrefixes
from imgdedup.runtime.run import Outcome, Run
from imgdedup.settling.changes import Delta
from imgdedup.settling.checks import require_embedded, unmarked_manifests
from imgdedup.settling.pinned import is_refitting, require_projection, stage_switch
from imgdedup.settling.preferences import NO_IMAGE, rules_with
from imgdedup.settling.settlement import Settlement
from imgdedup.settling.snapshot import SnapshotChange, compare_snapshot
from imgdedup.space.projection import Projection
from imgdedup.stages.search import candidates, certificate
from imgdedup.stages.search.candidates import Found
from imgdedup.stages.search.neighbours import NeighbourQuery, share_vanished

_WRITES = ("candidates", SNAPSHOT_DATASET)


def run(run: Run) -> Outcome:
    """Ask Milvus for the neighbours of the contents that changed, and write the candidates."""
    lake, config = run.lake, run.config.search
    require_embedded(lake, run.days, "search")
    model = require_one_model(lake.read("embeddings"))
    if model is None:
        _settle_no_image(run)
        return Outcome(0, 0)
    projection = require_projection(lake, model)
    settlement = _settlement(run, projection)
    if settlement.is_done and not is_refitting(lake):
        done = {"days_rewritten": 0, "projection": projection.fingerprint}
        return Outcome(0, lake.rows("candidates"), model, done)
    with (
        serving(run.config.milvus, lake.root, model, projection.fingerprint) as address,
        closing(address.connect()) as collection,
    ):
        embeddings = lake.read("embeddings")
        difference = compare(embedded(embeddings), address, collection.count())
        candidates.require_filled(difference.keys)
        ranking = column_keys(run.config.group.keeper_order)
        change = compare_snapshot(settlement, embeddings, difference.missing, ranking)
        change.require_indexed(run.days)
        indexed = contents(embeddings, *DESCRIBED)
        if difference.missing_count:  # another day was embedded since index
            indexed = without(indexed, difference.missing)
        recall, sampled = _certify(run, indexed, collection, address, projection)
        stored = lake.read("candidates", [] if settlement.everything else None)
        vanished = _vanished(embeddings, change, difference)
        query = NeighbourQuery(address, difference.keys, projection.threshold, config, vanished)
        found = _find(run, settlement, change, stored, query)
        touched = change.dated(found.asked.union(change.touched.select("content_id")).distinct())
        delta = candidates.replace_candidates(
            stored, found, touched, change.after, model, projection.fingerprint
        )
        tables = _stage_tables(settlement, change, delta)
        if is_refitting(lake):
            tables += stage_switch(lake)
        settlement.publish(tables, "verify", touched=touched, versions=change.versions)
        dropped = collection.drop_others()
    if found.crowded:
        say(candidates.crowded_words(found.crowded, config))
    details = {
        "vectors": difference.keys,
        "days_rewritten": len(tables.days("candidates")),
        "days_waiting": len(change.postponed),
        "recall": f"{recall:.4f}",
        "recall_sample": sampled,
        "crowded": found.crowded,
        "projection": projection.fingerprint,
        "collections_dropped": len(dropped),
    }
    return Outcome(found.asked.count(), lake.rows("candidates"), model, details)


def _settlement(run: Run, projection: Projection) -> Settlement:
    """What this search has to do. It reads the manifests, too, if their columns rank images."""
    order = run.config.group.keeper_order
    has_columns = bool(column_keys(order))
    return Settlement(
        run.lake,
        "search",
        rules=rules_with(candidates.rules(projection.fingerprint, run.config.search), order),
        reads="embeddings",
        writes=_WRITES,
        beside="manifest" if has_columns else None,
        unsure=unmarked_manifests(run.lake, run.days) if has_columns else (),
    )


def _settle_no_image(run: Run) -> None:
    """Publish that no image has an embedding: no candidate stays."""
    lake = run.lake
    settlement = Settlement(lake, "search", rules=NO_IMAGE, reads="embeddings", writes=_WRITES)
    embeddings = lake.read("embeddings")
    change = compare_snapshot(settlement, embeddings, embedded(embeddings))
    nothing = lake.read("candidates", [])
    tables = _stage_tables(settlement, change, Delta(nothing, nothing, []))
    settlement.publish(tables, "verify", touched=change.touched, versions=change.versions)


def _stage_tables(settlement: Settlement, change: SnapshotChange, delta: Delta) -> Staged:
    """Stage the candidates and the snapshot."""
    candidates = settlement.stage_delta("candidates", delta, change.days)
    return candidates + change.stage(settlement.lake)


def _certify(
    run: Run,
    indexed: DataFrame,
    collection: MilvusCollection,
    address: CollectionAddress,
    projection: Projection,
) -> tuple[float, int]:
    """Measure the recall of the collection on a sample, and require the least recall."""
    config = run.config.search
    recall, sampled = certificate.measure_recall(
        indexed, collection, projection, config.certificate_sample
    )
    certificate.require_recall(recall, config.min_recall, address)
    return recall, sampled


def _vanished(
    embeddings: DataFrame, change: SnapshotChange, difference: Difference
) -> SharedPrefixes:
    """The contents of the collection that no image of the snapshot has: they are no neighbours.

    Those that `embeddings` has, too, are of postponed days.
    """
    if not difference.surplus_count and not change.postponed:
        return NOTHING
    postponed = embedded(embeddings).where(F.col("dt").isin(change.postponed))
    collected = without(postponed.select("content_id"), difference.missing)
    held = collected.unionByName(difference.surplus).distinct()
    vanished = without(held, change.after).localCheckpoint()
    return share_vanished(vanished, vanished.count())


def _find(
    run: Run,
    settlement: Settlement,
    change: SnapshotChange,
    stored: DataFrame,
    query: NeighbourQuery,
) -> Found:
    """Ask for the neighbours of all contents whose candidates may have changed."""
    present = change.after.select("content_id").distinct()
    best = best_ranks(ranked_images(change.after, run.config.group.keeper_order))
    asking = candidates.contents_to_ask(
        change.touched, present, stored, everything=settlement.everything
    )
    return candidates.find_candidates(asking, present, stored, best, query)
