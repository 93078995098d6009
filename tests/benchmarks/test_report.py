"""The output of the quality benchmark: figures, page, contact sheets, the picture of pairs."""

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.quality import baselines, descriptors, explained, markdown, results, sheets
from benchmarks.quality.__main__ import claim, command, judged_pairs
from benchmarks.quality.corpus import Corpus
from benchmarks.quality.descriptors import Embedded
from benchmarks.quality.findings import Families
from imgdedup import config
from imgdedup.corpora.corpus import Truth as DemoTruth
from imgdedup.errors import UserError
from tests.benchmarks.tables import EXACT, TRUTH, WHOLE, images, near, tables
from tests.stand_ins import picture

A, B, C, D = (f"photos/{name}" for name in "abcd")
CROP, TURN = "copies/a/crop", "copies/b/turn"
CORNERS = dict(zip(("crop_left", "crop_top", "crop_right", "crop_bottom"), WHOLE, strict=True))
FIT = config.load(Path(__file__).parents[2] / "conf", "local", {}).fit
CORPUS = Corpus(
    Path("files"),
    TRUTH,
    {
        "source": "pictures", "half": "b", "seed": 0, "photos": 4, "originals": 2, "distractors": 2,
        "edits": 4, "copies": 5, "files": 9, "shrunk": 0,
        "copies_of": [], "left_out": {"unreadable": 3, "small": 2, "identical": 1},
    },
)  # fmt: skip


def stage(name: str, seconds: float, at: int = 1, status: str = "succeeded") -> dict[str, Any]:
    return {
        "stage": name, "status": status, "started_at": datetime(2026, 1, at), "seconds": seconds,
        "rows_in": 9, "rows_out": 8, "model": "m", "details": {"x": "1"}, "versions": {"p": "2"},
    }  # fmt: skip


@pytest.fixture
def result() -> dict[str, Any]:
    """A benchmark's figures: one pair found of four, one false, one of untouched photographs."""
    families = Families(TRUTH, images(), [("c", "d")])
    evidence = {"wider_id": A, "scale": 1.0, "rotation": 0.0, "mirrored": False, "edit": "cut"}
    pairs = [
        EXACT,
        near(A, CROP, 0.9, **evidence, **CORNERS),
        near(A, TURN, 0.4),
        near(C, D, 0.3),
    ]
    found = tables(
        candidates=[near(A, CROP, 0.9), near(B, TURN, 0.2)],
        pairs=pairs,
        groups=[(A, "g", A), (CROP, "g", A), (TURN, "g", A)],
        runs=[stage("verify", 3.0), stage("embed", 90.0), stage("embed", 18.0, at=2),
              stage("embed", 1.0, at=3, status="failed")],
    )  # fmt: skip
    outcome = results.evaluation(CORPUS, families, found)
    contents = sorted(families.truth)
    vectors = np.random.default_rng(0).normal(size=(len(contents), 8))
    cosine = baselines.scored(contents, families, baselines.cosines(vectors))
    return {
        "name": "test", "command": "make bench-quality", "date": "2026-01-01",
        "machine": "2 cores", "corpus": dict(CORPUS.description),
        "ours": results.plain(results.ours(outcome, found)),
        "baselines": results.plain(results.baselines(cosine, cosine)),
        "descriptors": [
            results.plain(
                descriptors.figures(Embedded(name, 64, vectors, 1.0), contents, families, FIT)
            )
            for name in ("own", "random")
        ],
    }  # fmt: skip


def test_the_figures_are_those_of_the_tables(result: dict[str, Any]) -> None:
    ours = result["ours"]
    assert ours["recall"]["everyday"]["pair"] == 0.5
    assert ours["recall"]["strong"] == {
        "pair": 0.0, "group": 0.0, "candidate": 0.5, "at_10": 0.5, "at_20": 0.5, "copies": 2,
    }  # fmt: skip
    assert ours["false_pairs"] == {"everyday": 0, "strong": 1}
    assert ours["untouched_pairs"] == {"all": 1, "judged_duplicates": 1}
    assert ours["false_removals"] == 1
    assert ours["exact_copies"] == {"all": 1, "found": 1}
    assert ours["labels"] == {"crop": {"cut": 1}}
    assert ours["explanation"]["everyday"]["pairs"] == 1


def test_seconds_are_those_of_the_latest_run_that_succeeded(result: dict[str, Any]) -> None:
    ours = result["ours"]
    assert list(ours["stages"]) == ["embed", "verify"]
    assert ours["stages"]["embed"]["seconds"] == 18
    assert ours["seconds_per_image"] == 2
    assert ours["seconds_per_candidate"] == 1.5


def test_the_figures_are_json_and_the_page_shows_them(result: dict[str, Any]) -> None:
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    page = markdown.page(result)
    assert "make bench-quality" in page
    assert "pictures, half b of its categories (left out: 3 unreadable, 2 small" in page
    assert "| imgdedup | 0.5000 | 0.0000 | 1 | 1 |" in page
    assert "| perceptual hash, distance <= 6 |" in page
    assert "| own | 64 px | 125.0 ms | all |" in page
    assert "| edit | own, 64 px | random, 64 px |" in page
    assert "| **strong** | 2 | 0.0000 | 0.0000 | 0.5000 |" in page
    widths = [line.count("|") for line in page.splitlines() if line.startswith("|")]
    assert min(widths) > 3


