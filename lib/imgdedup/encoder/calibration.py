"""Measures the ranges that int8 needs, on photographs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from imgdedup.encoder import graph, weights
from imgdedup.encoder.cpu import Requests
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.passes import CPU_PASS, in_passes, padded
from imgdedup.encoder.ranges import Ranges
from imgdedup.errors import UserError

# The largest input of a layer differs from photograph to photograph. In so many of them, all inputs
# lie within the range. The others lose their largest values, and all gain finer levels.
_SHARE = 0.9


def load(spec: str) -> Weights:
    """Load weights, as `embed.weights`, without the ranges that they may have.

    Raises UserError when they cannot be loaded, or are a published name or TorchScript.
    """
    if weights.is_name(spec):
        raise UserError(f"{spec} is a name: ranges lie beside a file, so save the weights first")
    loaded = weights.load(spec)
    if loaded.state is None:
        raise UserError(f"{spec} is TorchScript: only a state_dict can be computed in int8")
    return loaded


def measure(loaded: Weights, squares: Sequence[np.ndarray], threads: int) -> Ranges:
    """Measure the ranges of the inputs of all convolutions but the first.

    `squares` are photographs, uint8, (side, side, 3), in the input size of the weights.

    Raises UserError when the weights do not fit ResNet-50.
    """
    network, names = graph.build_watched(loaded, CPU_PASS, loaded.input_size)
    requests = Requests(network, threads, "f32")

    def largest(some: Sequence[np.ndarray]) -> np.ndarray:
        found = requests.infer(padded(some, CPU_PASS, loaded.input_size))
        return np.stack(found, axis=1)[: len(some)]

    with ThreadPoolExecutor(threads) as pool:
        tops = np.concatenate(list(pool.map(largest, in_passes(squares, CPU_PASS))))
    high = np.quantile(tops, _SHARE, axis=0)
    # A layer whose inputs are all zero has no levels, and one is as good as another.
    named = {name: float(f"{value:.6g}") or 1.0 for name, value in zip(names, high, strict=True)}
    return Ranges(loaded.digest, len(squares), named)
