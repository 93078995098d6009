"""ResNet-50 on a CPU, computed by OpenVINO: batches of squares in, pooled features out."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Literal

import numpy as np
import openvino as ov

from imgdedup.encoder import graph
from imgdedup.encoder.hardware import (
    cpu_features,
    is_x86,
    sums_int8_exactly,
    widest_instructions,
)
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.passes import CPU_PASS, in_passes, name_model, padded
from imgdedup.encoder.settings import EncoderSettings
from imgdedup.errors import UserError

Precision = Literal["int8", "bf16", "fp32"]
# What the layers compute in that do not compute in int8.
_FLOATING = {"int8": "f32", "bf16": "bf16", "fp32": "f32"}


class OpenVinoEncoder:
    """A ResNet-50 on the CPU; an `imgdedup.encoder.Encoder`.

    The embedding of an image depends on its pixels alone. Every forward pass has the same shape,
    and is padded when it has fewer images. One thread computes a pass, and `threads` passes run
    side by side. The network is made with the first batch, because a worker that meets only known
    contents needs the fingerprint alone.
    """

    def __init__(self, loaded: Weights, settings: EncoderSettings, threads: int) -> None:
        self.side = settings.input_size or loaded.input_size
        self.batch_size = max(settings.batch_size, CPU_PASS * threads)
        self._precision = choose_precision(settings.precision, loaded)
        self._loaded: Weights | None = loaded
        self._making = threading.Lock()
        self._threads = ThreadPoolExecutor(threads)
        self._count = threads
        self._requests: Requests | None = None
        self.fingerprint = self._fingerprint(loaded)

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Embed up to `batch_size` squares (uint8, (side, side, 3)): float32, (n, dims).

        Raises UserError when the weights do not fit the network.
        """
        with self._making:
            if self._requests is None:
                self._requests = self._made()
        passes = in_passes(squares, CPU_PASS)
        return np.concatenate(list(self._threads.map(self._computed, passes)))

    def _made(self) -> "Requests":
        loaded = self._loaded
        assert loaded is not None
        high = loaded.ranges.high if loaded.ranges and self._precision == "int8" else {}
        network = graph.build(loaded, CPU_PASS, self.side, high)
        self._loaded = None  # do not keep the loaded parameters beside the network's
        return Requests(network, self._count, _FLOATING[self._precision])

    def _computed(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """The embeddings of one forward pass."""
        assert self._requests is not None
        (features,) = self._requests.infer(padded(squares, CPU_PASS, self.side))
        return features[: len(squares)]

    def _fingerprint(self, loaded: Weights) -> str:
        release = ov.get_version().partition("-")[0]
        computed = f"cpu_{widest_instructions(cpu_features())}-openvino_{release}-{self._precision}"
        ranges = loaded.ranges.fingerprint if loaded.ranges and self._precision == "int8" else ""
        return name_model(loaded, self.side, computed, CPU_PASS, ranges)


class Requests:
    """A compiled network, for up to `count` threads at the same time.

    Each pass has one thread. `floating` is what floating-point layers compute in: "f32" or "bf16".
    """

    def __init__(self, network: ov.Model, count: int, floating: str) -> None:
        options = {
            "INFERENCE_PRECISION_HINT": floating,
            "NUM_STREAMS": str(count),
            "INFERENCE_NUM_THREADS": str(count),
            "ENABLE_CPU_PINNING": "NO",  # other threads and processes use the cores, too
        }
        compiled = ov.Core().compile_model(network, "CPU", options)
        self._results = range(len(compiled.outputs))
        self._free: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        """Compute the results for a batch of the shape of the network's input."""
        request = self._free.get()
        try:
            request.infer([batch], share_inputs=True)
            return [request.get_output_tensor(number).data.copy() for number in self._results]
        finally:
            self._free.put(request)


def choose_precision(wanted: str, loaded: Weights) -> Precision:
    """The best precision of this CPU for these weights, or the one that is wanted.

    Raises UserError when int8 is wanted and the ranges for it are missing.
    """
    if wanted == "int8" and loaded.ranges is None:
        raise UserError(
            f"embed.precision is int8, and the weights {loaded.name} have no ranges beside them: "
            "make these with jobs/calibrate.py, or set embed.precision to auto"
        )
    # Where sums saturate, int8 was measured for `builtin` alone.
    is_measured = is_x86() and (sums_int8_exactly() or loaded.name == "builtin")
    if wanted == "int8" or (wanted == "auto" and loaded.ranges is not None and is_measured):
        return "int8"
    capable = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted == "bf16" or (wanted == "auto" and "BF16" in capable):
        return "bf16"
    return "fp32"
