"""index and search over a real Milvus Lite, against a plain product of all with all."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup import index, search
from imgdedup.config import Config, SearchConfig
from imgdedup.errors import UserError
from imgdedup.milvus import IndexAddress, MilvusIndex
from imgdedup.milvus_server import serving
from imgdedup.schemas import CANDIDATES
from imgdedup.vectors import similarities
from tests.spark.tables import Image, candidates, embeddings, frame

DAY, OTHER = "2026-01-01", "2026-01-02"
DIMS = 24
SIMILARITY = 0.9
Pairs = dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def served(settings: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexAddress]:
    with serving(settings.milvus, str(tmp_path_factory.mktemp("root")), "m") as address:
        yield address


@pytest.fixture
def address(served: IndexAddress, request: pytest.FixtureRequest) -> IndexAddress:
    """A collection of its own for each test."""
    return replace(served, collection=re.sub("[^a-z0-9]", "_", request.node.name))


@pytest.fixture
def milvus(address: IndexAddress) -> Iterator[MilvusIndex]:
    milvus = address.connect()
    milvus.create(DIMS)
    yield milvus
    milvus.close()


@pytest.fixture
def section(settings: Config) -> SearchConfig:
    return replace(settings.search, similarity=SIMILARITY, page_size=4, query_batch=16)


def corpus(seed: int = 0) -> dict[str, np.ndarray]:
    """Embeddings of any length: families of variants, a hub of 60 of them, and loners."""
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
    return rows.select("content_id", "embedding")


def brute_force(vectors: dict[str, np.ndarray], least: float) -> Pairs:
    names = sorted(vectors)
    matrix = np.stack([vectors[name] for name in names]).astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    cosines = matrix @ matrix.T
    return {
        (names[a], names[b]): cosines[a, b]
        for a in range(len(names))
        for b in range(a + 1, len(names))
        if cosines[a, b] >= least
    }


def pairs_of(found: DataFrame) -> Pairs:
    rows = found.collect()
    pairs = {(row.left_content, row.right_content): row.similarity for row in rows}
    assert len(pairs) == len(rows)
    return pairs


@pytest.fixture
def loaded(spark: SparkSession, address: IndexAddress, milvus: MilvusIndex) -> DataFrame:
    """The contents of the corpus, which the index holds."""
    rows = contents(table(spark, corpus())).repartition(3)
    index.insert(rows, address, batch=7)
    milvus.flush()
    return rows


@pytest.mark.parametrize("page_size", [1, 32, 1000])
def test_search_finds_every_pair_above_the_threshold(
    loaded: DataFrame, address: IndexAddress, section: SearchConfig, page_size: int
) -> None:
    chosen = replace(section, page_size=page_size)
    found = search.search(loaded, len(corpus()), address, chosen, "m")
    assert found.columns == CANDIDATES.names
    pairs = pairs_of(found)
    expected = brute_force(corpus(), SIMILARITY)
    assert set(pairs) == set(expected)
    # The hub alone makes more pairs than a page holds.
    assert sum(left.startswith("hub") for left, _ in pairs) > 1000
    for pair, similarity in pairs.items():
        assert similarity == pytest.approx(expected[pair], abs=1e-6)
        assert similarity >= SIMILARITY


def test_a_similarity_has_the_same_bits_whichever_side_asks(
    spark: SparkSession, loaded: DataFrame, address: IndexAddress, section: SearchConfig
) -> None:
    halves = [loaded.where("content_id < 'hub30'"), loaded.where("content_id >= 'hub30'")]
    one, other = (
        pairs_of(search.search(half, len(corpus()), address, section, "m")) for half in halves
    )
    both = set(one) & set(other)
    assert len(both) > 500
    assert {pair: one[pair] for pair in both} == {pair: other[pair] for pair in both}
    assert set(one) | set(other) == set(brute_force(corpus(), SIMILARITY))


def test_the_threshold_is_inclusive_to_the_last_bit(
    spark: SparkSession, address: IndexAddress, milvus: MilvusIndex, section: SearchConfig
) -> None:
    x, y, z = np.eye(DIMS, dtype=np.float32)[:3]
    vectors = {"x": x, "y": np.float32(0.6) * x + np.float32(0.8) * y, "z": z}
    milvus.insert(list(vectors), np.stack(list(vectors.values())))
    milvus.flush()
    exact = similarities(vectors["y"], x[None])[0]
    for least, expected in ((exact, {("x", "y")}), (np.nextafter(exact, 1), set())):
        chosen = replace(section, similarity=float(least))
        found = search.search(contents(table(spark, vectors)), 3, address, chosen, "m")
        assert set(pairs_of(found)) == expected


def test_a_single_content_has_no_neighbour(
    spark: SparkSession, address: IndexAddress, milvus: MilvusIndex, section: SearchConfig
) -> None:
    alone = {"x": corpus()["a00"]}
    rows = contents(table(spark, alone))
    index.insert(rows, address, batch=10)
    milvus.flush()
    assert pairs_of(search.search(rows, 1, address, section, "m")) == {}


def test_more_neighbours_than_a_server_gives_stop_the_run(
    loaded: DataFrame, milvus: MilvusIndex, section: SearchConfig
) -> None:
    chosen = replace(section, max_neighbours=20)
    query = milvus.vectors(["hub00"])
    with pytest.raises(UserError, match=r"more than 20 neighbours.*search\.similarity"):
        search.all_neighbours(milvus, query, len(corpus()), chosen)


def test_the_index_becomes_exactly_the_table(
    spark: SparkSession, address: IndexAddress, milvus: MilvusIndex
) -> None:
    first = dict(list(corpus().items())[:40])
    second = dict(list(corpus().items())[25:60])
    for vectors in (first, second, second, first):
        rows = table(spark, vectors)
        # Content by content, whatever else names it: a copy, another day, a broken image.
        more = [Image("copy", "hub30", OTHER, embedding=tuple(map(float, vectors["hub30"])))]
        rows = rows.union(embeddings(spark, [*more, Image("broken", None, OTHER)]))
        before = milvus.keys()
        changes = index.compare(rows, milvus)
        assert set(changes.missing) == set(vectors) - before
        assert set(changes.surplus) == before - set(vectors)
        milvus.delete(changes.surplus)
        new = index.only(contents(table(spark, vectors)), changes.missing)
        assert index.insert(new, address, batch=7) == len(changes.missing)
        milvus.flush()
        index.check(rows, milvus, milvus.count())
        assert milvus.keys() == set(vectors)
        stored = milvus.vectors(sorted(vectors))
        given = np.stack([vectors[name] for name in sorted(vectors)])
        norms = np.linalg.norm(given, axis=1, keepdims=True)
        np.testing.assert_allclose(stored, given / norms, rtol=1e-6)


def test_an_index_that_is_not_the_table_is_told_by_numbers(
    spark: SparkSession, address: IndexAddress, milvus: MilvusIndex
) -> None:
    vectors = dict(list(corpus().items())[:10])
    rows = table(spark, vectors)
    index.insert(contents(rows), address, batch=10)
    milvus.delete(["hub03", "hub04"])
    milvus.insert(["surplus"], np.eye(1, DIMS, dtype=np.float32))
    milvus.flush()
    with pytest.raises(RuntimeError, match="2 contents are missing from it and 1 are too many"):
        index.check(rows, milvus, milvus.count())
    milvus.insert(["hub03", "hub04"], np.eye(2, DIMS, dtype=np.float32))
    milvus.delete(["surplus"])
    milvus.flush()
    index.check(rows, milvus, 10)
    with pytest.raises(RuntimeError, match="counts 11 vectors for 10 keys"):
        index.check(rows, milvus, 11)


def test_no_contents_are_inserted_as_nothing(
    spark: SparkSession, address: IndexAddress, milvus: MilvusIndex
) -> None:
    nothing = frame(spark, [], "content_id string, embedding array<float>")
    assert index.insert(nothing, address, batch=10) == 0
    assert milvus.count() == 0


def test_candidates_of_a_searched_day_take_the_place_of_those_before(spark: SparkSession) -> None:
    rows = embeddings(
        spark,
        [
            Image("1", "a", DAY),
            Image("2", "b", OTHER),
            Image("3", "c", OTHER),
            Image("4", "b", DAY),
            Image("5", "d", OTHER),
            Image("6", None, DAY),
        ],
    )
    before = [("a", "b", 0.91), ("c", "d", 0.92), ("c", "gone", 0.93), ("a", "c", 0.94)]
    stored = candidates(spark, before).union(candidates(spark, [("c", "d", 0.5)], "old model"))
    found = candidates(spark, [("a", "b", 0.99), ("b", "d", 0.98)])
    asked = frame(spark, [("a",), ("b",)], "content_id string")
    settled = search.settle(stored.withColumn("dt", F.lit("any")), found, asked, rows)
    assert settled.columns == [*CANDIDATES.names, "dt"]
    assert sorted(settled.collect()) == [
        ("a", "b", 0.99, "model", DAY),
        ("b", "d", 0.98, "model", OTHER),
        ("c", "d", 0.92, "model", OTHER),
    ]
