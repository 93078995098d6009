"""The two forms of a vector, and arithmetic that gives the same bits wherever it runs.

    stored [y, -level(y) / 2, 1, pad]      asking [x, 1, -level(x) / 2, 0]

The inner product of an asking and a stored vector is the margin of the two (see `projection`). The
pad gives all stored vectors one length, which graph indexes need: unequal lengths spoil a search
by inner product.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

EXTRA = 3  # values that a stored vector has beyond the projected ones
DECIMALS = 6  # of margins and similarities
_SQUARED_LENGTH = 2.25  # 1 of the vector, 1, and at most 1/4 of half the level


def matrix(embeddings: pa.ListArray) -> np.ndarray:
    """Lists of equal length as rows, float32, (n, values)."""
    rows = len(embeddings)
    values = embeddings.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return values.reshape(rows, -1) if rows else values.reshape(0, 0)


def bytes_matrix(values: pa.Array) -> np.ndarray:
    """Binary values of equal length as rows of int8, (n, bytes); a null is a row of zeros."""
    size = pc.max(pc.binary_length(values)).as_py() or 0
    if not size:
        return np.zeros((len(values), 0), np.int8)
    fixed = values.fill_null(bytes(size)).cast(pa.binary(size))
    packed = np.frombuffer(fixed.buffers()[1], np.int8, len(fixed) * size, fixed.offset * size)
    return packed.reshape(-1, size)


def stored_form(projected: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """What the collection stores of unit vectors (n, dims), levels (n,): float32, (n, dims + 3)."""
    half = -levels[:, None].astype(np.float64) / 2
    wide = projected.astype(np.float64)
    square = (wide**2).sum(axis=1, keepdims=True) + half**2 + 1
    pad = np.sqrt(np.maximum(_SQUARED_LENGTH - square, 0))
    return np.hstack([wide, half, np.ones_like(half), pad]).astype(np.float32)


def asking_form(stored: np.ndarray) -> np.ndarray:
    """The vectors that ask for the margins of contents, from their stored vectors; same shape."""
    asking = stored.copy()
    asking[:, -3] = 1
    asking[:, -2] = stored[:, -3]
    asking[:, -1] = 0
    return asking


def margins(one: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Margins and similarities of one stored vector (dims + 3,) with each row of (n, dims + 3).

    Both are float64, (n,), rounded to DECIMALS. They are a plain product and sum, not a matrix
    product. So the values of a pair depend on the pair alone. They do not depend on which of the
    two asks, or on the other queries.
    """
    dims = len(one) - EXTRA
    products = one[:dims].astype(np.float64) * others[:, :dims].astype(np.float64)
    similarities = products.sum(axis=1)
    halves = others[:, dims].astype(np.float64) + float(one[dims])
    return np.round(similarities + halves, DECIMALS), np.round(similarities, DECIMALS)
