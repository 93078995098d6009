"""Files of reviews are checked, and the latest verdict of a pair stands."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.errors import UserError
from imgdedup.relations.reviews import (
    REVIEWS,
    checked,
    contradicting,
    count_equal,
    read,
    standing,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def row(left: str, right: str, verdict: str, minutes: float = 0, **more: Any) -> dict[str, Any]:
    when = NOW + timedelta(minutes=minutes)
    said = {"left_content": left, "right_content": right, "verdict": verdict, "reviewed_at": when}
    return said | more


def table(*rows: dict[str, Any]) -> pa.Table:
    return checked(pa.Table.from_pylist(list(rows)), "file")


def stand(*tables: pa.Table) -> list[tuple[str, ...]]:
    return [tuple(said.values()) for said in standing(tables).to_pylist()]


def test_the_latest_verdict_of_a_pair_stands_in_whatever_file_and_order() -> None:
    rows = [
        row(A, B, "same"),
        row(B, A, "different", 1),
        row(B, C, "different"),
        row(C, B, "none", 1),
        row(A, C, "none"),
        row(C, A, "same", 1),
    ]
    expected = [(A, B, "different"), (A, C, "same")]
    assert stand(table(*rows)) == expected
    assert stand(*(table(said) for said in reversed(rows))) == expected
    assert stand() == []


@pytest.mark.parametrize(
    ("verdicts", "stands"),
    [
        (("same", "different", "none"), "different"),
        (("same", "different"), "different"),
        (("different", "none"), "different"),
        (("same", "none"), None),
    ],
)
def test_of_verdicts_of_one_moment_different_goes_first_then_none(
    verdicts: tuple[str, ...], stands: str | None
) -> None:
    for order in permutations(verdicts):
        found = stand(table(*(row(A, B, verdict) for verdict in order)))
        assert found == ([(A, B, stands)] if stands else [])


def test_the_lesser_content_comes_left_with_its_image() -> None:
    (said,) = table(row(B, A.upper(), "same", left_id="b.jpg", right_id="a.jpg")).to_pylist()
    ids = [said[name] for name in REVIEWS.names[:4]]
    assert ids == [A, B, "a.jpg", "b.jpg"]
    assert (said["reviewer"], said["reason"], said["reviewed_at"]) == (None, None, NOW)


def test_the_same_bytes_are_the_same_whatever_is_said_of_them() -> None:
    rows = table(row(A, A, "different"), row(B, B, "same"), row(A, B, "same"))
    assert stand(rows) == [(A, B, "same")]
    assert count_equal([rows]) == 1
    assert count_equal([REVIEWS.empty_table()]) == 0


def test_columns_may_have_the_types_of_other_writers_and_further_columns() -> None:
    rows = pa.table(
        {
            "left_content": pa.array([A]).dictionary_encode(),
            "right_content": pa.array([B], pa.large_string()),
            "verdict": pa.array(["same"], pa.string_view()),
            "reviewed_at": pa.array([NOW.replace(tzinfo=None)], pa.timestamp("ns")),
            "reason": pa.nulls(1),
            "stars": pa.array([5]),
        }
    )
    found = checked(rows, "file")
    assert found.schema == REVIEWS
    assert found["reviewed_at"].to_pylist() == [NOW]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "equal"}, 'have "equal" as verdict: write same, different, or none'),
        ({"verdict": None}, "have nothing as verdict"),
        ({"left_content": "a" * 63}, "as left_content: write the content_id"),
        ({"right_content": "x" * 64}, "as right_content: write the content_id"),
        ({"right_content": None}, "have nothing as right_content"),
        ({"reviewed_at": None}, "have nothing as reviewed_at"),
        ({"reviewed_at": "2026-02-01"}, "have reviewed_at as string, and not as a timestamp"),
        ({"verdict": 1}, "have verdict as int64, and not as a text"),
        ({"reviewer": 7}, "have reviewer as int64, and not as a text"),
    ],
)
def test_what_is_malformed_is_told_with_the_name_of_the_file(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=r"^the reviews in reviews/x\.parquet have ") as error:
        checked(pa.Table.from_pylist([row(A, B, "same") | change]), "reviews/x.parquet")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        (
            "us",
            2**63 - 1,
            "as reviewed_at: write when the pair was reviewed, in the years 1 to 9999",
        ),
        (
            "ms",
            -(10**14),
            "as reviewed_at: write when the pair was reviewed, in the years 1 to 9999",
        ),
        ("s", 2**60, "have a reviewed_at that cannot be read"),
    ],
)
def test_a_time_that_python_does_not_hold_is_told(unit: str, value: int, words: str) -> None:
    column = pa.array([value], pa.timestamp(unit, "UTC"))
    rows = pa.Table.from_pylist([row(A, B, "same")])
    with pytest.raises(UserError, match=words):
        checked(rows.set_column(3, "reviewed_at", column), "file")


def test_a_missing_column_and_what_is_no_parquet_are_told() -> None:
    with pytest.raises(UserError, match="the reviews in f lack the column verdict"):
        checked(table(row(A, B, "same")).drop_columns(["verdict"]), "f")
    with pytest.raises(UserError, match="the reviews in f cannot be read as Parquet"):
        read(b"verdict,same\n", "f")


def test_a_file_of_parquet_is_read() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([row(B, A, "same", stars=5)]), sink)
    assert stand(read(sink.getvalue().to_pybytes(), "f")) == [(A, B, "same")]


def test_a_chain_of_same_contradicts_a_different() -> None:
    same = [(A, B, "same"), (B, C, "same")]
    assert contradicting([*same, (A, C, "different")]) == [(A, C)]
    assert contradicting([*same[:1], (A, C, "different")]) == []
    assert contradicting([]) == []
