"""index and search with a real Milvus Lite, compared with an exact product of all vectors."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from imgdedup.config import Config, SearchConfig
from imgdedup.errors import UserError
from imgdedup.milvus.client import CollectionAddress, MilvusCollection
from imgdedup.milvus.embedded import serving
from imgdedup.relations import collected
from imgdedup.relations import contents as relations
from imgdedup.relations.collected import compare
from imgdedup.relations.contents import DESCRIBED, embedded
from imgdedup.space.projection import Part, Projection, unit
from imgdedup.space.vectors import EXTRA, margins
from imgdedup.stages import index
from imgdedup.stages.search import certificate
from imgdedup.stages.search.neighbours import NeighbourQuery
from tests.spark.tables import Image, embeddings, frame

DAY, OTHER = "2026-01-01", "2026-01-02"
DIMS = 24
THRESHOLD = 0.5
Pairs = dict[tuple[str, str], float]
SPACE = Projection(
    model="model",
    network=Part(np.full(DIMS, 0.01, np.float32), None),
    local=None,
    weight=0.0,
    background=unit(np.random.default_rng(9).standard_normal((60, DIMS))).astype(np.float32),
    threshold=THRESHOLD,
    fitted_images=60,
    expected_images=60,
)


@pytest.fixture(scope="module")
def served(
    settings: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CollectionAddress]:
    root = str(tmp_path_factory.mktemp("root"))
    with serving(settings.milvus, root, "m", "p") as address:
        yield address


@pytest.fixture
def address(served: CollectionAddress, request: pytest.FixtureRequest) -> CollectionAddress:
    """A collection of its own for each test."""
    return replace(served, collection=re.sub("[^a-z0-9]", "_", request.node.name))


@pytest.fixture
def milvus(address: CollectionAddress) -> Iterator[MilvusCollection]:
    milvus = address.connect()
    milvus.create(DIMS + EXTRA)
    yield milvus
    milvus.close()


@pytest.fixture
def section(settings: Config) -> SearchConfig:
    return replace(settings.search, page_size=4, query_batch=16, crowd=1000)


def corpus(seed: int = 0) -> dict[str, np.ndarray]:
    """Embeddings of any length: families of variants, of which a hub has 60, and loners."""
    rng = np.random.default_rng(seed)
    found = {}
    for family, size in {"hub": 60, "a": 6, "b": 4, "c": 2, "d": 2}.items():
        centre = rng.standard_normal(DIMS)
        for number in range(size):
            noise = rng.standard_normal(DIMS) * rng.choice([0.0, 0.05, 0.2, 0.35])
            scale = rng.uniform(0.1, 50)
            found[f"{family}{number:02}"] = ((centre + noise) * scale).astype(np.float32)
    for number in range(80):
        found[f"z{number:02}"] = rng.standard_normal(DIMS).astype(np.float32)
    return found


def table(spark: SparkSession, vectors: dict[str, np.ndarray]) -> DataFrame:
    """`embeddings` with one image for each content."""
    images = [
        Image(f"image {name}", name, DAY, embedding=tuple(map(float, vector)))
        for name, vector in vectors.items()
    ]
    return embeddings(spark, images)


def contents(rows: DataFrame) -> DataFrame:
    return rows.select("content_id", *DESCRIBED)


def brute_force(vectors: dict[str, np.ndarray], least: float = THRESHOLD) -> Pairs:
    names = sorted(vectors)
    stored = SPACE.stored(np.stack([vectors[name] for name in names]))
    return {
        (names[a], names[b]): margin
        for a in range(len(names))
        for b, margin in enumerate(margins(stored[a], stored)[0].tolist())
        if a < b and margin >= least
    }


def found_by(asking: DataFrame, address: CollectionAddress, chosen: SearchConfig) -> Pairs:
    """The margins of all pairs that the contents propose, the lesser content on the left."""
    with closing(address.connect()) as milvus:
        query = NeighbourQuery(address, milvus.count(), THRESHOLD, chosen)
    pairs: Pairs = {}
    for row in query.ask(asking).collect():
        pair = min(row.content_id, row.other), max(row.content_id, row.other)
        assert pairs.setdefault(pair, row.margin) == row.margin
    return pairs


@pytest.fixture
def loaded(spark: SparkSession, address: CollectionAddress, milvus: MilvusCollection) -> DataFrame:
    """The contents of the corpus, all of them indexed."""
    rows = contents(table(spark, corpus())).repartition(3)
    assert index.insert(rows, SPACE, address, batch=7) == len(corpus())
    milvus.flush()
    return rows


@pytest.mark.parametrize("page_size", [1, 1000])
def test_search_finds_every_pair_above_the_threshold(
    loaded: DataFrame, address: CollectionAddress, section: SearchConfig, page_size: int
) -> None:
    pairs = found_by(loaded, address, replace(section, page_size=page_size))
    assert pairs == brute_force(corpus())
    # The hub alone makes more pairs than a page holds.
    assert sum(left.startswith("hub") for left, _ in pairs) > 500


def test_a_margin_has_the_same_bits_whichever_side_asks(
    loaded: DataFrame, address: CollectionAddress, section: SearchConfig
) -> None:
    halves = [loaded.where("content_id < 'hub30'"), loaded.where("content_id >= 'hub30'")]
    one, other = (found_by(half, address, section) for half in halves)
    both = set(one) & set(other)
    assert len(both) > 200
    assert {pair: one[pair] for pair in both} == {pair: other[pair] for pair in both}
    assert one | other == brute_force(corpus())


def test_chosen_pairs_get_the_margins_that_a_search_finds(
    spark: SparkSession, loaded: DataFrame, address: CollectionAddress, section: SearchConfig
) -> None:
    chosen = [("hub00", "hub01"), ("z00", "hub02"), ("z00", "z01")]
    pairs = frame(spark, chosen, "content_id string, other string")
    rows = NeighbourQuery(address, 0, THRESHOLD, section).measure(pairs).collect()
    expected = brute_force(corpus(), least=-2)
    assert {(row.content_id, row.other): row.margin for row in rows} == {
        (a, b): expected[min(a, b), max(a, b)] for a, b in chosen
    }


def test_a_single_content_has_no_neighbour(
    spark: SparkSession, address: CollectionAddress, milvus: MilvusCollection, section: SearchConfig
) -> None:
    rows = contents(table(spark, {"x": corpus()["a00"]}))
    index.insert(rows, SPACE, address, batch=10)
    milvus.flush()
    assert found_by(rows, address, section) == {}
    assert certificate.measure_recall(rows, milvus, SPACE, 10) == (1.0, 1)


def test_the_certificate_of_a_sound_collection_is_one(
    loaded: DataFrame, address: CollectionAddress, milvus: MilvusCollection
) -> None:
    assert certificate.measure_recall(loaded, milvus, SPACE, 50) == (1.0, 50)
    certificate.require_recall(1.0, 1.0, address)


def test_the_driver_gets_no_more_of_the_certificate_than_its_tasks_may_send(
    loaded: DataFrame, milvus: MilvusCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    share = certificate.share_found

    def counted(found: pa.Table, queries: int) -> float:
        rows.append(len(found))
        return share(found, queries)

    monkeypatch.setattr(certificate, "share_found", counted)
    monkeypatch.setattr(certificate, "_MOST_TASKS", 2)
    parts = loaded.repartition(40)
    assert certificate.measure_recall(parts, milvus, SPACE, 50) == (1.0, 50)
    nearest, answered = 50 * certificate.NEAREST, 50 * certificate.NEAREST
    assert rows[0] <= 2 * nearest + answered


def test_the_certificate_finds_a_collection_with_other_vectors(
    loaded: DataFrame, address: CollectionAddress, milvus: MilvusCollection
) -> None:
    names = sorted(corpus())
    swapped = milvus.vectors(names)
    milvus.delete(names)
    milvus.insert(names, np.roll(swapped, 7, axis=0))
    milvus.flush()
    recall, asked = certificate.measure_recall(loaded, milvus, SPACE, 1000)
    assert asked == len(names)
    assert recall < 0.7
    with pytest.raises(
        UserError, match=rf"finds only 0\..*drop the collection {address.collection}"
    ):
        certificate.require_recall(recall, 0.99, address)


def test_the_collection_becomes_exactly_the_table(
    spark: SparkSession, address: CollectionAddress, milvus: MilvusCollection
) -> None:
    first = dict(list(corpus().items())[:40])
    second = dict(list(corpus().items())[25:60])
    for vectors in (first, second, second, first):
        rows = table(spark, vectors)
        # A copy on another day and a broken image add no content.
        more = [Image("copy", "hub30", OTHER, embedding=tuple(map(float, vectors["hub30"])))]
        rows = rows.union(embeddings(spark, [*more, Image("broken", None, OTHER)]))
        before = milvus.keys()
        difference = compare(embedded(rows), address, milvus.count())
        assert difference.missing_count == len(vectors.keys() - before)
        assert difference.surplus_count == len(before - vectors.keys())
        index.delete(difference.surplus, milvus)
        new = relations.contents(table(spark, vectors), *DESCRIBED, wanted=difference.missing)
        assert index.insert(new, SPACE, address, batch=7) == difference.missing_count
        milvus.flush()
        index.require_equal(compare(embedded(rows), address, milvus.count()), milvus.count())
        assert milvus.keys() == set(vectors)
        stored = milvus.vectors(sorted(vectors))
        given = np.stack([vectors[name] for name in sorted(vectors)])
        np.testing.assert_array_equal(stored, SPACE.stored(given))


def test_a_collection_that_differs_from_the_table_is_reported_by_numbers(
    spark: SparkSession, address: CollectionAddress, milvus: MilvusCollection
) -> None:
    vectors = dict(list(corpus().items())[:10])
    rows = table(spark, vectors)
    index.insert(contents(rows), SPACE, address, batch=10)
    milvus.delete(["hub03", "hub04"])
    milvus.insert(["surplus"], np.eye(1, DIMS + EXTRA, dtype=np.float32))
    milvus.flush()
    with pytest.raises(RuntimeError, match="2 contents are missing from it and 1 are too many"):
        index.require_equal(compare(rows, address, milvus.count()), milvus.count())
    milvus.insert(["hub03", "hub04"], np.eye(2, DIMS + EXTRA, dtype=np.float32))
    milvus.delete(["surplus"])
    milvus.flush()
    index.require_equal(compare(rows, address, 10), 10)
    with pytest.raises(RuntimeError, match="counts 11 vectors for 10 keys"):
        index.require_equal(compare(rows, address, 11), 11)


def test_the_workers_read_the_keys_of_a_large_collection(
    loaded: DataFrame,
    address: CollectionAddress,
    milvus: MilvusCollection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collected, "_BUCKET", 10)
    assert len(collected.buckets(milvus.count())) == 16
    milvus.delete(["a00", "z07"])
    milvus.insert(["surplus", "0"], np.eye(2, DIMS + EXTRA, dtype=np.float32))
    milvus.flush()
    found = compare(loaded, address, milvus.count())
    assert {row["content_id"] for row in found.missing.collect()} == {"a00", "z07"}
    assert {row["content_id"] for row in found.surplus.collect()} == {"surplus", "0"}
    assert found.keys == len(corpus())
    index.delete(found.surplus, milvus)
    assert compare(loaded, address, milvus.count()).surplus_count == 0


def test_without_contents_nothing_is_inserted(
    spark: SparkSession, address: CollectionAddress, milvus: MilvusCollection
) -> None:
    nothing = frame(spark, [], "content_id string, embedding array<float>")
    assert index.insert(nothing, SPACE, address, batch=10) == 0
    assert milvus.count() == 0
