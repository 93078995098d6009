"""The job scripts from images to tables, with the network that the package carries.

The first day is scanned and embedded through spark-submit, as in production. The tests stand in the
order of one story: later ones run the first day again, and take files away from it.
"""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup import config
from imgdedup.corpora.corpus import COPY, ORIGINAL, Truth
from imgdedup.flow import STAGES
from imgdedup.milvus.embedded import serving
from imgdedup.relations.sides import SIDES
from imgdedup.report.importing import import_reviews
from tests.pipeline.conftest import FIRST, SECOND, Photos
from tests.pipeline.jobs import (
    REPOSITORY,
    WHOLE,
    Ended,
    Jobs,
    command,
    files,
    read,
    spark_submit,
)

TABLES = ("manifest", "embeddings", "candidates", "pairs", "groups", "deduplicated")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake") / "a root with spaces"


@pytest.fixture(scope="module")
def ended(photos: Photos, root: Path, in_one_process: Jobs) -> dict[str, list[Ended]]:
    """How the jobs of both days ended."""
    first, second = (
        [command(stages, root, dt, photos.manifest(), f"run of {dt}") for stages in WHOLE]
        for dt in (FIRST, SECOND)
    )
    submitted = [spark_submit(first[0])]
    return {FIRST: submitted + in_one_process(first[1:]), SECOND: in_one_process(second)}


@pytest.fixture(scope="module")
def truth(photos: Photos, ended: dict[str, list[Ended]]) -> dict[str, Truth]:
    """What each image of both days is, once both days have run."""
    return photos.of(FIRST) | photos.of(SECOND)


def stamps_of(root: Path) -> dict[Path, tuple[int, int]]:
    """Inode and time of each file of the tables that keep unchanged days."""
    return files(root, "candidates") | files(root, "pairs") | files(root, "groups")


def failed(jobs: Sequence[Ended]) -> list[Ended]:
    return [job for job in jobs if job.status != 0]


def tables(root: Path) -> dict[str, list[Row]]:
    return {name: read(root, name) for name in TABLES}


def embedded(root: Path) -> list[Row]:
    return [row for row in read(root, "embeddings") if row["failure"] is None]


def vectors(root: Path) -> tuple[set[str], int]:
    """The keys of the collection, and the number of its vectors."""
    settings = config.load(REPOSITORY / "conf", "local", {}).milvus
    pinned = {(row["model"], row["projection"]) for row in read(root, "candidates")}
    with serving(settings, str(root), *pinned.pop()) as address:
        collection = address.connect()
        found = collection.keys(), collection.count()
        collection.close()
    return found


def test_every_stage_ends_well_and_says_so_in_one_line(ended: dict[str, list[Ended]]) -> None:
    for day in ended.values():
        assert failed(day) == []
        for stages, job in zip(WHOLE, day, strict=True):
            summaries = [line for line in job.lines if "rows in" in line]
            for stage, line in zip(stages.split(","), summaries, strict=True):
                assert re.fullmatch(rf"{stage}: \d+ rows in, \d+ out, .*\d+\.\d s", line)
            assert not [line for line in job.lines if "error" in line]


def test_every_image_has_one_row_of_embeddings(
    photos: Photos, root: Path, truth: dict[str, Truth]
) -> None:
    for dt in (FIRST, SECOND):
        images = [row["image_id"] for row in read(root, "manifest", dt)]
        assert sorted(images) == sorted(photos.of(dt))
        rows = read(root, "embeddings", dt)
        assert [row["image_id"] for row in rows] == images
        for row in rows:
            assert (row["embedding"] is None) != (row["failure"] is None)


def test_broken_files_are_told_by_their_reason(root: Path, truth: dict[str, Truth]) -> None:
    reasons = {row["image_id"]: row["failure"] for row in read(root, "embeddings")}
    assert reasons == {name: known.failure for name, known in truth.items()}
    assert len(set(reasons.values())) > 4


def test_a_content_is_the_hash_of_the_file(
    photos: Photos, root: Path, truth: dict[str, Truth]
) -> None:
    for row in embedded(root):
        data = (photos.folder / row["dt"] / row["image_id"]).read_bytes()
        assert row["content_id"] == hashlib.sha256(data).hexdigest()
        assert row["size_bytes"] == len(data) == truth[row["image_id"]].size_bytes


