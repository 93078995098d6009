"""Learns the projection of a corpus, and the threshold of its candidates, from a sample."""

from collections.abc import Iterator

import numpy as np

from imgdedup.config import FitConfig
from imgdedup.space.projection import COPY, Part, Projection, joined, levels, unit

# Power of the standard deviation that each component is divided by: 0 leaves the principal
# components as they are, 1 makes all of them count alike.
_WHITENING = 0.35
# With fewer distinct images there are no principal components, or not even a centre.
_LEAST_FOR_COMPONENTS = 60
_LEAST_FOR_CENTRE = 8
# Embeddings this similar count as one image, whatever the network. Otherwise thousands of variants
# of one image would be the centre.
_SAME = 0.99
_RIDGE = 1e-4  # keeps directions without variance finite
# Pairs with so large a margin count as copies: the least of these margins that leaves room above
# the threshold. Only a large corpus needs a threshold so high that the first leaves none.
COPY_MARGINS = (0.15, 0.25, 0.4)
_ROOM = 0.02
_BLOCK = 1024  # rows compared at once
_STEP = 5e-4  # resolution of the threshold
# The weight lets both parts reach equally far: this share of the pairs of different images reaches
# the same weighted cosine in both. Candidates lie there, and neither part rules alone.
_REACH = 1e-4
_WEIGHED = 2000  # images that the weight is learned from
_LEAST_WEIGHT, _MOST_WEIGHT = 0.5, 2.0
EVERYTHING = -2.0  # no margin is less
# False candidates that a corpus of any size may have in the end: seconds of verify. A small corpus
# gives poor components and a poor threshold, and can afford more candidates for each image.
_ALWAYS_AFFORDED = 2000


def learn_projection(
    embeddings: np.ndarray,
    images: int,
    model: str,
    config: FitConfig,
    local: np.ndarray | None = None,
) -> Projection:
    """Learn from a sample of a corpus of `images` contents.

    `embeddings` (float32) and `local` (int8; None: the embeddings alone) describe the sample,
    (n, values), n > 0. `model` is the fingerprint of the model.
    """
    expected = config.expected_images or round(images * config.growth)
    network, seen = _learn_part(embeddings, config.dims)
    local_part, local_seen, weight = None, None, 0.0
    if local is not None and local.any():
        local_part, local_seen = _learn_part(local, config.local_dims)
        weight = choose_weight(seen, local_seen)
    rows = drop_similar(joined(seen, local_seen, weight), COPY)
    # Copies in the background would raise the levels of their originals.
    first = levels(rows, rows[: config.background])
    background = rows[mark_distinct(rows, COPY_MARGINS[0], first)][: config.background]
    candidates = max(config.candidates_per_image, 2 * _ALWAYS_AFFORDED / max(expected, 1))
    share = candidates / max(expected - 1, 1)
    threshold = choose_above_copies(rows, background, share)
    return Projection(model, network, local_part, weight, background, threshold, images, expected)


def _learn_part(rows: np.ndarray, dims: int) -> tuple[Part, np.ndarray]:
    """Learn the projection of one description (n, values), and project it: float32, (n, dims)."""
    described = rows[rows.any(axis=1)]
    units = [unit(block).astype(np.float32) for block in _blocks(described)]
    learned_from = np.concatenate(units) if units else unit(rows).astype(np.float32)
    part = learn_axes(drop_similar(learned_from, _SAME), dims)
    return part, part.project(rows)


def learn_axes(distinct: np.ndarray, dims: int) -> Part:
    """Learn the centre and the partly whitened principal components of unit vectors (n, values).

    Few images give fewer components.
    """
    return Part(*_components(distinct, dims))


def choose_weight(network: np.ndarray, local: np.ndarray) -> float:
    """Choose the weight of the local part beside the network's, from both of a sample (n, dims).

    Pairs that both parts together take for copies do not count.
    """
    chosen = np.flatnonzero(local.any(axis=1))[:_WEIGHED]
    network, local = network[chosen], local[chosen]
    above = np.triu_indices(len(chosen), 1)
    together = joined(network, local, 1.0)
    different = (together @ together.T < COPY)[above]
    if not different.any():
        return 1.0
    reach, local_reach = (
        float(np.quantile((rows @ rows.T)[above][different], 1 - _REACH))
        for rows in (network, local)
    )
    if min(reach, local_reach) <= 0:
        return 1.0
    return round(float(np.clip(np.sqrt(reach / local_reach), _LEAST_WEIGHT, _MOST_WEIGHT)), 3)


