"""Compares descriptors on one corpus: how many copies each proposes, and at what price.

The price is false candidates: pairs that imgdedup would have to compare, though they show different
photographs. As in imgdedup, two contents are a candidate by the margin of their projected
embeddings. Each descriptor has a projection fitted to its own embeddings of the corpus.
"""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.baselines import Scores, scored
from benchmarks.quality.findings import Families
from imgdedup.config import EmbedConfig, FitConfig
from imgdedup.encoder.training.command import write_untrained
from imgdedup.images.decode import decoder_of
from imgdedup.space.learning import learn_projection
from imgdedup.stages.embed.embedding import default_factory

RANDOM = "random"  # a network that has learned nothing, as a lower bound
PRICES = (10.0, 2.0, 1.0, 0.1)  # false candidates an image
_SPAN = 4.0  # a margin lies between -2 and 2, a score of `scored` between 0 and 1
_READ_AT_ONCE = 512


@dataclass(frozen=True)
class Embedded:
    """The embeddings that a descriptor made of the files."""

    name: str
    side: int  # pixels of its input
    vectors: np.ndarray  # float32 (n, dims)
    seconds: float  # of the network alone, without reading and decoding
    local: np.ndarray | None = None  # int8 (n, values): local descriptors beside the embeddings

    def beside(self, local: np.ndarray) -> "Embedded":
        """The embeddings with local descriptors beside them."""
        return replace(self, name=f"{self.name} + local", local=local)


def local_alone(local: np.ndarray) -> Embedded:
    """The local descriptors (n, values) without embeddings."""
    return Embedded("local alone", 0, local.astype(np.float32), 0.0)


def of_run(vectors: np.ndarray, runs: pd.DataFrame) -> Embedded:
    """The network that the run used, with the embeddings (n, dims) it wrote."""
    done = runs[(runs["stage"] == "embed") & (runs["status"] == "succeeded")]
    latest = done.sort_values("started_at").iloc[-1]
    named = re.fullmatch(r"(?P<name>.+)-(?P<side>\d+)px-.+", str(latest["model"]))
    name, side = (named["name"], int(named["side"])) if named else (str(latest["model"]), 0)
    return Embedded(name, side, vectors, float(latest["details"]["model_seconds"]))


def embedded(spec: str, paths: Sequence[Path], config: EmbedConfig, folder: Path) -> Embedded:
    """Embed the pictures in these files with other weights than the run's.

    `spec` is "random" or anything that `embed.weights` takes; @side behind it sets another input
    size in pixels. The random network is kept in `folder`. Raises UserError for weights that
    cannot be read.
    """
    weights, _, side = spec.partition("@")
    source = weights
    if weights == RANDOM:
        folder.mkdir(parents=True, exist_ok=True)
        source = str(write_untrained(folder / "random.safetensors"))
    factory = default_factory(replace(config, weights=source, input_size=int(side or 0)))
    threads = max(2, config.decode_threads)
    (encoder,) = factory.create([], threads)[:1]
    decode = decoder_of(config, encoder.side).decode
    vectors: list[np.ndarray] = []
    seconds = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(paths), _READ_AT_ONCE):
            some = paths[start : start + _READ_AT_ONCE]
            squares = list(pool.map(lambda path: decode(path.read_bytes()).square, some))
            began = time.perf_counter()
            for first in range(0, len(squares), encoder.batch_size):
                vectors.append(encoder.encode(squares[first : first + encoder.batch_size]))
            seconds += time.perf_counter() - began
    return Embedded(Path(weights).name, encoder.side, np.concatenate(vectors), seconds)


def figures(
    found: Embedded, contents: Sequence[str], families: Families, config: FitConfig
) -> dict[str, Any]:
    """Recall of copies by kind, edit and folder, at each of the PRICES.

    A false candidate of an image is an untouched photograph that shows something else and whose
    margin with the image reaches the threshold.
    """
    outcome = scored(contents, families, _margins(found, config))
    # A pair of two untouched photographs counts for both. A pair with a copy counts for the copy.
    reaching = (2 * outcome.untouched + outcome.rivals)[::-1].cumsum()[::-1] / len(contents)
    copies = outcome.copies
    prices = {}
    for price in PRICES:
        least = float(np.argmax(reaching <= price)) / (len(reaching) - 1)
        hit = copies.assign(found=copies["score"] >= least)
        kinds = hit.groupby("kind")["found"].mean()
        prices[f"{price:g}"] = {
            "margin": least * _SPAN - _SPAN / 2,
            "recall": dict(kinds),
            "recall_by_edit": dict(hit.groupby("edit", sort=False)["found"].mean()),
            "recall_by_folder": _by_folder(hit),
        }
    return {
        "descriptor": found.name,
        "side": found.side,
        "milliseconds": 1000 * found.seconds / len(contents),
        "at": prices,
    }


def _by_folder(hit: pd.DataFrame) -> dict[str, dict[str, float]]:
    grouped = hit.groupby(["folder", "kind"])["found"].mean()
    return {str(folder): dict(grouped[folder]) for folder in sorted(set(hit["folder"]))}


def _margins(found: Embedded, config: FitConfig) -> Scores:
    """The margins of every two vectors, mapped to 0-1."""
    vectors, local = found.vectors, found.local
    chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[: config.sample])
    local_chosen = None if local is None else local[chosen]
    projection = learn_projection(vectors[chosen], len(vectors), found.name, config, local_chosen)
    projected = projection.project(vectors, local)
    levels = projection.levels(projected)

    def scores(start: int, stop: int) -> np.ndarray:
        margins = projected[start:stop] @ projected.T
        margins -= (levels[start:stop, None] + levels) / 2
        return margins / np.float32(_SPAN) + np.float32(0.5)

    return scores
