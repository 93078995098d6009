"""Stand-ins for the two adapters, and small pictures: for tests that need no server or network.

The contract tests run FakeCollection and real collections through one suite.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imgdedup.milvus.client import Neighbours

_GRID = 8
FAKE_DIMS = _GRID * _GRID * 3


class FakeCollection:
    """An exact `milvus.client.Collection` in memory; equal margins come in order of key."""

    def __init__(self) -> None:
        self._width: int | None = None
        self._rows: dict[str, np.ndarray] = {}

    def close(self) -> None:
        """Nothing to close."""

    def create(self, width: int, expected: int = 0) -> None:
        """See Collection."""
        if self._width is None:
            self._width = width

    def drop(self) -> None:
        """See Collection."""
        self._width, self._rows = None, {}

    def keys(self, least: str = "", below: str = "") -> set[str]:
        """See Collection."""
        return {key for key in self._rows if key >= least and (key < below or not below)}

    def insert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors, or replace those of known keys; ValueError for a wrong shape."""
        if self._width is None or vectors.shape != (len(keys), self._width):
            raise ValueError(f"{vectors.shape} for {len(keys)} keys of {self._width} values")
        self._rows |= dict(zip(keys, vectors.astype(np.float32), strict=True))

    def upsert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """See Collection."""
        self.insert(keys, vectors)

    def repeated(self) -> list[str]:
        """No key has several vectors."""
        return []

    def delete(self, keys: Sequence[str]) -> None:
        """See Collection."""
        for key in keys:
            self._rows.pop(key, None)

    def flush(self) -> None:
        """Every write is visible at once."""

    def count(self) -> int:
        """See Collection."""
        return len(self._rows)

    def search(self, vectors: np.ndarray, k: int) -> list[Neighbours]:
        """See Collection."""
        keys = sorted(self._rows)
        if not keys:
            return [Neighbours([], np.empty(0, np.float32)) for _ in vectors]
        margins = vectors.astype(np.float32) @ self.vectors(keys).T
        nearest = np.argsort(-margins, axis=1, kind="stable")[:, :k]
        return [
            Neighbours([keys[column] for column in columns], row[columns])
            for row, columns in zip(margins, nearest, strict=True)
        ]

    def vectors(self, keys: Sequence[str]) -> np.ndarray:
        """See Collection."""
        return np.array([self._rows[key] for key in keys], dtype=np.float32)


@dataclass(frozen=True)
class FakeEncoder:
    """An `imgdedup.encoder.Encoder` whose embedding is the picture itself, shrunk to 8 x 8.

    `side` is a multiple of 8. The embeddings of copies are near, those of other pictures far.
    """

    side: int = 32
    batch_size: int = 4
    fingerprint: str = "fake"

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Embed up to `batch_size` squares (uint8, (side, side, 3)): float32, (n, 192)."""
        batch = np.stack(squares)
        if len(batch) > self.batch_size or batch.shape[1:] != (self.side, self.side, 3):
            raise ValueError(f"{batch.shape} is no batch of {self.batch_size} x {self.side} px")
        cell = self.side // _GRID
        cells = batch.reshape(-1, _GRID, cell, _GRID, cell, 3).mean(axis=(2, 4))
        return (cells.reshape(len(batch), FAKE_DIMS) - 127.5).astype(np.float32)


@dataclass(frozen=True)
class FakeEncoderFactory:
    """Makes FakeEncoders. Spark can send the factory to its workers."""

    side: int = 32
    batch_size: int = 4
    fingerprint: str = "fake"

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[FakeEncoder]:
        """One encoder for each of `gpus`, or one in all."""
        return [FakeEncoder(self.side, self.batch_size, self.fingerprint) for _ in gpus or ["cpu"]]


def picture(seed: int, width: int = 80, height: int = 60) -> Image.Image:
    """A smooth RGB picture without symmetry; each seed gives another picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file of Pillow's format `form`."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()
