"""What a run's end says of groups and removals, and how it shows names."""

import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.report.highlights import (
    WIDTH,
    highlights,
    largest_groups,
    weakest_removals,
)
from imgdedup.report.tables import connected
from imgdedup.report.terminal import shown

ONE, TWO = "2026-01-01", "2026-01-02"
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("group_id", pa.string()),
        ("is_keeper", pa.bool_()),
        ("keeper_id", pa.string()),
        ("kind", pa.string()),
        ("edit", pa.string()),
        ("correlation", pa.float64()),
        ("margin", pa.float64()),
    ]
)


def write(root: Path, dt: str, rows: Sequence[tuple[object, ...]]) -> None:
    folder = root / "groups" / f"dt={dt}"
    folder.mkdir(parents=True)
    named = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(named, SCHEMA), folder / "part-0.parquet")


def kept(image: str, group: str) -> tuple[object, ...]:
    return image, group, True, image, None, None, None, None


def removed(
    image: str,
    group: str,
    keeper: str,
    edit: str = "exact copy",
    correlation: float | None = None,
    margin: float | None = None,
) -> tuple[object, ...]:
    kind = "exact" if edit == "exact copy" else "near"
    return image, group, False, keeper, kind, edit, correlation, margin


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """On day one `a` is kept; on day two it loses four copies, `x` loses one, `k` none."""
    write(tmp_path, ONE, [kept("a", "a"), kept("k", "k"), removed("l", "k", "k")])
    rows = [
        kept("b", "a"),
        removed("c", "a", "a", "zoomed 1.30x", 0.9, 0.2),
        removed("d", "a", "a", "zoomed 1.50x", 0.7, 0.4),
        removed("e", "a", "b", "cropped to 47%, grayscale", 0.7, 0.3),
        removed("f", "a", "a"),
        kept("x", "x"),
        removed("y", "x", "x", "grayscale", math.nan),
    ]
    write(tmp_path, TWO, rows)
    return tmp_path


def test_groups_are_those_that_lost_an_image_on_the_days_the_largest_first(root: Path) -> None:
    with connected(str(root), ["groups"]) as connection:
        large, small = largest_groups(connection, [TWO], 5)
        assert [group.group_id for group in largest_groups(connection, [ONE, TWO], 2)] == ["a", "k"]
    assert (large.images, large.keeper, large.keepers) == (6, "a", 2)
    counts = [("zoomed", 2), ("cropped, grayscale", 1), ("exact copy", 1)]
    assert list(large.edits.items()) == counts
    assert (small.group_id, small.images, small.keepers) == ("x", 2, 1)


def test_removals_with_the_least_correlation_come_first_then_the_least_margin(root: Path) -> None:
    with connected(str(root), ["groups"]) as connection:
        weak = weakest_removals(connection, [ONE, TWO], 4)
    assert [removal.image for removal in weak] == ["e", "d", "c", "y"]
    assert (weak[0].keeper, weak[0].correlation, weak[0].margin) == ("b", 0.7, 0.3)


def test_the_lines_name_them(root: Path) -> None:
    lines = [" ".join(line.split()) for line in highlights(str(root), [TWO])]
    assert lines[1:3] == ["6 a (and 1 more)", "2 zoomed; 1 cropped, grayscale; 1 exact copy"]
    assert {"0.700 0.300 cropped to 47%, grayscale", "e of b", "- - grayscale"} <= set(lines)


def test_nothing_was_removed_so_nothing_is_said(tmp_path: Path) -> None:
    write(tmp_path, ONE, [kept("a", "a")])
    assert highlights(str(tmp_path), [ONE]) == highlights(str(tmp_path), []) == []


def test_hostile_names_stay_in_their_lines(tmp_path: Path) -> None:
    name = "a\n\x1b[31mimgdedup: error: all is lost\u202e" + "z" * 500 + ".jpg"
    write(tmp_path, ONE, [removed(name, name, "\r" * 300, "zoomed 1.30x", 0.9, 0.2)])
    lines = highlights(str(tmp_path), [ONE])
    assert len(lines) == 9
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)
    assert lines[6].strip().startswith(r"a\u000a\u001b[31mimgdedup: error: ")
    assert lines[6].endswith("zzz.jpg")
    assert lines[7].strip().startswith(r"of \u000d\u000d")


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("folder/cat.jpg", 14, "folder/cat.jpg"),
        ("folder/cat.jpg", 13, "folde...t.jpg"),
        ("a\tb\x7f\u202ec", 40, r"a\u0009b\u007f\u202ec"),
        ("\n\n\n\n\n\n", 15, r"\u000a...\u000a"),
        ("\u732b\u732b\u732b\u732b", 8, "\u732b\u732b\u732b\u732b"),
        ("\u732b\u732b\u732b\u732b", 7, "\u732b...\u732b"),
        ("e" + "\u0301" * 9, 9, "e\u0301\u0301...\u0301\u0301\u0301"),
    ],
)
def test_a_name_is_shown_in_the_columns_that_there_are(
    name: str, width: int, expected: str
) -> None:
    assert shown(name, width) == expected


@given(st.text(max_size=60), st.integers(3, 50))
def test_any_name_fits(name: str, width: int) -> None:
    text = shown(name, width)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    assert len(text) + wide <= width
    assert {"Cc", "Cf", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, text))
