"""The printed report counts the rows of the tables, also when tables are missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.corpora.corpus import Truth
from imgdedup.local import summary
from imgdedup.local.quality import compare

ONE, TWO = "2026-01-01", "2026-01-02"
TEXT = pa.string()
COLUMNS = {
    "manifest": {"image_id": TEXT},
    "deduplicated": {"image_id": TEXT},
    "embeddings": {"image_id": TEXT, "failure": TEXT},
    "pairs": {"left_id": TEXT, "right_id": TEXT, "kind": TEXT, "edit": TEXT},
    "groups": {"image_id": TEXT, "group_id": TEXT, "is_keeper": pa.bool_(), "keeper_id": TEXT},
    "runs": {
        "stage": TEXT,
        "status": TEXT,
        "started_at": pa.timestamp("us", "UTC"),
        "rows_in": pa.int64(),
        "rows_out": pa.int64(),
        "seconds": pa.float64(),
        "peak_rss_bytes": pa.int64(),
        "details": pa.map_(TEXT, TEXT),
    },
}
TRUTH = [
    Truth(ONE, "cat/original.jpg", "cat", "original", "", None, 9),
    Truth(ONE, "dog/original.jpg", "dog", "original", "", None, 9),
    Truth(TWO, "cat/copy.jpg", "cat", "copy", "", None, 9),
    Truth(TWO, "cat/crop.jpg", "cat", "crop", "to 50%", None, 9),
    Truth(TWO, "dog/crop.jpg", "dog", "crop", "to 60%", None, 9),
    Truth(TWO, "broken/empty.jpg", None, "broken", "", "empty", 0),
]


def write(
    root: Path, dataset: str, dt: str, rows: Sequence[Sequence[object]], file: str = "part-0"
) -> None:
    """Write one file of a partition; `rows` hold the columns of COLUMNS in order."""
    columns = COLUMNS[dataset]
    schema = pa.schema(list(columns.items()))
    table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema)
    path = root / dataset / f"dt={dt}" / f"{file}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def stage_row(
    stage: str,
    hour: int,
    seconds: float,
    status: str = "succeeded",
    details: Mapping[str, str] = {},
) -> tuple[object, ...]:
    rows = None if status == "failed" else 4
    return stage, status, datetime(2026, 2, 1, hour), rows, rows, seconds, 3 << 29, dict(details)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two days: the exact copy and one of two crops are found, and one pair is false."""
    first, second = ["cat/original.jpg", "dog/original.jpg"], [
        "broken/empty.jpg", "cat/copy.jpg", "cat/crop.jpg", "dog/crop.jpg",
    ]  # fmt: skip
    for dt, names in ((ONE, first), (TWO, second)):
        write(tmp_path, "manifest", dt, [[name] for name in names])
        failures = {"broken/empty.jpg": "empty"}
        write(tmp_path, "embeddings", dt, [(name, failures.get(name)) for name in names])
    write(tmp_path, "pairs", ONE, [])
    write(
        tmp_path,
        "pairs",
        TWO,
        [
            ("cat/copy.jpg", "cat/original.jpg", "exact", "exact copy"),
            ("cat/copy.jpg", "cat/crop.jpg", "near", "cropped to 50%"),
            ("cat/copy.jpg", "dog/crop.jpg", "near", "cropped to 45%"),
        ],
    )
    cat = "cat/original.jpg"
    write(tmp_path, "groups", ONE, [(cat, "cat/copy.jpg", True, cat)])
    removed = ["cat/copy.jpg", "cat/crop.jpg", "dog/crop.jpg"]
    write(tmp_path, "groups", TWO, [(name, "cat/copy.jpg", False, cat) for name in removed])
    write(tmp_path, "deduplicated", ONE, [[name] for name in first])
    write(tmp_path, "deduplicated", TWO, [["broken/empty.jpg"]])
    for dt in (ONE, TWO):
        rows = [stage_row(stage, 1, 10.0) for stage in summary.STAGES]
        write(tmp_path, "runs", dt, rows)
    return tmp_path


def test_a_summary_counts_rows(lake: Path) -> None:
    day = summary.summary(lake, [TWO])
    assert (day.images, day.embedded, day.failures) == (4, 3, {"empty": 1})
    assert (day.pairs, day.groups) == ({"exact": 1, "near": 2, "same_file": 0}, 1)
    assert day.edits == {"cropped": 2}
    assert (day.removed, day.kept) == (3, 1)
    both = summary.summary(lake, [ONE, TWO])
    assert (both.images, both.groups, both.removed, both.kept) == (6, 1, 3, 3)
    assert [run.stage for run in both.stages] == [*summary.STAGES, *summary.STAGES]