def test_the_collection_holds_all_contents_and_no_others(
    root: Path, truth: dict[str, Truth]
) -> None:
    contents = {row["content_id"] for row in embedded(root)}
    assert vectors(root) == (contents, len(contents))


def test_pairs_join_images_of_one_photograph(root: Path, truth: dict[str, Truth]) -> None:
    pairs = read(root, "pairs")
    for pair in pairs:
        left, right = truth[pair["left_id"]], truth[pair["right_id"]]
        assert left.photo == right.photo is not None
        assert pair["dt"] == max(left.dt, right.dt)
        assert pair["left_id"] < pair["right_id"]
    found = {(pair["left_id"], pair["right_id"]): pair["kind"] for pair in pairs}
    assert len(found) == len(pairs)
    for photo in ("coffee", "cat", "rocket"):
        copy, original = f"{photo}/{COPY}.jpg", f"{photo}/{ORIGINAL}.jpg"
        assert found[copy, original] == "exact"
        # The same pixels in another format. Of the byte copies the lesser id stands for both.
        assert found[copy, f"{photo}/png.png"] == "near"


def test_what_is_removed_has_a_keeper_that_stays(root: Path, truth: dict[str, Truth]) -> None:
    groups, pairs = read(root, "groups"), read(root, "pairs")
    contents = {frozenset((pair["left_content"], pair["right_content"])) for pair in pairs}
    keepers = {row["image_id"] for row in groups if row["is_keeper"]}
    removed = [row for row in groups if not row["is_keeper"]]
    assert len(removed) >= 6
    for row in removed:
        assert row["keeper_id"] in keepers
        assert frozenset((row["content_id"], row["keeper_content"])) in contents
        assert row["reason"].startswith(f"{row['kind']} copy; its keeper ")
    for dt in (FIRST, SECOND):
        gone = {row["image_id"] for row in removed if row["dt"] == dt}
        left = [row for row in read(root, "manifest", dt) if row["image_id"] not in gone]
        assert read(root, "deduplicated", dt) == left


def test_every_stage_of_every_day_has_a_row_in_runs(root: Path, truth: dict[str, Truth]) -> None:
    runs = read(root, "runs")
    assert Counter((row["dt"], row["stage"], row["status"]) for row in runs) == {
        (dt, stage, "succeeded"): 1 for dt in (FIRST, SECOND) for stage in STAGES
    }
    for row in runs:
        assert row["peak_rss_bytes"] > 100 << 20
        assert row["seconds"] > 0
        assert dict(row["versions"])["pyspark"]


@pytest.fixture(scope="module")
def unchanged(
    photos: Photos, root: Path, truth: dict[str, Truth], in_one_process: Jobs
) -> tuple[dict[str, list[Row]], dict[Path, tuple[int, int]]]:
    """The tables, and the files of some, before the first day ran a second time."""
    before = tables(root)
    stamps = stamps_of(root)
    jobs = [command(stages, root, FIRST, photos.manifest(), "again") for stages in WHOLE]
    assert failed(in_one_process(jobs)) == []
    return before, stamps


def test_running_a_day_again_changes_nothing(
    root: Path, unchanged: tuple[dict[str, list[Row]], dict[Path, tuple[int, int]]]
) -> None:
    before, stamps = unchanged
    assert all(before.values())
    assert tables(root) == before
    assert stamps_of(root) == stamps


def reviews_of(path: Path, pairs: Sequence[Row], verdicts: Sequence[str], day: int) -> Path:
    """A file as the report exports it: a verdict on each of some pairs."""
    names = ("left_content", "right_content", "left_id", "right_id")
    reviews = [
        {name: pair[name] for name in names}
        | {"verdict": verdict, "reviewer": "Ann", "reviewed_at": f"2026-02-{day:02}T09:00:00Z"}
        for pair, verdict in zip(pairs, verdicts, strict=True)
    ]
    path.write_text(json.dumps({"imgdedup": "reviews", "version": 1, "reviews": reviews}))
    return path


