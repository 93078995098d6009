"""Vectors in clusters, so that each one has near neighbours, and their exact neighbours."""

import hashlib
from collections.abc import Iterator

import numpy as np

from imgdedup.space.vectors import asking_form, stored_form

_CLUSTER = 12  # vectors in a cluster, on average
_RANK = 32  # independent directions of the centres: pictures have fewer than values
_SPREAD = 0.35  # length of what sets a vector apart from its centre of length 1
_BLOCK = 50_000
_LEVELS = (0.1, 0.4)


def stored_vectors(count: int, dims: int, seed: int) -> np.ndarray:
    """Vectors in the form that a collection stores: float32, (count, dims + 3)."""
    chance = np.random.default_rng(seed)
    clusters = max(count // _CLUSTER, 1)
    basis = chance.standard_normal((_RANK, dims)).astype(np.float32)
    places = chance.standard_normal((clusters, _RANK)).astype(np.float32)
    stored = np.empty((count, dims + 3), np.float32)
    for start in range(0, count, _BLOCK):
        rows = min(_BLOCK, count - start)
        centres = unit(places[chance.integers(0, clusters, rows)] @ basis)
        apart = unit(chance.standard_normal((rows, dims)).astype(np.float32))
        levels = chance.uniform(*_LEVELS, rows).astype(np.float32)
        stored[start : start + rows] = stored_form(unit(centres + _SPREAD * apart), levels)
    return stored


def keys(count: int) -> list[str]:
    """As many content ids: 64 hexadecimal digits each."""
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors (n, dims) at length one."""
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def exact_neighbours(stored: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` largest margins of some `rows` of (n, width), by an exact product.

    Gives the numbers of the neighbours and their margins, both (rows, k), the nearest first. A
    vector is no neighbour of itself.
    """
    asking = asking_form(stored[rows])
    near = np.empty((len(rows), 0), np.int64)
    margins = np.empty((len(rows), 0), np.float32)
    for start, block in blocks(stored):
        found = asking @ block.T
        inside = np.flatnonzero((rows >= start) & (rows < start + len(block)))
        found[inside, rows[inside] - start] = -np.inf
        margins = np.hstack([margins, found])
        near = np.hstack([near, np.tile(np.arange(start, start + len(block)), (len(rows), 1))])
        best = np.argsort(-margins, axis=1)[:, :k]
        margins, near = np.take_along_axis(margins, best, 1), np.take_along_axis(near, best, 1)
    return near, margins


def blocks(stored: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The rows of a matrix in blocks, and the number of the first row of each."""
    for start in range(0, len(stored), _BLOCK):
        yield start, stored[start : start + _BLOCK]
