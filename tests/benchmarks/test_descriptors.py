"""The recall of descriptors at a number of false candidates, compared with an enumeration."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import descriptors
from benchmarks.quality.descriptors import PRICES, Embedded
from benchmarks.quality.findings import Families, Relation
from imgdedup import config
from imgdedup.space.learning import learn_projection
from imgdedup.space.vectors import margins
from tests.benchmarks.tables import copy, images, photo
from tests.stand_ins import encoded, picture

CONF = config.load(Path(__file__).parents[2] / "conf", "local", {})
SECTION = replace(CONF.fit, dims=12, background=100)
PHOTOS = 150
TRUTH = (
    *(photo(f"ant/{number}") for number in range(PHOTOS // 2)),
    *(photo(f"bear/{number}") for number in range(PHOTOS // 2)),
    *(copy(f"ant/{number}", edit) for number in range(20) for edit in ("crop", "turn")),
    *(copy(f"bear/{number}", "crop") for number in range(20)),
    *(copy(f"ant/{number}", "collage", "bear/1", "bear/2", "bear/3") for number in range(20)),
)


@pytest.fixture(scope="module")
def case() -> tuple[list[str], Families, np.ndarray]:
    """Contents, families, and vectors that are more or less near for a copy and its photograph."""
    families = Families(TRUTH, images(TRUTH), [("ant/30", "bear/30")])
    contents = sorted(families.truth)
    rng = np.random.default_rng(0)
    base = {row.photo: rng.normal(size=16) for row in TRUTH}
    vectors = [base[families.truth[content].photo] + rng.normal(size=16) for content in contents]
    return contents, families, np.array(vectors, np.float32)


def enumerated(
    contents: list[str], families: Families, vectors: np.ndarray, price: float
) -> tuple[float, dict[str, float]]:
    """The threshold for `price`, and the recall by kind at it, by enumeration."""
    space = learn_projection(vectors, len(contents), "m", SECTION)
    stored = space.stored(vectors)
    all_margins = np.stack([margins(one, stored)[0] for one in stored])
    false = [
        all_margins[i, j]
        for i, one in enumerate(contents)
        for j, other in enumerate(contents)
        if i != j
        and families.is_photo(other)
        and families.relation(one, other) == Relation.DIFFERENT
    ]
    least = np.sort(false)[::-1][int(price * len(contents))]
    found: dict[str, list[bool]] = {}
    for i, content in enumerate(contents):
        truth = families.truth[content]
        if not families.is_photo(content):
            own = [contents.index(original) for original in families.originals(truth)]
            found.setdefault(truth.kind, []).append(all_margins[i, own].max() > least)
    return least, {kind: float(np.mean(hits)) for kind, hits in found.items()}


@pytest.mark.parametrize("price", PRICES)
def test_recall_and_margin_are_those_of_an_enumeration(
    case: tuple[list[str], Families, np.ndarray], price: float
) -> None:
    contents, families, vectors = case
    found = descriptors.figures(Embedded("m", 64, vectors, 1.0), contents, families, SECTION)
    at = found["at"][f"{price:g}"]
    least, recall = enumerated(contents, families, vectors, price)
    assert at["margin"] == pytest.approx(least, abs=0.01)
    assert at["recall"] == {kind: pytest.approx(share, abs=0.03) for kind, share in recall.items()}


def test_recall_falls_with_the_price_and_is_given_by_folder(
    case: tuple[list[str], Families, np.ndarray],
) -> None:
    contents, families, vectors = case
    found = descriptors.figures(Embedded("m", 64, vectors, 1.0), contents, families, SECTION)
    recalls = [found["at"][f"{price:g}"]["recall"]["everyday"] for price in PRICES]
    assert recalls[0] > recalls[-1]
    assert recalls == sorted(recalls, reverse=True)
    folders = found["at"]["10"]["recall_by_folder"]
    assert {folder: set(kinds) for folder, kinds in folders.items()} == {
        "ant": {"everyday", "strong"},
        "bear": {"everyday"},
    }
    assert found["milliseconds"] == pytest.approx(1000 / len(contents))


def test_other_weights_embed_the_same_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        path.write_bytes(encoded(picture(seed)))
    embed = replace(CONF.embed, batch_size=2)
    random = descriptors.embedded("random@64", paths, embed, tmp_path / "weights")
    assert (random.name, random.side, random.vectors.shape) == ("random", 64, (3, 2048))
    again = descriptors.embedded("random@64", paths, embed, tmp_path / "weights")
    np.testing.assert_array_equal(again.vectors, random.vectors)
    builtin = descriptors.embedded("builtin", paths, embed, tmp_path)
    assert (builtin.name, builtin.side) == ("builtin", 128)
    assert not np.allclose(builtin.vectors, random.vectors)
    assert builtin.seconds > 0


def test_the_run_names_its_descriptor() -> None:
    def row(status: str, day: int, model: str) -> dict[str, Any]:
        return {
            "stage": "embed", "status": status, "started_at": datetime(2026, 1, day),
            "model": model, "details": {"model_seconds": "2.5"},
        }  # fmt: skip

    runs = pd.DataFrame(
        [
            row("succeeded", 1, "older-64px-cpu-bf16-0a"),
            row("succeeded", 2, "my-own.pth-96px-cpu-bf16-0a"),
            row("failed", 3, ""),
        ]
    )
    found = descriptors.of_run(np.zeros((4, 8)), runs)
    assert (found.name, found.side, found.seconds) == ("my-own.pth", 96, 2.5)
