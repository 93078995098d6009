"""Verdicts of people go before those of the rules, and are settled as all else.

Many random graphs share one lake, so that few runs of Spark do. Their names keep them apart.
"""

import random
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.settling.settlement import Settlement
from tests.spark.judged import JudgedLake, Said, content

MIRRORED = "mirrored, cropped to 47%"
GRAPHS, STEPS = 40, 2
Pair = tuple[str, str]


def test_reviews_are_honoured_from_the_next_run_on_until_they_are_withdrawn(
    spark: SparkSession, tmp_path: Path, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = JudgedLake(spark, tmp_path / "lake", settings, {("a", "b"): 0.9})
    judged.fill("abcd")
    judged.settle()
    first = judged.tables()
    assert judged.pairs() == {("a", "b"): (None, MIRRORED)}
    write_with_spark(spark, judged, ("b", "a", "different"), ("c", "b", "same"), ("a", "x", "same"))
    details = judged.settle()["group"].details
    assert judged.pairs() == {("b", "c"): ("same", "same, by review")}
    assert judged.keepers() == {"b": "b", "c": "b"}
    assert judged.kept() == {"a", "b", "d"}
    told = {name: count for name, count in details.items() if name.startswith("reviews_")}
    assert told == {
        "reviews_same": 1,
        "reviews_different": 1,
        "reviews_waiting": 1,
        "reviews_contradicting": 0,
    }
    with monkeypatch.context() as patch:
        patch.setattr(Settlement, "publish", lambda *_, **__: 1 / 0)
        again = judged.settle()
    assert again["verify"].details["reviews_waiting"] == 1
    judged.review(("a", "b", "none"), ("c", "b", "none"), ("a", "x", "none"))
    assert "reviews_same" not in judged.settle()["group"].details
    assert judged.tables() == first


def write_with_spark(spark: SparkSession, judged: JudgedLake, *said: Said) -> None:
    """Write reviews as SQL does, and beside them what is no review."""
    rows = " UNION ALL ".join(
        f"SELECT '{content(other).upper()}' AS right_content, '{content(one)}' AS left_content, "
        f"'{verdict}' AS verdict, timestamp '2026-01-01 10:00:00 UTC' AS reviewed_at, 5 AS stars"
        for one, other, verdict in said
    )
    folder = Path(judged.lake.root, "reviews")
    spark.sql(rows).write.parquet(str(folder))
    (folder / "_notes.parquet").write_text("no review")
    (folder / "notes.txt").write_text("no review")


def test_a_malformed_review_stops_verify_and_changes_nothing(
    spark: SparkSession, tmp_path: Path, settings: Config
) -> None:
    judged = JudgedLake(spark, tmp_path / "lake", settings, {})
    judged.review(("a", "b", "equal"))
    with pytest.raises(UserError, match=r'reviews in reviews/1\.parquet have "equal" as verdict'):
        judged.settle()
    file = Path(judged.lake.root, "reviews", "1.parquet")
    file.unlink()
    file.mkdir()
    (file / "part-0.parquet").write_text("what Spark writes")
    with pytest.raises(UserError, match=r"the reviews in reviews/1\.parquet are a folder"):
        judged.settle()
    assert judged.lake.days("pairs") == []


class Drawn:
    """Random graphs: which images there are, which are copies, and what people say."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.graphs = [
            [f"{number:02}{name}" for name in "abcdef"[: self.chance.randint(3, 6)]]
            for number in range(GRAPHS)
        ]
        self.copies = {
            pair: self.chance.choice([0.7, 0.8, 0.8, 0.9])
            for names in self.graphs
            for pair in combinations(names, 2)
            if self.chance.random() < 0.5
        }
        self.names = {name for names in self.graphs for name in names if self.chance.random() < 0.8}
        self.said: list[Said] = []

    def change(self) -> list[Said]:
        """Let some images come and go; return what people say now."""
        more: list[Said] = []
        for names in self.graphs:
            if self.chance.random() < 0.3:
                self.names ^= {self.chance.choice(names)}
            if self.chance.random() < 0.2:
                a, b, c = self.chance.sample(names, 3)
                more += [(a, b, "same"), (b, c, "same"), (c, a, "different")]
            for _ in range(self.chance.randint(0, 2)):
                one, other = self.chance.sample(names, 2)
                more.append((one, other, self.chance.choice(["same", "different", "none"])))
        self.said += more
        return more

    def pairs(self) -> dict[Pair, tuple[bool, float]]:
        """Each pair that there should be: whether people call it the same, and its correlation."""
        found = {pair: (False, value) for pair, value in self.copies.items()}
        for pair, verdict in self.standing().items():
            if verdict == "same":
                found[pair] = True, self.copies.get(pair, -1.0)
            elif verdict == "different":
                found.pop(pair, None)
        return {pair: told for pair, told in found.items() if self.names.issuperset(pair)}

    def standing(self) -> dict[Pair, str]:
        return {(min(one, other), max(one, other)): verdict for one, other, verdict in self.said}

    def parts(self) -> set[frozenset[str]]:
        """The groups that there should be, by comparing sets of images."""
        apart = [pair for pair, verdict in self.standing().items() if verdict == "different"]
        pairs = self.pairs()

        def strength(pair: Pair) -> tuple[bool, float, list[str]]:
            is_said, correlation = pairs[pair]
            return not is_said, -correlation, sorted(map(content, pair))

        part = {name: frozenset([name]) for name in self.names}
        for pair in sorted(pairs, key=strength):
            both = part[pair[0]] | part[pair[1]]
            if not any(both.issuperset(foes) for foes in apart):
                part |= dict.fromkeys(both, both)
        return {names for names in part.values() if len(names) > 1}


def keepers(parts: Iterable[frozenset[str]], pairs: Mapping[Pair, object]) -> dict[str, str]:
    """The keeper of each image, by the definition: the best keeper that it has a pair with."""
    found: dict[str, str] = {}
    for names in parts:
        for name in sorted(names):
            kept = [other for other in sorted(names) if found.get(other) == other]
            near = (other for other in kept if (other, name) in pairs)
            found[name] = next(near, name)
    return found


def test_random_reviews_and_images_end_as_one_clean_run_says(
    spark: SparkSession, tmp_path: Path, settings: Config
) -> None:
    drawn = Drawn(16)
    judged = JudgedLake(spark, tmp_path / "lake", settings, drawn.copies)
    contradicting = 0
    for _ in range(STEPS):
        judged.review(*drawn.change())
        judged.fill(drawn.names)
        details = judged.settle()["verify"].details
        contradicting += int(str(details["reviews_contradicting"]))
        pairs, parts = drawn.pairs(), drawn.parts()
        assert {pair: said == "same" for pair, (said, _) in judged.pairs().items()} == {
            pair: is_said for pair, (is_said, _) in pairs.items()
        }
        assert judged.groups() == parts
        assert judged.keepers() == keepers(parts, pairs)
    assert contradicting
    clean = JudgedLake(spark, tmp_path / "clean", settings, drawn.copies)
    clean.review(*drawn.said)
    clean.fill(drawn.names)
    clean.settle()
    assert judged.tables() == clean.tables()
