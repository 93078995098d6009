"""What simpler rules find on the same files: the pairs whose score reaches a threshold."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.quality.corpus import PHOTO
from benchmarks.quality.evaluate import micro_average_precision
from benchmarks.quality.findings import Families
from benchmarks.quality.photos import opened

BITS = 64  # of a perceptual hash
_STEPS = 25_600  # from score 0 to 1; the thresholds in use are whole numbers of steps
_BLOCK = 512  # contents whose scores with all others are in memory at once
WORST = 50  # how many of the highest false scores are kept exactly

Scores = Callable[[int, int], np.ndarray]  # (start, stop) to float32 (stop - start, n), 0 to 1


@dataclass(frozen=True)
class Scored:
    """The scores of one rule: each score of a true pair, and counts of false pairs by score."""

    # A row for each copy: edit, kind, folder (the first of its path), score (with the best
    # photograph that it shows) and rank (how many other photographs score higher).
    copies: pd.DataFrame
    pairs: np.ndarray  # scores of all true pairs of a copy and an untouched photograph
    false: np.ndarray  # false pairs with an edited copy, by step of the score
    untouched: np.ndarray  # pairs of two untouched photographs, by step of the score
    rivals: np.ndarray  # false pairs of a copy and an untouched photograph, by step
    worst: np.ndarray  # the highest scores of false pairs with an edited copy, falling

    def outcome(self, threshold: float) -> dict[str, object]:
        """Recalls and counts of false pairs when all pairs at or above the threshold are taken."""
        found = self.copies.assign(found=self.copies["score"] >= threshold)
        step = int(_steps(np.array(threshold)))
        is_known = len(self.worst) <= WORST or threshold > self.worst[-1]
        false = (self.worst >= threshold) if is_known else self.false[step:]
        return {
            "threshold": threshold,
            "recall": dict(found.groupby("kind")["found"].mean()),
            "recall_by_edit": dict(found.groupby("edit", sort=False)["found"].mean()),
            "false_pairs": int(false.sum()),
            "untouched_pairs": int(self.untouched[step:].sum()),
        }

    def least_threshold(self, false_pairs: int) -> float:
        """The lowest threshold with at most `false_pairs` false pairs with an edited copy."""
        if len(self.worst) <= false_pairs:
            return 0.0
        return float(np.nextafter(self.worst[false_pairs], np.float32(2)))

    @property
    def precision(self) -> float:
        """Micro-average precision of all pairs of a copy and an untouched photograph.

        Of pairs with equal scores the false ones come first, as in `evaluate.precision`.
        """
        true = np.bincount(_steps(self.pairs), minlength=len(self.rivals))
        order = np.concatenate(
            [
                np.repeat([False, True], [rivals, own])
                for rivals, own in zip(self.rivals[::-1], true[::-1], strict=True)
                if own or rivals
            ]
            or [np.zeros(0, dtype=bool)]
        )
        return micro_average_precision(order, len(self.pairs))


def scored(contents: Sequence[str], families: Families, scores: Scores) -> Scored:
    """Score every two contents once. Two relatives (see `Families`) are no false pair."""
    place = {content: number for number, content in enumerate(contents)}
    by_photo: dict[str, list[int]] = defaultdict(list)
    for content in contents:
        for photo in families.photos[content]:
            by_photo[photo].append(place[content])
    is_photo = np.array([families.is_photo(content) for content in contents])
    counts = {name: np.zeros(_STEPS + 1, np.int64) for name in ("false", "untouched", "rivals")}
    worst = np.zeros(0, np.float32)
    copies: list[tuple[str, str, str, float, int]] = []
    pairs: list[float] = []
    for start in range(0, len(contents), _BLOCK):
        stop = min(start + _BLOCK, len(contents))
        block = scores(start, stop).astype(np.float32)
        for row, content in enumerate(contents[start:stop]):
            truth = families.truth[content]
            own = [place[original] for original in set(families.originals(truth))]
            true = block[row, own]
            relatives = [by_photo.get(photo, []) for photo in families.relatives(content)]
            block[row, [number for family in relatives for number in family]] = -1  # not false
            if truth.kind != PHOTO:
                best = true.max(initial=0)
                rank = int(np.count_nonzero(block[row, is_photo] > best))
                folder = truth.photo.partition("/")[0]
                copies.append((truth.edit, truth.kind, folder, float(best), rank))
                pairs += list(true)
        counts["rivals"] += _counted(block[~is_photo[start:stop]][:, is_photo])
        block[np.tri(stop - start, len(contents), start, dtype=bool)] = -1  # every two once
        touched = ~(is_photo[start:stop, None] & is_photo)
        counts["untouched"] += _counted(block[~touched])
        false = block[touched]
        counts["false"] += _counted(false)
        floor = worst[-1] if len(worst) > WORST else 0
        highest = np.concatenate([worst, false[false >= floor]])
        worst = np.sort(highest)[::-1][: WORST + 1]
    table = pd.DataFrame(copies, columns=["edit", "kind", "folder", "score", "rank"])
    return Scored(table, np.array(pairs), **counts, worst=worst)


def cosines(vectors: np.ndarray) -> Scores:
    """The cosines of vectors (n, d); a cosine below 0 becomes 0."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return lambda start, stop: np.clip(units[start:stop] @ units.T, 0, 1)


def agreements(hashes: np.ndarray) -> Scores:
    """The shares of bits that agree, for hashes (n,) uint64: 1 - distance / BITS."""

    def scores(start: int, stop: int) -> np.ndarray:
        return 1 - np.bitwise_count(hashes[start:stop, None] ^ hashes) / np.float32(BITS)

    return scores


def descriptions(root: Path, day: str, contents: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read what the run for `day` under `root` wrote of each content, two arrays (n, values).

    The embeddings are float32, and the local descriptors int8.
    """
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    columns = ["content_id", "embedding", "local"]
    for file in sorted((root / "embeddings" / f"dt={day}").glob("[!._]*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(columns=columns):
            for content, values, local in zip(*(batch[name] for name in columns), strict=True):
                if values.is_valid:
                    features = np.frombuffer(local.as_py(), np.int8)
                    found[content.as_py()] = values.values.to_numpy(), features
    both = [found[content] for content in contents]
    return np.stack([vector for vector, _ in both]), np.stack([local for _, local in both])


def perceptual_hashes(paths: Sequence[Path]) -> np.ndarray:
    """The 64-bit DCT hash of the picture in each file, uint64 (n,)."""
    with ProcessPoolExecutor() as workers:
        return np.array(list(workers.map(_hash, paths, chunksize=32)), dtype=np.uint64)


def _hash(path: Path) -> int:
    return int(str(imagehash.phash(opened(path))), 16)


def _steps(scores: np.ndarray) -> np.ndarray:
    return np.floor(scores * _STEPS + 1e-2).astype(np.int64)


def _counted(scores: np.ndarray) -> np.ndarray:
    return np.bincount(_steps(scores[scores >= 0]), minlength=_STEPS + 1)