def test_the_latest_successful_run_of_a_stage_counts(lake: Path) -> None:
    rows = [
        stage_row("embed", 3, 7.0),
        stage_row("embed", 2, 99.0),
        stage_row("embed", 4, 55.0, "failed"),
    ]
    write(lake, "runs", ONE, rows, file="part-1")
    seconds = {run.stage: run.seconds for run in summary.summary(lake, [ONE]).stages}
    assert seconds == dict.fromkeys(summary.STAGES, 10.0) | {"embed": 7.0}


def test_a_group_counts_on_the_days_that_lost_an_image_of_it(lake: Path) -> None:
    assert summary.summary(lake, [ONE]).groups == 0


def test_files_that_writers_leave_beside_the_data_are_not_read(lake: Path) -> None:
    write(lake, "manifest", ONE, [["left-over"]], file="_temporary")
    write(lake, "manifest", ONE, [["left-over"]], file=".hidden")
    assert summary.summary(lake, [ONE]).images == 2


def test_a_run_is_printed(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [stage_row("embed", 3, 7.0, details={"images_per_second": "94.1", "device": "cpu"})]
    write(lake, "runs", TWO, rows, file="part-1")
    summary.print_run(lake, [TWO])
    text = capsys.readouterr().out
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert {"images 4", "embedded 3", "failed: empty 1", "exact pairs 1", "near pairs 2"} <= set(
        words
    )
    assert {"groups 1", "images removed 3", "images kept 1"} <= set(words)
    assert {"near pairs by edit", "2 cropped"} <= set(words)
    assert {"embed 4 4 7.0 1.50 GiB", "images per second 94.1, device cpu"} <= set(words)
    assert "all stages 67.0 1.50 GiB" in words
    assert "4 cat/original.jpg" in words  # the largest group, and the image that it keeps
    assert "the report" not in text
    assert str(lake) in text
    assert max(map(len, text.replace(str(lake), "").splitlines())) <= 100


def test_a_run_of_a_range_of_days_is_printed_as_one(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary.print_run(lake, [ONE, TWO])
    text = capsys.readouterr().out
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert f"imgdedup, {ONE} to {TWO}" in words
    assert {"images 6", "embedded 5", "images removed 3", "images kept 3"} <= set(words)
    # Each day was scanned and embedded, the rest was done once, on the last.
    assert {"embed 8 8 20.0 1.50 GiB", "fit 4 4 10.0 1.50 GiB"} <= set(words)
    assert "all stages 90.0 1.50 GiB" in words
    assert "<table>/dt=YYYY-MM-DD/" in text


def near_pairs(root: Path, labels: Sequence[str]) -> None:
    rows = [(f"{n}/a.jpg", f"{n}/b.jpg", "near", label) for n, label in enumerate(labels)]
    write(root, "pairs", ONE, [*rows, ("0/a.jpg", "0/c.jpg", "exact", "exact copy")])


def test_near_pairs_are_counted_by_edit_whatever_its_amount(tmp_path: Path) -> None:
    labels = ["zoomed 1.30x", "zoomed 1.12x", "zoomed 1.50x", "re-encoded", "grayscale"]
    labels += ["mirrored, rotated -90 degrees, cropped to 47%, darker 0.62x, less contrast 0.70x"]
    labels += ["mirrored, rotated 180 degrees, cropped to 9%, darker 0.9x, less contrast 0.5x"]
    near_pairs(tmp_path, labels)
    assert list(summary.summary(tmp_path, [ONE]).edits.items()) == [
        ("zoomed", 3),
        ("mirrored, rotated, cropped, darker, less contrast", 2),
        ("grayscale", 1),
        ("re-encoded", 1),
    ]


def test_names_of_one_file_are_counted_and_not_removed(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary.print_run(lake, [TWO])
    assert "pairs of one file" not in capsys.readouterr().out
    link = ("cat/link.jpg", "cat/original.jpg", "same_file", "same file")
    write(lake, "pairs", TWO, [link], file="part-1")
    write(lake, "groups", TWO, [("cat/link.jpg", link[0], True, link[1])], file="part-1")
    summary.print_run(lake, [TWO])
    lines = capsys.readouterr().out.splitlines()
    counts = {line[:30].strip(): line[30:].strip() for line in lines if line[30:].strip()}
    assert counts["pairs of one file"] == counts["exact pairs"] == "1"
    assert counts["images removed"] == "3"


def test_rare_edits_are_counted_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = ", ".join(["mirrored", "rotated", "cropped", "more contrast", "grayscale"] * 3)
    labels = [f"edit {letter}" for letter in "abcdefghijklmnopqrst" for _ in range(3)]
    near_pairs(tmp_path, [*labels, *[long] * 1000])
    summary.print_run(tmp_path, [ONE])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("near pairs by edit") + 1
    table = lines[start : lines.index("", start)]
    assert table[0].startswith("     1,000  mirrored, rotated,")
    assert table[-2:] == ["         3  edit m", "        21  and 7 more kinds of edit"]
    assert sum(line[9] != " " for line in table) == summary.EDITS
    assert max(map(len, table)) <= summary.WIDTH


def test_a_run_over_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").mkdir()
    summary.print_run(tmp_path, [ONE])
    nothing_there = capsys.readouterr().out
    for dataset in COLUMNS:
        write(tmp_path, dataset, ONE, [])
    summary.print_run(tmp_path, [ONE])
    assert capsys.readouterr().out == nothing_there
    assert f"{'images kept':<30}{0:>13}" in nothing_there
    assert not any(word in nothing_there for word in ("by edit", "groups:", "removals:"))


def test_copies_false_pairs_and_wrong_removals_are_told_apart(lake: Path) -> None:
    quality = compare(lake, TRUTH)
    assert quality.copies == {"copy": 1, "crop": 2}
    assert quality.missed == {"crop": ["dog (to 60%)"]}
    assert quality.found == 2
    assert quality.false_pairs == {("cat", "dog"): 1}
    assert quality.wrong_removals == ["dog/crop.jpg"]
    assert quality.problems == []


def test_a_group_without_a_pair_of_the_two_is_enough(lake: Path) -> None:
    write(lake, "pairs", TWO, [])
    assert compare(lake, TRUTH).missed == {"crop": ["dog (to 60%)"]}


def test_a_pair_without_a_group_is_enough(lake: Path) -> None:
    write(lake, "groups", ONE, [])
    write(lake, "groups", TWO, [])
    assert compare(lake, TRUTH).missed == {"crop": ["dog (to 60%)"]}


def test_a_pair_with_a_broken_file_is_false_and_named(lake: Path) -> None:
    pair = ("broken/empty.jpg", "cat/crop.jpg", "near", "re-encoded")
    write(lake, "pairs", TWO, [pair], file="part-1")
    assert compare(lake, TRUTH).false_pairs[("broken/empty.jpg", "cat")] == 1


def test_the_demo_is_printed(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summary.print_demo(lake, TRUTH) == []
    text = capsys.readouterr().out
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert f"{ONE} {TWO} all" in words
    assert "images 2 4 6" in words
    assert "2 cropped" in words
    assert "embed 10.0 10.0 20.0 1.50 GiB" in words
    assert "found 2 of 3 copies: recall 0.667" in words
    assert "copy 1/1, crop 1/2" in words
    assert "missed crop: dog (to 60%)" in words
    assert "cat - dog: 1" in words
    assert "dog/crop.jpg" in words
    assert max(map(len, text.replace(str(lake), "").splitlines())) <= 100


@pytest.mark.parametrize(
    ("dataset", "rows", "problem"),
    [
        ("embeddings", [], "4 images have no row in embeddings"),
        (
            "embeddings",
            [("broken/empty.jpg", "truncated"), ("cat/copy.jpg", None)],
            "2026-01-02/broken/empty.jpg: truncated, where empty was expected",
        ),
        ("deduplicated", [], "2 images in deduplicated, where 3 were to be kept"),
    ],
)
def test_a_fault_that_a_run_must_never_show_is_a_problem(
    lake: Path, dataset: str, rows: list[tuple[object, ...]], problem: str
) -> None:
    write(lake, dataset, TWO, rows)
    assert [found for found in compare(lake, TRUTH).problems if problem in found]


def test_overlooked_copies_are_a_problem(lake: Path) -> None:
    write(lake, "groups", TWO, [])
    write(lake, "pairs", TWO, [("cat/crop.jpg", "cat/original.jpg", "near", "re-encoded")])
    assert "exact copies were missed: cat" in compare(lake, TRUTH).problems
    write(lake, "pairs", TWO, [])
    assert "no copy was found" in compare(lake, TRUTH).problems
