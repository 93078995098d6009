"""Arithmetic on embeddings that must give the same bits wherever it runs."""

import numpy as np
import pyarrow as pa


def unit_vectors(embeddings: pa.ListArray) -> np.ndarray:
    """Embeddings as rows of length one, float32, (n, dims)."""
    rows = len(embeddings)
    values = embeddings.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    matrix = values.reshape(rows, -1) if rows else values.reshape(0, 0)
    norms = np.sqrt((matrix.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    return (matrix / np.maximum(norms, 1e-12)).astype(np.float32)


def similarities(query: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine of one unit vector (dims,) to each row of (n, dims), float64, (n,).

    A plain product and sum: unlike a matrix product, the value of a pair depends neither on which
    of the two asks nor on what else is asked with it.
    """
    products: np.ndarray = query.astype(np.float64) * others.astype(np.float64)
    return products.sum(axis=1)
