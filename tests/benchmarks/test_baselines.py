"""The simpler rules' recalls and false pairs, compared with an enumeration of all pairs."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import baselines, evaluate
from benchmarks.quality.baselines import WORST, Scored, Scores
from benchmarks.quality.findings import Families, Relation
from imgdedup.corpora.edits import jpeg, resize
from tests.benchmarks.tables import TRUTH, copy, images, photo
from tests.stand_ins import picture

TRUTH_OF_MANY = (
    *(photo(f"p{number}") for number in range(40)),
    *(copy(f"p{number}", edit) for number in range(20) for edit in ("crop", "jpeg", "turn")),
    *(copy(f"p{number}", "collage", f"p{number + 1}", "p38", "p39") for number in range(20)),
)


@pytest.fixture(scope="module", params=["cosine", "hash"])
def case(request: pytest.FixtureRequest) -> tuple[list[str], Families, np.ndarray, Scored]:
    """Contents, families, their scores as one matrix, and what `scored` makes of them."""
    families = Families(TRUTH_OF_MANY, images(TRUTH_OF_MANY), [("p0", "p30"), ("p31", "p32")])
    contents = sorted(families.truth)
    rng = np.random.default_rng(0)
    scores: Scores
    if request.param == "cosine":
        scores = baselines.cosines(rng.normal(size=(len(contents), 6)).astype(np.float32))
    else:
        words = rng.integers(0, 2**63, len(contents), dtype=np.uint64)
        words[::3] &= np.uint64(0xFF)
        scores = baselines.agreements(words)
    matrix = scores(0, len(contents)).copy()
    return contents, families, matrix, baselines.scored(contents, families, scores)


def enumerated(
    contents: list[str], families: Families, matrix: np.ndarray, threshold: float
) -> tuple[int, int]:
    """Count false pairs with an edited copy and pairs of untouched photographs, one by one."""
    counts = [0, 0]
    for i, j in combinations(range(len(contents)), 2):
        one, other = contents[i], contents[j]
        if matrix[i, j] >= threshold and families.relation(one, other) == Relation.DIFFERENT:
            counts[families.is_photo(one) and families.is_photo(other)] += 1
    return counts[0], counts[1]


@pytest.mark.parametrize("threshold", [0.0, 0.5, 54 / 64, 0.9, 0.95])
def test_pairs_are_counted_as_an_enumeration_counts_them(
    case: tuple[list[str], Families, np.ndarray, Scored], threshold: float
) -> None:
    contents, families, matrix, scored = case
    outcome = scored.outcome(threshold)
    due = enumerated(contents, families, matrix, threshold)
    assert (outcome["false_pairs"], outcome["untouched_pairs"]) == due


def test_a_copy_is_found_by_its_best_photograph(
    case: tuple[list[str], Families, np.ndarray, Scored],
) -> None:
    contents, families, matrix, scored = case
    place = {content: number for number, content in enumerate(contents)}
    due = []
    for content in contents:
        truth = families.truth[content]
        if not families.is_photo(content):
            own = [place[original] for original in families.originals(truth)]
            due.append((truth.edit, matrix[place[content], own].max()))
    assert list(zip(scored.copies["edit"], scored.copies["score"], strict=True)) == [
        (edit, pytest.approx(score)) for edit, score in due
    ]


def test_the_threshold_leaves_as_many_false_pairs_as_asked(
    case: tuple[list[str], Families, np.ndarray, Scored],
) -> None:
    contents, families, matrix, scored = case
    for allowed in (0, 10, WORST):
        threshold = scored.least_threshold(allowed)
        assert enumerated(contents, families, matrix, threshold)[0] <= allowed
        below = threshold - 1e-6
        assert enumerated(contents, families, matrix, below)[0] > allowed


def test_precision_is_that_of_the_ranking_of_all_pairs(
    case: tuple[list[str], Families, np.ndarray, Scored],
) -> None:
    contents, families, matrix, scored = case
    ranking = []
    for i, one in enumerate(contents):
        for j, other in enumerate(contents):
            relation = families.relation(one, other)
            is_asked = not families.is_photo(one) and families.is_photo(other)
            if is_asked and relation != Relation.JUDGED:
                # Scores within one step count as equal.
                step = np.floor(matrix[i, j] * 25_600 + 1e-2)
                ranking.append((-step, relation == Relation.SAME))
    is_true = np.array([true for _, true in sorted(ranking)])
    due = evaluate.micro_average_precision(is_true, evaluate.positives(families))
    assert scored.precision == pytest.approx(due)


def test_a_hash_survives_compression_and_tells_pictures_apart(tmp_path: Path) -> None:
    shown: list[Image.Image] = [picture(1), resize(picture(1), 2), picture(2)]
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path, image in zip(paths, shown, strict=True):
        path.write_bytes(jpeg(80).encode(image))
    agreements = baselines.agreements(baselines.perceptual_hashes(paths))(0, 3)
    assert agreements[0, 0] == 1
    assert agreements[0, 1] >= 1 - 6 / 64
    assert agreements[0, 2] < 1 - 10 / 64


def test_contents_of_a_run_are_scored_with_few_files() -> None:
    families = Families(TRUTH, images())
    contents = sorted(families.truth)
    scored = baselines.scored(contents, families, baselines.cosines(np.eye(len(contents))))
    assert scored.least_threshold(WORST) == 0
    assert scored.outcome(0.5)["false_pairs"] == 0
