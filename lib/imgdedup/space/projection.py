"""The space in which contents are compared, pinned by fit: projected vectors and their levels.

    level(x)     mean cosine of x to the nearest of a pinned background sample
    margin(x, y) cosine(x, y) - (level(x) + level(y)) / 2

The margin is the score normalisation known from image copy detection (Facebook AI Image
Similarity Challenge, 2021). Look-alikes crowd some regions of the space and leave others empty. The
margin says by how much a pair stands out of its own neighbourhood. The margin depends only on the
two images and the background, and on no other image of the corpus.

An image has two descriptions: the embedding of the network, and its local descriptor. Each has its
own projection. It centres the description and takes partly whitened principal components: each
component is divided by a power of its standard deviation. The projected vector of an image is the
two side by side, at length one. They err on different images.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgdedup.space.vectors import stored_form

_BLOCK = 1024  # rows projected at once: 16 MB of float64 for 2,048 values
# A level is the mean over the third to the twelfth nearest image of the background. Images at or
# above COPY do not count. They, and the first two of the others, may be the image itself, its
# original or a copy.
COPY = 0.8
_FIRST, _LAST = 2, 12
_LEAST_NORM = 1e-9


@dataclass(frozen=True, eq=False)
class Part:
    """The projection of one description. A description of zeros has no part in the result."""

    mean: np.ndarray  # float32, (values,): subtracted from unit rows
    components: np.ndarray | None  # float32, (values, dims); None: the space stays as it is

    @property
    def dims(self) -> int:
        """The number of values of a projected row."""
        return len(self.mean) if self.components is None else self.components.shape[1]

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Project rows (n, values) to unit rows, or zeros for rows of zeros; float32, (n, dims).

        The values are computed in float64 and rounded, so that a row does not depend on the others.
        """
        projected = np.zeros((len(rows), self.dims), np.float32)
        if not rows.any():
            return projected
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            centred = unit(block) - self.mean
            if self.components is not None:
                centred = centred @ self.components.astype(np.float64)
            placed = unit(centred)
            placed[~block.any(axis=1)] = 0
            projected[start : start + _BLOCK] = placed
        return projected


@dataclass(frozen=True, eq=False)
class Projection:
    """What fit learned of a corpus. Equal projections have equal fingerprints."""

    model: str  # fingerprint of the embeddings it was fitted on
    network: Part
    local: Part | None  # None: the local descriptors play no part
    weight: float  # of the local part; the network's is 1
    background: np.ndarray  # float32, (images, dims), unit rows in the projected space
    threshold: float  # least margin of a candidate
    fitted_images: int  # distinct contents of the corpus when it was fitted
    expected_images: int  # distinct contents for which the threshold was chosen

    @property
    def dims(self) -> int:
        """The number of values of a projected vector."""
        return self.network.dims + (self.local.dims if self.local else 0)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of a hash over everything the margins depend on."""
        found = hashlib.sha256(f"{self.model} {self.threshold!r} {self.weight!r}".encode())
        parts = [part for part in (self.network, self.local) if part is not None]
        arrays = [array for part in parts for array in (part.mean, part.components)]
        for array in (*arrays, self.background):
            if array is not None:
                found.update(f"{array.shape}".encode() + array.astype("<f4").tobytes())
        return found.hexdigest()[:12]

    def project(self, embeddings: np.ndarray, local: np.ndarray | None = None) -> np.ndarray:
        """Project embeddings (n, values) and local descriptors (n, values): float32, (n, dims).

        The result has unit vectors. An image without local features is placed by the network alone.
        """
        placed = None
        if self.local is not None:
            none = np.zeros((len(embeddings), 0), np.int8)
            placed = self.local.project(none if local is None else local)
        return joined(self.network.project(embeddings), placed, self.weight)

    def levels(self, projected: np.ndarray) -> np.ndarray:
        """The level of each projected vector (n, dims), float32, (n,); 0 without a background."""
        return levels(projected, self.background)

    def stored(self, embeddings: np.ndarray, local: np.ndarray | None = None) -> np.ndarray:
        """What the collection stores of images, as for `project`: float32, (n, dims + 3)."""
        projected = self.project(embeddings, local)
        return stored_form(projected, self.levels(projected))


def joined(network: np.ndarray, local: np.ndarray | None, weight: float) -> np.ndarray:
    """Projected parts (n, dims) side by side, the local one by a weight: unit rows, float32."""
    if local is None:
        return unit(network).astype(np.float32)
    return unit(np.hstack([network, np.float32(weight) * local])).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of (n, values) at length one, float64.

    A row of zeros has no direction and gets the direction of the first axis. So blank images are
    near each other and far from the rest.
    """
    wide = rows.astype(np.float64)
    norms = np.sqrt((wide**2).sum(axis=1, keepdims=True))
    blank = norms[:, 0] < _LEAST_NORM
    wide[blank], norms[blank] = 0.0, 1.0
    wide[blank, :1] = 1.0
    return np.asarray(wide / norms)


def levels(projected: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Mean cosine of (n, dims) to the nearest of the background (m, dims), float32, (n,).

    The level is 0 when the background has too few images that are not copies.
    """
    found = np.zeros(len(projected), np.float32)
    kept = min(_LAST, len(background))
    if kept <= _FIRST:
        return found
    against = background.T.astype(np.float64)
    for start in range(0, len(projected), _BLOCK):
        cosines = projected[start : start + _BLOCK].astype(np.float64) @ against
        cosines[cosines >= COPY] = -np.inf
        nearest = -np.partition(-cosines, kept - 1, axis=1)[:, :kept]
        nearest = -np.sort(-nearest, axis=1)[:, _FIRST:]
        counted = np.isfinite(nearest)
        sums = np.where(counted, nearest, 0).sum(axis=1)
        found[start : start + _BLOCK] = sums / np.maximum(counted.sum(axis=1), 1)
    return found
