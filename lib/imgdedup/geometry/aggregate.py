"""The local descriptor of a picture: its features, aggregated to one vector of fixed length.

Each feature, and its mirror image, is projected and assigned to the nearest word of a codebook. The
residuals to each word are summed (VLAD: Jegou et al., "Aggregating local descriptors into a compact
image representation", CVPR 2010; residuals of length one: Delhumeau et al., "Revisiting the VLAD
image representation", ACM Multimedia 2013). A copy shares most of the features of its original
wherever they lie, so crops, turns and bars change the vector little.
"""

import hashlib
import io
import pkgutil
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from imgdedup.geometry import features
from imgdedup.geometry.features import Features

_CODEBOOK = "codebook.npz"
_LEAST_FEATURES = 8  # fewer say nothing about a picture
_LEVELS = 127  # of a stored value either way
_WORDS, _VALUES = 32, 64  # centres; values of a projected feature
_LEARNED_FROM = 400_000  # features; each comes with its mirror image
_ROUNDS, _SEED = 20, 1  # of k-means
_LEAST_LENGTH = 1e-9
# A part of the fingerprint. Change it when the same picture would get another local descriptor.
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Codebook:
    """The projection of features, and the words that they are assigned to.

    `mean` (128,), `axes` (128, values) and `centres` (words, values) are float32.
    """

    mean: np.ndarray
    axes: np.ndarray
    centres: np.ndarray

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of a hash of the codebook and of how features are found."""
        found = hashlib.sha256(f"{_VERSION} {features.VERSION} {_LEAST_FEATURES}".encode())
        for array in (self.mean, self.axes, self.centres):
            found.update(f"{array.shape}".encode() + array.astype("<f4").tobytes())
        return found.hexdigest()[:8]

    def aggregate(self, found: Features) -> np.ndarray:
        """The local descriptor of these features, int8, (words * values,).

        It is all zeros when there are too few features to tell pictures apart.
        """
        words, values = self.centres.shape
        if len(found) < _LEAST_FEATURES:
            return np.zeros(words * values, np.int8)
        placed = (_with_mirror_images(found.unit) - self.mean) @ self.axes
        nearest = (2 * placed @ self.centres.T - (self.centres**2).sum(axis=1)).argmax(axis=1)
        residuals = placed - self.centres[nearest]
        lengths = np.linalg.norm(residuals, axis=1, keepdims=True)
        residuals /= np.maximum(lengths, _LEAST_LENGTH)
        assigned = np.zeros((len(placed), words), np.float32)
        assigned[np.arange(len(placed)), nearest] = 1
        sums = (assigned.T @ residuals).ravel()
        rooted = np.sign(sums) * np.sqrt(np.abs(sums))
        top = max(float(np.abs(rooted).max()), _LEAST_LENGTH)
        return np.asarray(np.round(rooted * (_LEVELS / top)), dtype=np.int8)

    def save(self, path: Path) -> None:
        """Write the codebook, for `load`."""
        np.savez(path, mean=self.mean, axes=self.axes, centres=self.centres)


@cache
def builtin_codebook() -> Codebook:
    """The codebook in the package, which may be a zip file: Spark ships it so."""
    data = pkgutil.get_data(__package__, _CODEBOOK)
    assert data is not None
    return load(io.BytesIO(data))


def load(file: Path | BinaryIO) -> Codebook:
    """Read a codebook that `Codebook.save` wrote."""
    with np.load(file) as stored:
        return Codebook(stored["mean"], stored["axes"], stored["centres"])


def learn_codebook(units: np.ndarray) -> Codebook:
    """Learn a codebook from RootSIFT descriptors, float32, (n, 128); more than 32 of them."""
    chosen = np.random.default_rng(_SEED).permutation(len(units))[:_LEARNED_FROM]
    sample = _with_mirror_images(units[np.sort(chosen)])
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    _, axes = np.linalg.eigh(np.cov((sample - mean).T))
    axes = np.ascontiguousarray(axes[:, ::-1][:, :_VALUES], dtype=np.float32)
    cv2.setRNGSeed(_SEED)
    stop = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, _ROUNDS, 1e-4)
    _, _, centres = cv2.kmeans(
        (sample - mean) @ axes, _WORDS, np.empty(0), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    return Codebook(mean, axes, np.asarray(centres, np.float32))


def _with_mirror_images(units: np.ndarray) -> np.ndarray:
    return np.concatenate([units, units[:, features.MIRRORED]])