def test_reviews_are_imported_and_the_next_run_honours_them(
    root: Path,
    unchanged: tuple[dict[str, list[Row]], dict[Path, tuple[int, int]]],
    in_one_process: Jobs,
    tmp_path: Path,
) -> None:
    before, _ = unchanged
    gone = next(row for row in before["groups"] if row["kind"] == "near" and row["dt"] == FIRST)
    wrong = next(
        pair
        for pair in before["pairs"]
        if {pair["left_content"], pair["right_content"]}
        == {gone["content_id"], gone["keeper_content"]}
    )
    lone = sorted(
        r["content_id"] for r in embedded(root) if r["image_id"][:5] in ("page/", "clock")
    )
    missed = dict(zip(SIDES, lone, strict=True)) | dict.fromkeys(("left_id", "right_id"))
    said = [wrong, missed]
    file = reviews_of(tmp_path / "reviews.json", said, ["different", "same"], 1)
    found = import_reviews(str(file), str(root))
    assert (found.same, found.different, found.unknown, found.is_new) == (1, 1, 0, True)
    again = [command(WHOLE[-1], root, FIRST, run_id="reviewed")]
    assert failed(in_one_process(again)) == []
    pairs = {(pair["left_content"], pair["right_content"]): pair for pair in read(root, "pairs")}
    assert (wrong["left_content"], wrong["right_content"]) not in pairs
    (reviewed,) = (pair for pair in pairs.values() if pair["review"])
    assert [reviewed[side] for side in SIDES] == lone
    assert (reviewed["edit"], reviewed["originals"]) == ("same, by review", "agree")
    groups = {row["content_id"]: row["group_id"] for row in read(root, "groups")}
    assert groups.get(wrong["left_content"]) != groups.get(wrong["right_content"], "alone")
    assert groups[lone[0]] == groups[lone[1]]
    import_reviews(str(reviews_of(file, said, ["none", "none"], 2)), str(root))
    assert failed(in_one_process([command(WHOLE[-1], root, FIRST, run_id="withdrawn")])) == []
    assert tables(root) == before


def parquet_of(photos: Photos, dt: str, target: Path) -> None:
    """A manifest that holds the images themselves, and a column of the user's own."""
    names = sorted(photos.of(dt))
    paths = [photos.folder / dt / name for name in names]
    rows = [
        {"image_id": name, "uri": f"lake:{name}", "content": path.read_bytes(), "price": len(name)}
        for name, path in zip(names, paths, strict=True)
        if path.exists()
    ]
    target.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), target / "part-0.parquet")


def test_a_day_that_shrank_leaves_the_tables_of_a_clean_run(
    photos: Photos,
    root: Path,
    unchanged: tuple[dict[str, list[Row]], dict[Path, tuple[int, int]]],
    in_one_process: Jobs,
    tmp_path: Path,
) -> None:
    shrunk = Photos(tmp_path / "images", photos.truth)
    shutil.copytree(photos.folder, shrunk.folder)
    shutil.rmtree(shrunk.folder / FIRST / "cat")
    other = tmp_path / "other"
    for dt in (FIRST, SECOND):
        parquet_of(shrunk, dt, tmp_path / "own" / f"dt={dt}")
    jobs = [command(stages, root, FIRST, shrunk.manifest(), "shrunk") for stages in WHOLE]
    # The other lake finds the images in a manifest, and meets the days in the other order. A
    # projection depends on when it was fitted, so it gets the same.
    shutil.copytree(root / ".imgdedup" / "projection", other / ".imgdedup" / "projection")
    clean_run = [("scan,embed", SECOND), ("scan,embed", FIRST), ("index", SECOND)]
    clean_run += [("search", SECOND), ("search,verify,group", FIRST)]
    jobs += [command(stages, other, dt, f"{tmp_path}/own", "clean") for stages, dt in clean_run]
    assert failed(in_one_process(jobs)) == []
    one, clean = tables(root), tables(other)
    assert not [row for row in one["pairs"] if "cat" in row["left_id"] and row["dt"] == FIRST]
    for name in TABLES:
        assert without_places(one[name]) == without_places(clean[name])
    assert {row["price"] == len(row["image_id"]) for row in clean["deduplicated"]} == {True}
    assert vectors(root) == vectors(other)


def without_places(rows: list[Row]) -> list[Row]:
    """The rows without what differs between a folder and a manifest of the same images."""
    places = ("uri", "content", "price", "failure_detail", "file_key", "inode", "is_link")
    left = [{name: row[name] for name in row if name not in places} for row in rows]
    return sorted(left, key=repr)
