"""Crowds cost rows in proportion to their size, and the order of the days does not matter."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config, SearchConfig
from imgdedup.milvus.client import CollectionAddress
from imgdedup.milvus.embedded import serving
from imgdedup.relations.collected import compare
from imgdedup.relations.contents import DESCRIBED, contents
from imgdedup.relations.keepers import best_ranks, ranked_images
from imgdedup.settling import changes
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.space.projection import Part, Projection
from imgdedup.space.vectors import EXTRA, margins
from imgdedup.stages import index
from imgdedup.stages.search import candidates as search
from imgdedup.stages.search import crowds
from imgdedup.stages.search.neighbours import NeighbourQuery
from tests.spark.tables import (
    MODEL,
    PROJECTION,
    Image,
    applied,
    candidates,
    dated_candidates,
    embeddings,
    frame,
    rows_of,
)

DIMS, THRESHOLD, CROWD, NEAREST = 24, 0.6, 10, 3
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
ORDER = ["pixels", "bytes", "day"]
SPACE = Projection(
    model=MODEL,
    network=Part(np.zeros(DIMS, np.float32), None),
    local=None,
    weight=0.0,
    background=np.empty((0, DIMS), np.float32),
    threshold=THRESHOLD,
    fitted_images=1,
    expected_images=1,
)
numbers = count()


@pytest.fixture(scope="module")
def served(
    settings: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CollectionAddress]:
    with serving(settings.milvus, str(tmp_path_factory.mktemp("root")), "m", "p") as address:
        yield address


@pytest.fixture(scope="module")
def section(settings: Config) -> SearchConfig:
    return replace(settings.search, page_size=4, crowd=CROWD, crowd_neighbours=NEAREST)


def corpus() -> list[Image]:
    """A hub of 40 variants, 8 at its edge, a few small groups and loners, over three days."""
    chance = np.random.default_rng(3)
    centres = chance.standard_normal((6, DIMS))
    sizes = {"hub": (40, 0.15), "edge": (8, 0.9), "a": (5, 0.2), "b": (9, 0.5), "c": (2, 0.1)}
    images = []
    for place, (name, (size, noise)) in enumerate(sizes.items()):
        centre = centres[0 if name == "edge" else place]
        for number in range(size):
            vector = centre + noise * chance.standard_normal(DIMS)
            images.append(an_image(f"{name}{number:02}", vector, chance))
    return [*images, *(an_image(f"z{n}", chance.standard_normal(DIMS), chance) for n in range(12))]


def an_image(name: str, vector: np.ndarray, chance: np.random.Generator) -> Image:
    day, width = str(chance.choice(DAYS)), int(chance.integers(50, 500))
    return Image(f"image {name}", name, day, width=width, embedding=tuple(map(float, vector)))


def searched(
    spark: SparkSession,
    address: CollectionAddress,
    section: SearchConfig,
    days: Sequence[Sequence[Image]],
) -> tuple[list[dict[str, object]], list[int]]:
    """Search after each of `days`; return the candidates, and how many contents each search asked.

    Each of `days` has all images of the lake at that time.
    """
    own = replace(address, collection=f"c{next(numbers)}")
    stored = dated_candidates(spark, [], {})
    asked_each, before = [], snapshot_of(embeddings(spark, []))
    for images in days:
        table = embeddings(spark, images).localCheckpoint()
        present = contents(table)
        with closing(own.connect()) as milvus:
            milvus.create(DIMS + EXTRA)
            difference = compare(present, own, milvus.count())
            index.delete(difference.surplus, milvus)
            new = contents(table, *DESCRIBED, wanted=difference.missing)
            index.insert(new, SPACE, own, batch=100)
            milvus.flush()
            vectors = milvus.count()
        after = snapshot_of(table)
        touched = changes.touched(before, after, DAYS)
        asking = search.contents_to_ask(touched, present, stored, everything=False)
        best = best_ranks(ranked_images(after, ORDER))
        query = NeighbourQuery(own, vectors, THRESHOLD, section)
        found = search.find_candidates(asking, present, stored, best, query)
        concerned = found.asked.union(touched.select("content_id")).distinct()
        concerned = changes.dated(concerned, before, after)
        delta = search.replace_candidates(stored, found, concerned, after, MODEL, PROJECTION)
        stored = applied(stored, delta).localCheckpoint()
        asked_each.append(found.asked.count())
        before = after
    return rows_of(stored), asked_each


@pytest.fixture(scope="module")
def at_once(
    spark: SparkSession, served: CollectionAddress, section: SearchConfig
) -> list[dict[str, object]]:
    return searched(spark, served, section, [corpus()])[0]


def neighbours() -> dict[str, list[str]]:
    """For each content the contents whose margin reaches the threshold, the nearest first."""
    images = corpus()
    stored = SPACE.stored(np.array([image.embedding for image in images], np.float32))
    found = {}
    for image, one in zip(images, stored, strict=True):
        near = zip(-margins(one, stored)[0], (str(other.content) for other in images), strict=True)
        found[str(image.content)] = [
            name for margin, name in sorted(near) if -margin >= THRESHOLD and name != image.content
        ]
    return found


def test_a_crowded_content_proposes_the_nearest_and_a_pivot_and_another_content_all(
    at_once: list[dict[str, object]],
) -> None:
    near = neighbours()
    crowded = {name for name, others in near.items() if len(others) > CROWD}
    assert {name[:3] for name in crowded} >= {"hub"}
    assert 40 <= len(crowded) < len(near)
    expected = {
        (min(name, other), max(name, other)): name in crowded
        for name in sorted(near, key=lambda name: name not in crowded)
        for other in (near[name][:NEAREST] if name in crowded else near[name])
    }
    rows = {(row["left_content"], row["right_content"]): row["crowded"] for row in at_once}
    assert expected.items() <= rows.items()
    more = rows.keys() - expected.keys()
    assert len(more) < len(crowded)
    best = max((image for image in corpus() if image.content in crowded), key=lambda i: i.width)
    for name in {name for name in crowded if name.startswith("hub")} - {best.content}:
        assert rows[min(name, str(best.content)), max(name, str(best.content))] is True


def test_the_order_of_the_days_does_not_matter(
    spark: SparkSession,
    served: CollectionAddress,
    section: SearchConfig,
    at_once: list[dict[str, object]],
) -> None:
    images = corpus()
    lakes = [
        [image for image in images if image.dt in days]
        for days in ({DAYS[2]}, {DAYS[2], DAYS[0]}, set(DAYS))
    ]
    assert searched(spark, served, section, lakes)[0] == at_once


def test_a_day_that_shrank_ends_with_the_candidates_of_one_search(
    spark: SparkSession, served: CollectionAddress, section: SearchConfig
) -> None:
    images = corpus()
    less = [image for number, image in enumerate(images) if number % 3 or number > 40]
    found, _ = searched(spark, served, section, [images, less])
    assert found == searched(spark, served, section, [less])[0]


def test_a_day_apart_from_the_crowd_asks_only_its_own_contents(
    spark: SparkSession, served: CollectionAddress, section: SearchConfig
) -> None:
    images = corpus()
    late = [image for image in images if str(image.content)[0] in "cz"]
    first = [image for image in images if image not in late]
    _, asked = searched(spark, served, section, [first, images])
    assert asked == [len(first), len(late)]


def test_a_crowd_that_loses_a_member_is_noticed(spark: SparkSession) -> None:
    pair = [("x", "y", 0.9)]
    plain, crowd = candidates(spark, pair), candidates(spark, pair, crowded=True)
    lost, other = (frame(spark, [(name,)], "content_id string") for name in ("x", "z"))
    assert crowds.lost_member(crowd, lost)
    assert not crowds.lost_member(crowd, other)
    assert not crowds.lost_member(plain, lost)
    assert not crowds.lost_member(plain.limit(0), lost)


def test_a_touched_member_of_a_crowd_asks_again(spark: SparkSession) -> None:
    stored = candidates(spark, [("x", "y", 0.9)], crowded=True)
    stored = stored.union(candidates(spark, [("u", "v", 0.9)]))
    touched = frame(spark, [("x",), ("u",)], "content_id string")
    assert rows_of(crowds.members(stored, touched)) == [{"content_id": "x"}]
