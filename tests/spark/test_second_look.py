"""The second look: which originals are read, and what a removal hangs on."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.corpora.edits import jpeg
from imgdedup.errors import TryAgain
from imgdedup.flow import SETTLING
from imgdedup.lake import Lake
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.stages import body_of
from tests.pictures import decoded, features, photograph
from tests.spark.tables import Image as Row
from tests.spark.tables import embeddings, frame, rows_of

FIRST, SECOND = "2026-01-01", "2026-01-02"
Stages = Callable[..., dict[str, Outcome]]
Place = Callable[..., Path]
Embed = Callable[..., None]
QUALITIES = {"above": 60, "best": 95, "copy": 70}


@pytest.fixture
def run_stages(spark: SparkSession, lake: Lake, settings: Config) -> Stages:
    """Runs the stages after embed for a day."""

    def run(dt: str, *stages: str, order: Sequence[str] = ()) -> dict[str, Outcome]:
        ranked = replace(settings.group, keeper_order=list(order or settings.group.keeper_order))
        given = Run(spark, lake, dt, (dt,), "run", replace(settings, group=ranked), "")
        return {stage: run_locked(stage, body_of(stage), given) for stage in stages or SETTLING}

    return run


@pytest.fixture(scope="module")
def pictures() -> dict[str, Image.Image]:
    """A photograph, and the photograph with a small stone that was not there."""
    cat = photograph("cat")
    stone = cat.copy()
    ImageDraw.Draw(stone).ellipse((150, 60, 190, 95), fill=(96, 78, 60))
    noise = np.random.default_rng(0).normal(0, 12, (35, 40, 1))
    part = np.asarray(stone.crop((150, 60, 190, 95)), float) + noise
    stone.paste(Image.fromarray(part.clip(0, 255).astype(np.uint8)), (150, 60))
    return {"cat": cat, "stone": stone}


@pytest.fixture
def place(pictures: dict[str, Image.Image], tmp_path: Path) -> Place:
    """Writes one of the pictures to a file of its own."""

    def write(name: str, quality: int, picture: str = "cat") -> Path:
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(jpeg(quality).encode(pictures[picture]))
        return path

    return write


@pytest.fixture
def embed(spark: SparkSession) -> Embed:
    """Writes a day with an image of each file."""

    def write(lake: Lake, dt: str, *paths: Path) -> None:
        rows = []
        for path in paths:
            with Image.open(path) as picture:
                shown = decoded(picture.convert("RGB"))
            chance = np.random.default_rng(len(path.name))
            rows.append(
                Row(
                    str(path)[1:],  # the table makes a uri of it
                    hashlib.sha256(path.read_bytes()).hexdigest(),
                    dt,
                    shown.width,
                    shown.height,
                    size_bytes=path.stat().st_size,
                    embedding=tuple(map(float, chance.standard_normal(8))),
                    thumbnail=shown.thumbnail,
                    features=features(shown),
                )
            )
        manifest = frame(
            spark, [(row.image_id, "uri") for row in rows], "image_id string, uri string"
        )
        lake.replace("manifest", dt, manifest)
        lake.replace("embeddings", dt, embeddings(spark, rows).drop("dt"))

    return write


def kept(lake: Lake, dt: str) -> set[str]:
    return {Path(row["image_id"]).stem for row in rows_of(lake.read_day("deduplicated", dt))}


def states(lake: Lake) -> dict[tuple[str, str], str | None]:
    """What is known of the originals of each pair."""
    return {
        (Path(row["left_id"]).stem, Path(row["right_id"]).stem): row["originals"]
        for row in rows_of(lake.read("pairs"))
    }


def test_a_copy_goes_and_a_picture_with_something_more_stays(
    lake: Lake, run_stages: Stages, place: Place, embed: Embed
) -> None:
    files = [
        place("best", 95),
        place("copy", 60),
        place("stone", 90, "stone"),
    ]
    embed(lake, FIRST, *files)
    details = run_stages(FIRST)["verify"].details
    assert kept(lake, FIRST) == {"best", "stone"}
    assert states(lake)["best", "copy"] == "agree"
    assert ("best", "stone") not in states(lake)
    assert (details["unconfirmed"], details["differ"]) == (0, 1)


def test_an_original_that_is_gone_or_changed_removes_nothing_until_it_is_back(
    lake: Lake, run_stages: Stages, place: Place, embed: Embed
) -> None:
    best = place("best", 95)
    copy = place("copy", 60)
    embed(lake, FIRST, best, copy)
    data = copy.read_bytes()
    copy.unlink()
    assert run_stages(FIRST)["verify"].details["unconfirmed"] == 1
    assert states(lake) == {("best", "copy"): "unconfirmed"}
    (pair,) = rows_of(lake.read("pairs"))
    assert pair["originals_detail"].startswith("missing: ")
    assert kept(lake, FIRST) == {"best", "copy"}
    copy.write_bytes(data + b"more")
    run_stages(FIRST)
    (pair,) = rows_of(lake.read("pairs"))
    assert pair["originals_detail"].endswith("has other bytes now")
    assert kept(lake, FIRST) == {"best", "copy"}
    copy.write_bytes(data)
    run_stages(FIRST)
    assert states(lake) == {("best", "copy"): "agree"}
    assert kept(lake, FIRST) == {"best"}
    assert run_stages(FIRST)["verify"].details["looked"] == 0


def test_what_an_earlier_day_looked_at_leaves_no_trace(
    lake: Lake,
    run_stages: Stages,
    place: Place,
    embed: Embed,
    spark: SparkSession,
    settings: Config,
    tmp_path: Path,
) -> None:
    first = [
        place("middle", 80),
        place("worst", 50),
        place("stone", 70, "stone"),
    ]
    second = [place("best", 95)]
    embed(lake, FIRST, *first)
    run_stages(FIRST)
    assert states(lake)["middle", "worst"] == "agree"
    embed(lake, SECOND, *second)
    run_stages(SECOND)
    clean = Lake(spark, str(tmp_path / "clean"))
    embed(clean, FIRST, *first)
    embed(clean, SECOND, *second)
    for stage in SETTLING:
        given = Run(spark, clean, SECOND, (SECOND,), "run", settings, "")
        run_locked(stage, body_of(stage), given)
    assert states(lake) == states(clean)
    assert states(lake)["middle", "worst"] is None
    assert kept(lake, FIRST) == kept(clean, FIRST) == {"stone"}


def test_another_order_of_keepers_asks_for_verify_first(
    lake: Lake, run_stages: Stages, place: Place, embed: Embed
) -> None:
    files = [place(name, quality) for name, quality in QUALITIES.items()]
    embed(lake, FIRST, *files)
    run_stages(FIRST)
    assert kept(lake, FIRST) == {"best"}
    with pytest.raises(TryAgain, match="run verify again"):
        run_stages(FIRST, "group", order=["day"])
    assert kept(lake, FIRST) == {"best"}
    run_stages(FIRST, order=["day"])
    assert kept(lake, FIRST) == {"above"}
    assert states(lake)["above", "best"] == "agree"


def test_no_exact_copy_goes_for_a_file_that_is_gone_or_overwritten(
    lake: Lake, run_stages: Stages, place: Place, embed: Embed, tmp_path: Path
) -> None:
    best = place("best", 95)
    data = best.read_bytes()
    embed(lake, FIRST, best)
    run_stages(FIRST)
    best.write_bytes(b"another picture")
    copy, small = tmp_path / "copy.jpg", place("small", 60)
    copy.write_bytes(data)
    embed(lake, SECOND, copy, small)
    details = run_stages(SECOND)["verify"].details
    assert (details["unconfirmed"], details["absent"]) == (0, 1)
    assert kept(lake, FIRST) == {"best"}
    assert kept(lake, SECOND) == {"copy"}
    assert states(lake) == {("copy", "small"): "agree"}
    best.write_bytes(data)
    third = tmp_path / "third.jpg"
    third.write_bytes(data)
    embed(lake, SECOND, copy, small, third)
    assert run_stages(SECOND)["verify"].details["absent"] == 0
    assert kept(lake, FIRST) == {"best"}
    assert kept(lake, SECOND) == set()


def test_what_people_call_the_same_is_not_compared_but_its_files_must_be_there(
    lake: Lake, run_stages: Stages, place: Place, embed: Embed
) -> None:
    files = [place("best", 95), place("stone", 90, "stone")]
    embed(lake, FIRST, *files)
    data = files[1].read_bytes()
    review(lake, 1, "same", *files)
    files[1].write_bytes(b"another picture")
    assert run_stages(FIRST)["verify"].details["unconfirmed"] == 1
    assert states(lake) == {("best", "stone"): "unconfirmed"}
    assert kept(lake, FIRST) == {"best", "stone"}
    files[1].write_bytes(data)
    run_stages(FIRST, "verify", "group")
    assert states(lake) == {("best", "stone"): "agree"}
    assert kept(lake, FIRST) == {"best"}
    assert run_stages(FIRST, "verify", "group")["verify"].details["looked"] == 0
    review(lake, 2, "none", *files)
    assert run_stages(FIRST, "verify", "group")["verify"].details["differ"] == 1
    assert states(lake) == {}
    assert kept(lake, FIRST) == {"best", "stone"}


def review(lake: Lake, day: int, verdict: str, *files: Path) -> None:
    """Write what people say of two files."""
    left, right = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    said = {"left_content": left, "right_content": right, "verdict": verdict}
    when = datetime(2026, 2, day, tzinfo=UTC)
    folder = Path(lake.root, "reviews")
    folder.mkdir(exist_ok=True, parents=True)
    rows = pa.Table.from_pylist([said | {"reviewed_at": when}])
    pq.write_table(rows, folder / f"{day}.parquet")
