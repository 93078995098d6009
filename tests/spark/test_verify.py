"""Verdicts on candidates: which are decided again, which are kept; blocks change none."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.config import Config, VerifyConfig
from imgdedup.corpora.edits import brightness, resize
from imgdedup.lake.schemas import VERDICTS
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.verify import verdicts as judged
from imgdedup.stages.verify.comparing import decide
from tests.pictures import decoded, features, photograph
from tests.spark.tables import Image as Row
from tests.spark.tables import candidates, embeddings, rows_of, verdicts

DAY = "2026-01-01"
COPIES = {("astronaut", "half"), ("astronaut", "mirror"), ("half", "mirror"), ("cat", "dark cat")}
EVERY = [(a, b, 0.5) for a in range(6) for b in range(a)]


@pytest.fixture(scope="module")
def pictures() -> dict[str, Image.Image]:
    astronaut, cat = photograph("astronaut"), photograph("cat")
    width, height = astronaut.size
    return {
        "astronaut": astronaut,
        "half": astronaut.crop((0, 0, width, height // 2)),
        "mirror": resize(ImageOps.mirror(astronaut), 0.5),
        "cat": cat,
        "dark cat": brightness(cat, 0.6),
        "coffee": photograph("coffee"),
    }


def table(spark: SparkSession, contents: Mapping[str, Image.Image]) -> DataFrame:
    """The dataset `embeddings` with one image of each content."""
    rows = []
    for content, picture in contents.items():
        kept = decoded(picture)
        row = Row(content, content, DAY, kept.width, kept.height)
        rows.append(replace(row, thumbnail=kept.thumbnail, features=features(kept)))
    return embeddings(spark, rows)


def decided(
    spark: SparkSession, contents: Mapping[str, Image.Image], config: VerifyConfig
) -> list[dict[str, Any]]:
    """The verdicts on every two of the contents."""
    names = sorted(contents)
    every = on_day(candidates(spark, [(names[a], names[b], score) for a, b, score in EVERY]))
    shown = table(spark, contents)
    asked = judged.find_undecided(every, verdicts(spark, []), snapshot_of(shown), "ours").drop("dt")
    return rows_of(decide(asked, shown, config, "ours"))


def on_day(rows: DataFrame, day: str = DAY) -> DataFrame:
    return rows.withColumn("dt", F.lit(day))


def undecided(
    spark: SparkSession, known: DataFrame, decoders: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Those of the candidates a-b and a-c that our rules still have to decide."""
    given = on_day(candidates(spark, [("a", "b", 0.9), ("a", "c", 0.9)]))
    seen = dict.fromkeys("abc", "decoder") | dict(decoders or {})
    images = [Row(name, name, DAY, decoder=decoder) for name, decoder in seen.items()]
    found = judged.find_undecided(given, known, snapshot_of(embeddings(spark, images)), "ours")
    return [sides(row) for row in rows_of(found)]


@pytest.fixture(scope="module")
def found(
    spark: SparkSession, pictures: dict[str, Image.Image], settings: Config
) -> list[dict[str, Any]]:
    return decided(spark, pictures, settings.verify)


