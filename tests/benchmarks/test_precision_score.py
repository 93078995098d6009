"""The precision benchmark's score: which removals are false, and what the page says of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.precision import full
from benchmarks.precision.corpus import Row
from benchmarks.precision.full import DAY, Outcome
from benchmarks.precision.page import full_page, quick_page
from benchmarks.precision.quick import Judged
from benchmarks.precision.scoring import Score, Scored, score

OBJECT, MEME, PAGE, LINK, CROP = (
    "object 1 %", "meme, other words", "invoice, one digit", "link to a file", "crop",
)  # fmt: skip


def row(kind: str, left: str, right: str, number: int = 0) -> Row:
    return Row(kind, number, left, right, f"content of {left}", f"content of {right}", "anywhere")


ROWS = (
    row(OBJECT, "photo", "object"),
    row(MEME, "meme 1", "meme 2"),
    row(PAGE, "page 1", "page 2"),
    row(LINK, "file", "link"),
    row(CROP, "original", "crop"),
    row(CROP, "other original", "other crop", number=1),
    row(OBJECT, "other photo", "other object", number=1),
)


def outcome(*groups: str, pairs: tuple[tuple[str, str], ...] = ()) -> Outcome:
    """Groups as `keeper: removed, removed`."""
    members: dict[str, str] = {}
    for group in groups:
        keeper, _, removed = group.partition(": ")
        members |= dict.fromkeys((keeper, *removed.split(", ")), keeper)
    joined = (frozenset((f"content of {left}", f"content of {right}")) for left, right in pairs)
    return Outcome(frozenset(joined), members, members, {})


def false(*groups: str) -> dict[str, list[tuple[str, str]]]:
    """The false removals of each pair that has some, by its right file."""
    found = score(ROWS, outcome(*groups))
    return {one.row.right: list(one.removals) for one in found.pairs if one.removals}


def test_copies_of_one_picture_may_be_removed_for_each_other() -> None:
    assert false("original: crop, photo") == {}
    assert false("crop: original, photo") == {}


def test_a_picture_with_an_object_may_not_go_with_the_photograph_or_a_copy_of_it() -> None:
    assert false("photo: object") == {"object": [("object", "photo")]}
    assert false("original: object, crop") == {"object": [("object", "original")]}


def test_a_photograph_may_not_go_with_a_picture_that_has_an_object() -> None:
    assert false("object: photo") == {"object": [("photo", "object")]}


def test_an_edited_copy_that_goes_with_an_object_is_counted_apart() -> None:
    found = score(ROWS, outcome("object: crop"))
    assert not any(one.removals for one in found.pairs)
    assert found.others == (("crop", "object"),)


def test_two_photographs_alike_are_no_fault_of_any_pair() -> None:
    found = score(ROWS, outcome("photo: other photo"))
    assert not any(one.removals for one in found.pairs)
    assert found.others == (("other photo", "photo"),)


def test_memes_with_other_words_stay_but_a_plain_photograph_may_go_with_a_meme() -> None:
    assert false("meme 1: meme 2") == {"meme 2": [("meme 2", "meme 1")]}
    assert false("meme 1: original") == {}
    assert false("original: meme 1, meme 2") == {}


def test_a_page_may_go_with_nothing_else() -> None:
    assert false("page 2: page 1") == {"page 2": [("page 1", "page 2")]}
    assert false("other object: page 2") == {"page 2": [("page 2", "other object")]}


def test_a_link_may_go_but_the_file_that_it_leads_to_may_not() -> None:
    assert false("file: link") == {}
    assert false("link: file") == {"link": [("file", "link")]}


def test_found_copies_and_replaced_originals_are_told() -> None:
    found = score(ROWS, outcome("crop: original", pairs=(("original", "crop"),)))
    crop, other = (one for one in found.pairs if one.row.kind == CROP)
    assert (crop.is_pair, crop.is_group, crop.is_replaced) == (True, True, True)
    assert (other.is_pair, other.is_group, other.is_replaced) == (False, False, False)


def test_a_run_is_read_from_its_tables(tmp_path: Path) -> None:
    tables = {
        "pairs": {"left_content": ["a"], "right_content": ["b"]},
        "groups": {"image_id": ["x", "y"], "group_id": ["x", "x"], "keeper_id": ["y", "y"]},
        "embeddings": {"image_id": ["x", "z"], "failure": [None, "corrupt"]},
    }
    for name, columns in tables.items():
        (tmp_path / name / f"dt={DAY}").mkdir(parents=True)
        pq.write_table(pa.table(columns), tmp_path / name / f"dt={DAY}" / "part.parquet")
    found = full.outcome(tmp_path)
    assert found.pairs == {frozenset(("a", "b"))}
    assert found.groups == {"x": "x", "y": "x"}
    assert found.keepers == {"x": "y", "y": "y"}
    assert found.failures == {"z": "corrupt"}


def test_the_page_holds_the_removals_against_the_aims() -> None:
    rows = [row(OBJECT, f"{n}", f"object {n}", n) for n in range(200)]
    removal = (("a", "b"),)
    pairs = [Scored(one, True, True, removal, False, "") for one in rows[:2]]
    pairs += [Scored(one, True, True, (), False, "") for one in rows[2:]]
    pairs += [Scored(row(PAGE, "p", "q"), True, True, removal, False, "")]
    pairs += [Scored(row(CROP, "c", "d"), True, False, (), True, "")]
    page = full_page("# Title", Score(tuple(pairs), ()))
    assert "| objects from 1 % | 200 | 2 | 2 | yes |" in page
    assert "| documents | 1 | 1 | 0 | no |" in page
    assert "| keepers | 1 | 1 | 0 | no |" in page
    assert "| object 1 % | every | 200 | 200 | 2 | 0 |" in page
    assert "| object 1 % | 200 | 2 | 0 | 0 |" in page
    assert "| crop | 1 | 1.000 | 0.000 | 1 | 0 |" in page


def test_the_quick_page_counts_either_order_against_a_pair_and_both_for_it() -> None:
    found = [
        Judged(row(OBJECT, "a", "b"), True, False, 0.010, 0.020),
        Judged(row(CROP, "c", "d"), True, False, 0.010, 0.020),
        Judged(row(CROP, "e", "f"), True, True, 0.030, 0.040),
        Judged(row(CROP, "g", "h"), False, False, 0.0, 0.0, "corrupt: no picture"),
    ]
    page = quick_page("# Title", found)
    assert "| object 1 % | every | 1 | 1 | 1 | 0 | 10 | 20 |" in page
    assert "| crop | 3 | 1 | 0.333 | 1 | 1 | 20 | 30 |" in page
