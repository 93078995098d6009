"""The quality benchmark's figures, on small tables whose figures can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality import evaluate
from benchmarks.quality.findings import Families, Relation
from tests.benchmarks.tables import EXACT, TRUTH, images, near, photo, tables

A, B, C, D = (f"photos/{name}" for name in "abcd")
CROP, JPEG = "copies/a/crop", "copies/a/jpeg"
COLLAGE, TURN = "copies/b/collage", "copies/b/turn"


@pytest.fixture
def families() -> Families:
    return Families(TRUTH, images())


def test_contents_are_related_by_the_photographs_they_show(families: Families) -> None:
    assert families.relation(A, CROP) == Relation.SAME
    assert families.relation(CROP, JPEG) == Relation.SAME
    assert families.relation(A, B) == Relation.DIFFERENT
    for other in (A, B, C, D, CROP, TURN):
        assert families.relation(COLLAGE, other) == Relation.SAME
    assert families.is_photo("photos/a")  # though an exact copy has the same content


def test_photographs_judged_to_be_duplicates_have_a_relation_of_their_own() -> None:
    families = Families(TRUTH, images(), [("c", "a")])
    assert families.relation(A, C) == families.relation(C, CROP) == Relation.JUDGED
    assert families.relation(A, B) == Relation.DIFFERENT
    assert families.relatives(CROP) == {"a", "c"}


def test_a_copy_is_found_by_pair_by_group_and_among_the_candidates(families: Families) -> None:
    found = tables(
        candidates=[near(A, CROP, 0.9), near(A, JPEG, 0.8), near(D, COLLAGE, 0.7)],
        pairs=[EXACT, near(A, CROP, 0.9), near(CROP, JPEG, 0.9), near(D, COLLAGE, 0.7)],
        groups=[
            (A, "g", A), ("copies/a/copy", "g", A), (CROP, "g", A), (JPEG, "g", CROP),
            (D, "h", D), (COLLAGE, "h", D),
        ],
    )  # fmt: skip
    table = evaluate.recall(TRUTH, families, found).set_index("edit")
    found_by = {
        edit: "".join("yn"[not table.loc[edit, name]] for name in ("pair", "group", "candidate"))
        for edit in table.index
    }
    assert found_by == {
        "copy": "yyy", "crop": "yyy", "jpeg": "nyy", "collage": "yyy", "turn": "nnn",
    }  # fmt: skip


def test_a_copy_that_was_not_read_is_missed() -> None:
    found = images()
    found.loc[found["image_id"] == CROP, "content_id"] = None
    table = evaluate.recall(TRUTH, Families(TRUTH, found), tables([], [])).set_index("edit")
    assert not table.loc["crop", "pair"]
    assert table.loc["copy", "pair"]


@pytest.mark.parametrize(("rivals", "at_10", "at_20"), [(9, 1, 1), (10, 0, 1), (20, 0, 0)])
def test_a_copy_competes_with_other_photographs_only(rivals: int, at_10: int, at_20: int) -> None:
    others = [f"x{number}" for number in range(rivals)]
    truth = (*TRUTH, *map(photo, others))
    families = Families(truth, images(truth))
    candidates = [
        near(A, CROP, 0.5),
        near(CROP, JPEG, 0.9),
        *({"left_content": CROP, "right_content": f"photos/{name}", "margin": 0.8}
          for name in others),
    ]  # fmt: skip
    table = evaluate.recall(truth, families, tables(candidates, [])).set_index("edit")
    assert (table.loc["crop", "at_10"], table.loc["crop", "at_20"]) == (at_10, at_20)


def test_micro_average_precision_is_that_of_the_textbook() -> None:
    ranking = np.array([True, False, True, False])
    assert evaluate.micro_average_precision(ranking, 2) == pytest.approx((1 + 2 / 3) / 2)
    assert evaluate.micro_average_precision(ranking, 4) == pytest.approx((1 + 2 / 3) / 4)
    assert np.isnan(evaluate.micro_average_precision(ranking, 0))


@given(st.lists(st.booleans(), min_size=1), st.integers(0, 5))
def test_micro_average_precision_is_best_with_the_true_first(row: list[bool], more: int) -> None:
    total = sum(row) + more
    if total:
        some = evaluate.micro_average_precision(np.array(row), total)
        best = evaluate.micro_average_precision(np.array(sorted(row, reverse=True)), total)
        assert 0 <= some <= best + 1e-12
        assert best == pytest.approx(sum(row) / total)


def test_verified_pairs_rank_before_candidates_of_a_higher_margin(families: Families) -> None:
    # Positives: crop and jpeg with a, turn with b, and the collage with all four.
    assert evaluate.positives(families) == 7
    found = tables(
        candidates=[near(A, CROP, 0.3), near(B, CROP, 0.9), near(A, JPEG, 0.5), near(A, B, 0.9)],
        pairs=[near(A, CROP, 0.3)],
    )
    assert evaluate.precision(families, found) == pytest.approx((1 / 1 + 2 / 3) / 7)


def test_a_judged_pair_does_not_change_precision() -> None:
    found = tables([near(A, CROP, 0.3), near(B, CROP, 0.9)], [near(B, CROP, 0.9)])
    judged = Families(TRUTH, images(), [("a", "b")])
    assert evaluate.precision(judged, found) == pytest.approx(1 / evaluate.positives(judged))


def test_pairs_of_different_photographs_are_questioned_by_what_touched_them() -> None:
    families = Families(TRUTH, images(), [("c", "d")])
    pairs = [
        near(A, CROP, 0.9), near(B, COLLAGE, 0.9), near(A, COLLAGE, 0.9), EXACT,
        near(B, JPEG, 0.4), near(A, TURN, 0.3), near(JPEG, TURN, 0.6), near(A, C, 0.5),
        near(C, D, 0.7),
    ]  # fmt: skip
    table = evaluate.questioned(families, tables([], pairs))
    rows = [tuple(row) for row in table[["one", "other", "touched", "is_judged"]].to_numpy()]
    assert rows == [
        (JPEG, B, "everyday", False),
        (C, D, "photo", True),
        (A, C, "photo", False),
        (JPEG, TURN, "strong", False),
        (TURN, A, "strong", False),
    ]


def test_a_removal_is_false_when_its_keeper_shows_another_photograph() -> None:
    groups = [(A, "g", A), (CROP, "g", A), (B, "g", A), (C, "h", D), (D, "h", D), (COLLAGE, "g", A)]
    families = Families(TRUTH, images())
    table = evaluate.false_removals(families, tables([], [], groups))
    assert [tuple(row) for row in table.to_numpy()] == [(B, A), (C, D)]
    families = Families(TRUTH, images(), [("d", "c")])
    table = evaluate.false_removals(families, tables([], [], groups))
    assert [tuple(row) for row in table.to_numpy()] == [(B, A)]


def test_a_run_that_found_nothing_is_evaluated_too(families: Families) -> None:
    found = tables([], [])
    table = evaluate.recall(TRUTH, families, found)
    assert table.loc[table["edit"] != "copy", list(evaluate.RECALLS)].to_numpy().sum() == 0
    assert evaluate.precision(families, found) == 0
    assert evaluate.questioned(families, found).empty
    assert evaluate.false_removals(families, found).empty
