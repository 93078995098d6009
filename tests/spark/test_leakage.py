"""Images that have a copy under another value of a manifest's column."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.lake import Lake
from imgdedup.settling.settlement import Settlement
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.group import leakage
from tests.spark.group_lakes import Lakes, drawn
from tests.spark.tables import Image, embeddings, frame, rows_of
from tests.spark.test_group import DAYS, Corpus

VALUES = ("train", "test", "1", None)
NEAR = "left_content string, right_content string, kind string, similarity double, edit string"
Values = Mapping[tuple[str, str], str | None]  # by day and image_id


def drawn_values(rng: random.Random, corpus: Corpus) -> Values:
    return {(i.dt, i.image_id): rng.choice(VALUES) for i in corpus.images}


def expected(corpus: Corpus, values: Values) -> set[tuple[Any, ...]]:
    """The leakage by all pairs of images of contents that are one or a pair."""
    near = {
        (a, b): similarity
        for one, other, similarity in corpus.near
        for a, b in ((one, other), (other, one))
    }
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    images = [image for image in corpus.images if image.content]
    by_content: dict[str | None, list[Image]] = {}
    for image in images:
        by_content.setdefault(image.content, []).append(image)
    for image in images:
        value = values[image.dt, image.image_id]
        close = [(image.content, False, 1.0)]
        close += [
            (b, True, similarity) for (a, b), similarity in near.items() if a == image.content
        ]
        for content, is_near, similarity in close:
            for other in by_content.get(content, []):
                its = values[other.dt, other.image_id]
                if its != value:
                    rank = is_near, -similarity, other.dt, other.image_id
                    key = image.dt, image.image_id, value, its
                    found[key] = min(rank, found.get(key, rank))
    return {
        (*key, other_id, other_dt, "near" if is_near else "exact", -similarity)
        for key, (is_near, similarity, other_dt, other_id) in found.items()
    }


def told(lake: Lake) -> set[tuple[Any, ...]]:
    names = "dt image_id value other_value other_id other_dt kind similarity".split()
    rows = rows_of(lake.read("leakage"))
    others: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        others.setdefault((row["dt"], row["image_id"]), []).append(row["others"])
    assert all(counts == [len(counts)] * len(counts) for counts in others.values())
    assert len(rows) == len({tuple(row[name] for name in names) for row in rows})
    return {tuple(row[name] for name in names) for row in rows}


def write(lakes: Lakes, values: Values, column: str = "split") -> None:
    for day in DAYS:
        rows = [(name, "uri", value) for (dt, name), value in sorted(values.items()) if dt == day]
        schema = f"image_id string, uri string, `{column}` string"
        lakes.lake.replace("manifest", day, frame(lakes.spark, rows, schema))


def whole(lakes: Lakes) -> Corpus:
    parts = list(lakes.corpora.values())
    return Corpus([i for part in parts for i in part.images], [n for p in parts for n in p.near])


@pytest.fixture
def lakes(spark: SparkSession, lake: Lake, settings: Config) -> Lakes:
    return Lakes(spark, lake, settings)


def test_leakage_follows_images_pairs_and_values(lakes: Lakes) -> None:
    rng = random.Random(8)
    lakes.change(drawn(rng, range(40)))
    values = drawn_values(rng, whole(lakes))
    write(lakes, values)
    lakes.run("first", leakage_columns=["split"])
    first = told(lakes.lake)
    assert first == expected(whole(lakes), values) != set()
    # Other images and pairs in some corpora; elsewhere other values of one day alone.
    lakes.change(drawn(rng, range(0, 40, 4)))
    values = {key: values.get(key, "test") for key in drawn_values(rng, whole(lakes))}
    values |= {key: rng.choice(VALUES) for key in values if key[0] == DAYS[1]}
    write(lakes, values)
    lakes.run("second", leakage_columns=["split"])
    assert first != told(lakes.lake) == expected(whole(lakes), values)
    versions = lakes.lake.versions("leakage")
    lakes.run("repeated", leakage_columns=["split"])
    assert lakes.lake.versions("leakage") == versions


def test_the_images_of_one_content_have_at_most_so_many_rows(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage, "_MOST", 3)
    images = [Image(f"{number}", "x", DAYS[0]) for number in range(6)]
    images.append(Image("6", "y", DAYS[0]))  # a partner that is not asked for
    rows = [(image.image_id, "uri", int(image.image_id)) for image in images]
    lake.replace("manifest", DAYS[0], frame(spark, rows, "image_id string, uri string, n int"))
    values = leakage.with_values(lake, snapshot_of(embeddings(spark, images)), ["n"])
    near = frame(spark, [("x", "y", "near", 0.9, "mirrored")], NEAR)
    wanted = frame(spark, [("x",)], "content_id string")
    table = leakage.find_leakage(values, near, wanted, "run").localCheckpoint()
    found = rows_of(table)
    assert {(row["content_id"], row["others"]) for row in found} == {("x", 6)}
    assert [row["image_id"] for row in found].count("5") == 3
    assert {row["other_value"] for row in found} == {"0", "1", "2"}  # equal bytes come first
    lake.replace("leakage", DAYS[0], table)
    settlement = Settlement(lake, "group", rules="", reads="manifest", writes=())
    lake.publish(leakage.stage_leakage(settlement, wanted, [], "run"))
    assert lake.days("leakage") == []


def test_days_without_the_column_have_no_value_and_are_named(
    spark: SparkSession, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    good = "image_id string, uri string, split string, tags array<string>"
    lake.replace("manifest", DAYS[0], frame(spark, [("a", "", "train", [])], good))
    bare = frame(spark, [("b", "")], "image_id string, uri string")
    lake.replace("manifest", DAYS[1], bare)
    images = [Image("a", "x", DAYS[0]), Image("b", "x", DAYS[1])]
    snapshot = snapshot_of(embeddings(spark, images))
    rows = rows_of(leakage.with_values(lake, snapshot, ["split"]))
    assert {(row["image_id"], row["value"]) for row in rows} == {("a", "train"), ("b", None)}
    assert f'1 manifests lack the column "split" ({DAYS[1]})' in capsys.readouterr().out
    with pytest.raises(UserError, match=r'the column "tags", .* it is array<string>: only numbers'):
        leakage.with_values(lake, snapshot, ["tags"])
    has = f'"source", and no manifest has such a column; that of {DAYS[0]} has image_id, uri, split'
    with pytest.raises(UserError, match=has):
        leakage.with_values(lake, snapshot, ["source"])
