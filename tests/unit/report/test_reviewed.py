"""The precision by reviews, and its interval."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest

from imgdedup.report.reviewed import ALL, VIEWS, counted_by_edit, estimates, kind_of, wilson
from imgdedup.report.tables import connected
from tests.unit.report.test_tables import write

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


@pytest.mark.parametrize("trials", [1, 2, 7, 40, 1000])
def test_the_interval_is_that_of_a_library(trials: int) -> None:
    for successes in {0, 1, trials // 2, trials - 1, trials}:
        expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        ("zoomed 1.40x, grayscale", "zoomed"),
        ("mirrored, cropped to 47%", "mirrored"),
        ("cropped to 47%", "cropped"),
        ("rotated -90 degrees", "rotated"),
        ("less contrast 0.80x", "less contrast"),
        ("other colours, overlay", "other colours"),
        ("re-encoded", "re-encoded"),
        (None, "not told"),
    ],
)
def test_an_edit_has_the_kind_of_its_first_words(edit: str | None, kind: str) -> None:
    assert kind_of(edit) == kind


def test_pairs_are_counted_by_kind_and_over_all() -> None:
    pairs = [("zoomed 1.40x", "same")] * 8 + [("zoomed 2.00x", "different")] * 2
    found = counted_by_edit([*pairs, ("overlay", "different")])
    counts = [(one.edit, one.same, one.different, one.precision) for one in found]
    assert counts == [
        (ALL, 8, 3, 8 / 11),
        ("zoomed", 8, 2, 0.8),
        ("overlay", 0, 1, 0.0),
    ]
    assert (found[1].low, found[1].high) == tuple(wilson(8, 10))
    assert counted_by_edit([]) == []


def test_only_standing_reviews_of_what_the_rules_call_copies_count(tmp_path: Path) -> None:
    edits = {(A, B): "overlay", (A, C): "overlay", (B, C): None, (A, D): "zoomed 1.40x"}
    decided: dict[str, list[object]] = {
        "left_content": [pair[0] for pair in edits],
        "right_content": [pair[1] for pair in edits],
        "duplicate": [edit is not None for edit in edits.values()],
        "edit": list(edits.values()),
    }
    write(tmp_path, VIEWS[1], "2026-01-01", decided)
    with connected(str(tmp_path), VIEWS) as connection:
        assert estimates(connection) == []
    said = [(B, A, "same"), (A, C, "different"), (B, C, "different"), (A, D, "same")]
    times = [datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2)]
    rows = [(*pair, times[0]) for pair in said] + [(A, D, "none", times[1])]
    names = ["left_content", "right_content", "verdict", "reviewed_at"]
    (tmp_path / "reviews").mkdir()
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    pq.write_table(table, tmp_path / "reviews" / "all.parquet")
    with connected(str(tmp_path), VIEWS) as connection:
        found = estimates(connection)
    counts = [(one.edit, one.same, one.different) for one in found]
    assert counts == [(ALL, 1, 1), ("overlay", 1, 1)]