def test_a_run_without_a_pair_has_figures_too() -> None:
    families = Families(TRUTH, images())
    found = tables([], [], runs=[stage("embed", 1.0), stage("verify", 1.0)])
    ours = results.plain(results.ours(results.evaluation(CORPUS, families, found), found))
    assert ours["recall"]["everyday"]["pair"] == 0
    assert ours["explanation"] == {}


def test_the_command_names_no_folder_above_the_photographs(tmp_path: Path) -> None:
    file = tmp_path / "unseen.txt"
    file.touch()
    arguments = argparse.Namespace(
        photos=Path("/data/my photos"), half="a", originals=5, seed=1, name=None,
        judged=Path("/data/known.csv"), copies_of=str(file), weights=["/data/a.pth@96", "random"],
    )  # fmt: skip
    assert command(arguments) == (
        "make bench-quality PHOTOS='my photos' HALF=a COPIES_OF=benchmarks/unseen.txt "
        "WEIGHTS='a.pth@96 random' ORIGINALS=5 SEED=1 JUDGED=benchmarks/judged/known.csv"
    )


def test_judged_pairs_are_read_by_photograph(tmp_path: Path) -> None:
    file = tmp_path / "judged.csv"
    file.write_text("one,other,margin\nphotos/a.jpg,photos/x/b.jpg,0.5\nc.jpg,d.jpg,\n")
    assert judged_pairs(file, None) == [("a.jpg", "x/b.jpg"), ("c.jpg", "d.jpg")]
    (tmp_path / "judged").mkdir()
    assert judged_pairs(file, tmp_path)[1] == ("judged/c.jpg", "judged/d.jpg")
    file.write_text("left,right\na,b\n")
    with pytest.raises(UserError, match="needs the columns one and other"):
        judged_pairs(file, None)
    with pytest.raises(UserError, match="cannot read"):
        judged_pairs(tmp_path / "nothing.csv", None)


def test_only_a_folder_of_its_own_is_written_to(tmp_path: Path) -> None:
    claim(tmp_path / "new" / "bench", None)
    (tmp_path / "new" / "bench" / "lake").mkdir()
    claim(tmp_path / "new" / "bench", tmp_path / "photos")
    with pytest.raises(UserError, match="holds something other than a benchmark"):
        claim(tmp_path, None)
    with pytest.raises(UserError, match="lies among the photographs"):
        claim(tmp_path / "photos" / "bench", tmp_path / "photos")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        claim(tmp_path / "file", None)


def test_contact_sheets_show_all_pairs_and_replace_older_sheets(tmp_path: Path) -> None:
    row = {
        "one": "photos/a.jpg", "other": "x" * 90, "touched": "photo", "is_judged": False,
        "similarity": 0.9, "margin": 0.5, "inliers": 20, "correlation": 0.9, "overlap": None,
    }  # fmt: skip
    pairs = pd.DataFrame([row] * (sheets.PER_PAGE + 1))
    pictures = {"photos/a.jpg": picture(1)}
    paths = sheets.draw_sheets(pairs, pictures, tmp_path, "false-pairs")
    assert [path.name for path in paths] == ["false-pairs-001.jpg", "false-pairs-002.jpg"]
    heights = [Image.open(path).height for path in paths]
    assert heights[0] == 10 * heights[1]
    assert sheets.draw_sheets(pairs[:0], pictures, tmp_path, "false-pairs") == []
    assert list(tmp_path.iterdir()) == []


def demo_truth(image_id: str) -> DemoTruth:
    photo, _, name = image_id.partition("/")
    return DemoTruth("2026-01-01", image_id, photo, name, "", None, 1)


def test_the_picture_of_pairs_shows_each_edit_and_photograph_once() -> None:
    truth = [
        demo_truth(f"{photo}/{name}")
        for photo in ("cat", "rocket", "brick")
        for name in ("copy", "original", "crop", "zoom", "png")
    ]
    rows = [
        {"left_id": left, "right_id": right, "kind": "near", "wider_id": wider, "edit": "cropped",
         **CORNERS}
        for left, right, wider in (
            ("cat/copy", "cat/crop", "cat/copy"),
            ("rocket/copy", "rocket/crop", "rocket/copy"),
            ("cat/copy", "cat/zoom", "cat/zoom"),
            ("rocket/copy", "rocket/zoom", "rocket/copy"),
            ("cat/crop", "cat/zoom", "cat/zoom"),
            ("cat/copy", "cat/png", "cat/copy"),
        )
    ]  # fmt: skip
    chosen = explained.chosen(pd.DataFrame(rows), truth)
    assert list(chosen["right_id"]) == ["cat/crop", "rocket/zoom"]
    pictures = {row.image_id: picture(2) for row in truth}
    drawn = np.asarray(explained.draw(chosen, pictures)).astype(int)
    is_red = (drawn[..., 0] > 200) & (drawn[..., 1:] < 60).all(axis=-1)
    assert is_red.sum() > 500


def test_a_folder_without_a_demo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `make demo` first"):
        explained.picture_of(tmp_path)