def sides(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["left_content"], row["right_content"]


def test_every_candidate_gets_one_verdict_and_copies_are_told_from_others(
    found: list[dict[str, Any]],
) -> None:
    assert len({sides(row) for row in found}) == len(found) == len(EVERY)
    assert all(list(row) == VERDICTS.names for row in found)
    assert {(row["model"], row["verifier"]) for row in found} == {("model", "ours")}
    # The half and the mirrored photograph are copies of each other, too.
    assert {sides(row) for row in found if row["duplicate"]} == COPIES


def test_copies_are_explained_and_others_are_not(found: list[dict[str, Any]]) -> None:
    explained = ("wider", "scale", "crop_left", "mirrored", "edit", "frame_map")
    for row in found:
        assert {row[name] is not None for name in explained} == {row["duplicate"]}
    half = next(row for row in found if sides(row) == ("astronaut", "half"))
    assert (half["wider"], half["mirrored"], half["grayscale"]) == ("left", False, False)
    assert [half[f"crop_{side}"] for side in ("left", "top", "right", "bottom")] == pytest.approx(
        [0, 0, 1, 0.5], abs=0.01
    )
    mirror = next(row for row in found if sides(row) == ("astronaut", "mirror"))
    assert (mirror["wider"], mirror["mirrored"]) == ("left", True)
    assert mirror["scale"] == pytest.approx(0.5, rel=0.01)
    assert half["inliers"] > 20
    assert half["correlation"] > 0.9
    assert half["overlap"] > 0.95
    # The right picture has the upper half: its height is half of the left one's.
    np.testing.assert_allclose(
        np.reshape(half["frame_map"], (3, 3)), np.diag([1.0, 2.0, 1.0]), atol=0.01
    )


def test_the_number_of_buckets_changes_no_verdict(
    spark: SparkSession,
    pictures: dict[str, Image.Image],
    settings: Config,
    found: list[dict[str, Any]],
) -> None:
    finely = replace(settings.verify, block_contents=1)
    assert decided(spark, pictures, finely) == found


def test_a_verdict_does_not_depend_on_which_content_is_left(
    spark: SparkSession,
    pictures: dict[str, Image.Image],
    settings: Config,
    found: list[dict[str, Any]],
) -> None:
    backwards = {chr(ord("z") - place): name for place, name in enumerate(sorted(pictures))}
    renamed = {letter: pictures[name] for letter, name in backwards.items()}
    turned = {
        (backwards[row["right_content"]], backwards[row["left_content"]]): row
        for row in decided(spark, renamed, settings.verify)
    }
    assert turned.keys() == {sides(row) for row in found}
    for row in found:
        other = turned[sides(row)]
        assert other["duplicate"] == row["duplicate"]
        if row["duplicate"]:
            assert {row["wider"], other["wider"]} == {"left", "right"}
            assert other["mirrored"] == row["mirrored"]
            assert other["scale"] == pytest.approx(row["scale"], rel=0.01)


def test_no_candidates_give_no_verdicts(
    spark: SparkSession, pictures: dict[str, Image.Image], settings: Config
) -> None:
    shown = table(spark, pictures)
    none = on_day(candidates(spark, []))
    nothing = judged.find_undecided(none, verdicts(spark, []), snapshot_of(shown), "ours").drop(
        "dt"
    )
    assert rows_of(decide(nothing, shown, settings.verify, "ours")) == []


def test_a_content_of_an_earlier_version_is_told_with_what_to_do(
    spark: SparkSession, settings: Config
) -> None:
    old = embeddings(spark, [Row(name, name, DAY, features=None) for name in ("a", "b")])
    asked = candidates(spark, [("a", "b", 0.5)]).select("left_content", "right_content", "model")
    with pytest.raises(PythonException, match=r"no local features.* run all days again"):
        decide(asked, old, settings.verify, "ours").collect()


def test_a_verdict_of_the_same_rules_is_not_decided_again(spark: SparkSession) -> None:
    known = verdicts(spark, [("a", "b")], verifier="ours")
    assert undecided(spark, known) == [("a", "c")]


@pytest.mark.parametrize(
    "other",
    [{"verifier": "theirs"}, {"model": "old model"}, {"left_decoder": None}],
    ids=["rules", "model", "a lake of an earlier version"],
)
def test_other_rules_and_another_model_decide_again(
    spark: SparkSession, other: dict[str, Any]
) -> None:
    known = verdicts(spark, [("a", "b"), ("a", "c")], **({"verifier": "ours"} | other))
    assert undecided(spark, known) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize("side", ["left_decoder", "right_decoder"])
def test_a_verdict_stands_for_the_thumbnails_that_were_compared(
    spark: SparkSession, side: str
) -> None:
    seen = verdicts(spark, [("a", "b"), ("a", "c")], verifier="ours")
    other = {"left_decoder": {"a": "new"}, "right_decoder": {"b": "new"}}[side]
    expected = {"left_decoder": [("a", "b"), ("a", "c")], "right_decoder": [("a", "b")]}[side]
    assert undecided(spark, seen, other) == expected
    after = verdicts(spark, expected, verifier="ours", **{side: "new"})
    kept = seen.join(after, ["left_content", "right_content"], "left_anti").select(*VERDICTS.names)
    assert undecided(spark, kept.union(after), other) == []


def test_the_row_that_stands_for_a_content_names_its_decoder(spark: SparkSession) -> None:
    seen = verdicts(spark, [("a", "b"), ("a", "c")], verifier="ours")
    given = on_day(candidates(spark, [("a", "b", 0.9), ("a", "c", 0.9)]))
    images = [
        *(Row(name, name, DAY) for name in "abc"),
        Row("later", "b", "2026-01-02", decoder="new"),
        Row("z", "c", DAY, decoder="new"),
    ]
    present = snapshot_of(embeddings(spark, images))
    assert rows_of(judged.find_undecided(given, seen, present, "ours")) == []
    without = present.where("image_id != 'b'")
    (asked,) = rows_of(judged.find_undecided(given, seen, without, "ours"))
    assert sides(asked) == ("a", "b")


def test_a_snapshot_of_an_earlier_version_leaves_verdicts_standing(spark: SparkSession) -> None:
    seen = verdicts(spark, [("a", "b")], verifier="ours")
    given = on_day(candidates(spark, [("a", "b", 0.9)]))
    present = snapshot_of(embeddings(spark, [Row(name, name, DAY) for name in "ab"]))
    unnamed = present.withColumn("decoder", F.lit(None).cast("string"))
    assert rows_of(judged.find_undecided(given, seen, unnamed, "ours")) == []


def test_a_new_verdict_takes_the_place_of_the_old_one(spark: SparkSession) -> None:
    given = candidates(spark, [("a", "b", 0.9), ("a", "c", 0.9)]).withColumn("dt", F.lit(DAY))
    known = verdicts(spark, [("a", "b"), ("a", "c")], verifier="theirs")
    new = verdicts(spark, [("a", "b")], duplicate=False, verifier="ours")
    merged = rows_of(judged.merge_verdicts(known, new, given))
    assert {(*sides(row), row["duplicate"], row["verifier"]) for row in merged} == {
        ("a", "b", False, "ours"),
        ("a", "c", True, "theirs"),
    }
    assert len(merged) == 2
    assert all(set(row) == {*VERDICTS.names, "dt"} for row in merged)


def test_a_verdict_has_the_day_of_its_candidate_and_disappears_with_it(spark: SparkSession) -> None:
    here = candidates(spark, [("a", "b", 0.9)]).withColumn("dt", F.lit("2026-01-02"))
    known = verdicts(spark, [("a", "b"), ("a", "gone")]).withColumn("dt", F.lit(DAY))
    (row,) = rows_of(judged.merge_verdicts(known, verdicts(spark, []), here))
    assert (*sides(row), row["dt"]) == ("a", "b", "2026-01-02")


def test_only_copies_among_the_candidates_of_the_model_become_pairs(spark: SparkSession) -> None:
    given = candidates(spark, [("a", "b", 0.9), ("a", "c", 0.8), ("a", "d", 0.7)])
    known = (
        verdicts(spark, [("a", "b"), ("x", "y")])
        .union(verdicts(spark, [("a", "c")], duplicate=False))
        .union(verdicts(spark, [("a", "d")], model="old model"))
    )
    (row,) = rows_of(judged.copies_of(given, known))
    assert (*sides(row), row["similarity"], row["margin"]) == ("a", "b", 0.9, 0.9)


NO_RULES = {"block_contents", "preset"}
RULES = [field.name for field in fields(VerifyConfig) if field.name not in NO_RULES]


@pytest.mark.parametrize("name", RULES)
def test_a_fingerprint_names_the_rules(settings: Config, name: str) -> None:
    given = settings.verify
    other = replace(given, **{name: getattr(given, name) + 0.01})
    assert judged.fingerprint(given) != judged.fingerprint(other)


def test_how_the_work_is_cut_is_no_rule(settings: Config) -> None:
    finely = replace(settings.verify, block_contents=7)
    assert judged.fingerprint(finely) == judged.fingerprint(settings.verify)


def test_a_preset_counts_by_its_rules_not_by_its_name(settings: Config) -> None:
    renamed = replace(settings.verify, preset="other")
    assert judged.fingerprint(renamed) == judged.fingerprint(settings.verify)
