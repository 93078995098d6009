"""Days of images that exist as rows only: as `scan` and `embed` would have left them.

Every image is a random vector with the thumbnail of one of a few pictures. One image in twenty is a
near copy of an earlier image, and shows the same picture. One in fifty is an exact copy of one.
"""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.geometry.features import extract
from imgdedup.lake import markers
from imgdedup.lake.digests import Digest
from imgdedup.lake.files import LocalFiles
from imgdedup.lake.schemas import EMBEDDINGS, MANIFEST
from tests.stand_ins import encoded, picture

FIRST = date(2025, 1, 1)
_DIMS = 128
_PICTURES = 40
_NOISE = 0.02
_NEAR, _EXACT = 0.05, 0.02


class Corpus:
    """Makes one day after the other under `root`, with `per_day` images each."""

    def __init__(self, root: Path, per_day: int, seed: int) -> None:
        self._root, self._per_day = root, per_day
        self._chance = np.random.default_rng(seed)
        shown = (picture(number, 160, 120) for number in range(_PICTURES))
        self._pictures = [(encoded(each, "JPEG", quality=85), _features(each)) for each in shown]
        self._vectors = np.empty((0, _DIMS), np.float32)
        self._shown = np.empty(0, int)
        self.days: list[str] = []

    def add(self, days: int) -> None:
        """Add `days` more days."""
        for _ in range(days):
            dt = (FIRST + timedelta(days=len(self.days))).isoformat()
            self._write(dt, self._rows(dt))
            self.days.append(dt)

    def _rows(self, dt: str) -> list[dict[str, object]]:
        rows = []
        for number in range(self._per_day):
            vector, shown = self._drawn()
            thumbnail, features = self._pictures[shown]
            self._vectors = np.vstack([self._vectors, vector])
            self._shown = np.append(self._shown, shown)
            rows.append(
                {
                    "image_id": f"{dt}/{number:05}",
                    "uri": f"none:{dt}/{number:05}",
                    "content_id": hashlib.sha256(vector.tobytes()).hexdigest(),
                    "format": "JPEG",
                    "width": 160,
                    "height": 120,
                    "size_bytes": 10_000 + len(self._shown),
                    "embedding": vector,
                    "features": features,
                    "thumbnail": thumbnail,
                    "model": "synthetic",
                }
            )
        return rows

    def _drawn(self) -> tuple[np.ndarray, int]:
        kind = self._chance.random()
        vector = self._chance.standard_normal(_DIMS).astype(np.float32)
        if len(self._shown) and kind < _NEAR + _EXACT:
            other = int(self._chance.integers(len(self._shown)))
            noise = 0 if kind < _EXACT else _NOISE
            return self._vectors[other] + noise * vector, int(self._shown[other])
        return vector, int(self._chance.integers(_PICTURES))

    def _write(self, dt: str, rows: list[dict[str, object]]) -> None:
        for dataset, schema in (("manifest", MANIFEST), ("embeddings", EMBEDDINGS)):
            folder = self._root / dataset / f"dt={dt}"
            folder.mkdir(parents=True)
            fields = to_arrow_schema(schema)
            columns = [{name: row.get(name) for name in schema.names} for row in rows]
            table = pa.Table.from_pylist(columns, schema=fields)
            pq.write_table(table, folder / "part-0.parquet")
            markers.write(LocalFiles(), str(folder), Digest(len(rows), None))


def _features(image: Image.Image) -> bytes:
    """The local features of a picture, as `embed` stores them."""
    return extract(np.asarray(image.convert("L"))).to_bytes(max(image.size))