def choose_above_copies(projected: np.ndarray, background: np.ndarray, share: float) -> float:
    """Choose the threshold as `choose_threshold` does, from images of which no two are copies.

    `projected` (n, dims) may hold copies.
    """
    threshold, own = EVERYTHING, levels(projected, background)
    for margin in COPY_MARGINS:
        kept = mark_distinct(projected, margin, own)
        threshold = choose_threshold(projected[kept], own[kept], share)
        if threshold < margin - _ROOM:
            break
    return threshold


def drop_similar(rows: np.ndarray, similarity: float) -> np.ndarray:
    """Drop every row that is too similar to an earlier kept row.

    `rows`: unit vectors, float32, (n, values). Too similar: a cosine at or above `similarity`.
    """
    return np.asarray(rows[mark_distinct(rows, similarity, np.zeros(len(rows)))])


def mark_distinct(rows: np.ndarray, margin: float, levels: np.ndarray) -> np.ndarray:
    """Which rows have a margin below `margin` with every earlier one that is kept: bool, (n,).

    `rows`: unit vectors, float32, (n, values). `levels`: (n,).
    """
    kept = np.ones(len(rows), dtype=bool)
    halves = (levels / 2).astype(np.float32)

    def reaches(first: slice, second: slice | np.ndarray) -> np.ndarray:
        margins = rows[first] @ rows[second].T
        margins -= halves[first, None] + halves[second]
        return np.asarray(margins >= margin)

    for start in range(0, len(rows), _BLOCK):
        own = slice(start, start + _BLOCK)
        earlier = np.flatnonzero(kept[:start])
        for before in range(0, len(earlier), _BLOCK):
            kept[own] &= ~reaches(own, earlier[before : before + _BLOCK]).any(axis=1)
        near = reaches(own, own)
        for row in range(len(near)):
            if kept[start + row]:
                kept[start + row + 1 : start + _BLOCK] &= ~near[row, row + 1 :]
    return kept


def choose_threshold(projected: np.ndarray, levels: np.ndarray, share: float) -> float:
    """Choose the lowest margin that at most `share` of the pairs of different images reach.

    `projected` (n, dims) and `levels` (n,) belong to images of which no two are copies.
    """
    count = len(projected)
    allowed = share * count * (count - 1) / 2
    if share >= 1 or count < 2:
        return EVERYTHING
    bins = round(2 * -EVERYTHING / _STEP) + 1
    pairs = np.zeros(bins, np.int64)
    halves = (levels / 2).astype(np.float32)
    for start in range(0, count, _BLOCK):
        stop = start + _BLOCK
        margins = projected[start:stop] @ projected[start:].T
        margins -= halves[start:stop, None] + halves[start:]
        # Count each pair once: the values right of the diagonal.
        square, rest = np.split(margins, [len(margins)], axis=1)
        for upper in (square[np.triu_indices(len(square), 1)], rest.ravel()):
            pairs += np.bincount(((upper - EVERYTHING) / _STEP).astype(np.int64), minlength=bins)
    reaching = pairs[::-1].cumsum()[::-1]
    lowest = int(np.argmax(reaching <= allowed))
    return round(EVERYTHING + lowest * _STEP, 4)


def _components(distinct: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray | None]:
    count, values = distinct.shape
    if count < _LEAST_FOR_CENTRE:
        return np.zeros(values, np.float32), None
    mean = distinct.mean(axis=0, dtype=np.float64)
    if count < _LEAST_FOR_COMPONENTS:
        return mean.astype(np.float32), None
    covariance = np.zeros((values, values))
    for block in _blocks(distinct):
        centred = block - mean
        covariance += centred.T @ centred / count
    variances, axes = np.linalg.eigh(covariance)
    # Components beyond half the number of images are noise.
    first = np.argsort(-variances, kind="stable")[: min(dims, values, count // 2)]
    deviations = np.sqrt(np.maximum(variances[first], 0))
    components = axes[:, first] / (deviations + _RIDGE) ** _WHITENING
    return mean.astype(np.float32), components.astype(np.float32)


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]
