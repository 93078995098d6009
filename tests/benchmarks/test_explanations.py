"""An explanation is compared with the edit, whichever image it calls the wider."""

from typing import Any

import pytest

from benchmarks.quality import explanations
from benchmarks.quality.corpus import Truth
from benchmarks.quality.findings import Families
from tests.benchmarks.tables import TRUTH, WHOLE, copy, images, near, tables

A, B = "photos/a", "photos/b"


def explained(one: str, other: str, wider: str, crop: Any, scale: float, **more: Any) -> dict:
    pair = near(one, other, 0.5)
    is_left = wider == pair["left_content"]
    sides = dict(zip(("crop_left", "crop_top", "crop_right", "crop_bottom"), crop, strict=True))
    said = {"rotation": 0.0, "mirrored": False, "edit": "said", **more}
    return {
        **pair, **sides, "scale": scale, **said,
        "wider_id": pair["left_id" if is_left else "right_id"],
    }  # fmt: skip


def accuracy(*pairs: dict, truth: tuple[Truth, ...] = TRUTH) -> Any:
    return explanations.accuracy(Families(truth, images(truth)), tables([], list(pairs)).pairs)


def test_a_true_explanation_has_no_error() -> None:
    table = accuracy(
        explained(A, "copies/a/crop", A, (0.1, 0.2, 0.9, 1.0), 1.0),
        explained("copies/b/collage", B, "copies/b/collage", (0.5, 0, 1, 0.5), 2.0),
        explained(B, "copies/b/turn", B, WHOLE, 1.0, rotation=90.0),
        explained(B, "copies/b/turn", "copies/b/turn", WHOLE, 1.0, rotation=270.0),
    )
    assert list(table["edit"]) == ["crop", "collage", "turn", "turn"]
    assert table[["box_error", "scale_error", "rotation_error"]].to_numpy().max() < 1e-9
    assert table["mirror_right"].all()


def test_errors_are_those_of_the_worst_side_and_relative_to_the_scale() -> None:
    crop = (0.14, 0.2, 0.9, 0.99)
    wrong = explained(A, "copies/a/crop", A, crop, 1.1, rotation=359.0, mirrored=True)
    row = accuracy(wrong).iloc[0]
    assert row["box_error"] == pytest.approx(0.04)
    assert row["scale_error"] == pytest.approx(0.1)
    assert row["rotation_error"] == pytest.approx(1)
    assert not row["mirror_right"]


def test_a_mirrored_turn_undoes_itself() -> None:
    truth = copy("a", "turn", rotation=90.0, mirrored=True, scale=0.5)
    assert explanations.due(truth, copy_is_wider=False).rotation == 90
    back = explanations.due(truth, copy_is_wider=True)
    assert (back.rotation, back.mirrored, back.scale) == (90, True, 2)


def test_only_pairs_of_a_copy_with_the_photograph_it_was_made_of_count() -> None:
    table = accuracy(
        explained("copies/a/crop", "copies/a/jpeg", "copies/a/jpeg", WHOLE, 1.0),
        explained("copies/b/collage", A, "copies/b/collage", WHOLE, 1.0),
        explained(A, "copies/b/turn", A, WHOLE, 1.0),
        explained(A, B, A, WHOLE, 1.0),
    )
    assert table.empty


def test_the_summary_counts_explanations_within_the_tolerances() -> None:
    table = accuracy(
        explained(A, "copies/a/crop", A, (0.12, 0.2, 0.9, 1.0), 1.01),
        explained(A, "copies/a/crop", A, (0.12, 0.2, 0.9, 1.0), 1.03),
        explained(A, "copies/a/crop", A, (0.1, 0.24, 0.9, 1.0), 1.0),
        explained(A, "copies/a/jpeg", A, WHOLE, 1.0, mirrored=True),
    )
    by_edit = explanations.summary(table, "edit")
    assert by_edit.loc["crop", ["box", "scale", "rotation", "mirror", "aim", "pairs"]].tolist() == [
        pytest.approx(share) for share in (2 / 3, 2 / 3, 1, 1, 1 / 3, 3)
    ]
    assert by_edit.loc["crop", "box_error"] == pytest.approx(0.02)
    assert by_edit.loc["jpeg", ["mirror", "aim"]].tolist() == [0, 0]
    assert explanations.summary(table, "kind").loc["everyday", "aim"] == pytest.approx(1 / 4)


def test_after_a_change_of_perspective_only_the_mirroring_counts() -> None:
    truth = (*TRUTH, copy("a", "perspective", is_exact=False))
    families = Families(truth, images(truth))
    pair = explained(A, "copies/a/jpeg", A, (0.5, 0.5, 0.6, 0.6), 9.0)
    pair |= {"left_content": "copies/a/perspective"}
    table = explanations.accuracy(families, tables([], [pair]).pairs)
    assert explanations.summary(table, "edit").loc["perspective", "aim"] == 1
    table["mirror_right"] = False
    assert explanations.summary(table, "edit").loc["perspective", "aim"] == 0


def test_a_pair_without_an_explanation_is_not_right() -> None:
    table = accuracy(near(A, "copies/a/jpeg", 0.5))
    figures = explanations.summary(table, "edit").loc["jpeg"]
    assert figures[["box", "scale", "rotation", "mirror", "aim"]].tolist() == [0] * 5
