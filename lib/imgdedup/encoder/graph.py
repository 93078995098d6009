"""ResNet-50 as a graph of OpenVINO, made from numpy arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from imgdedup.encoder import layout, quantized
from imgdedup.encoder.layout import Block, Convolution
from imgdedup.encoder.parameters import Weights

_EPSILON = 1e-5  # of torchvision's batch norms
_LEVELS = 256  # of an unsigned byte
_Node = Any  # openvino's own types are not those of all its releases


def build(loaded: Weights, images: int, side: int, high: Mapping[str, float]) -> ov.Model:
    """Build the network: squares (images, side, side, 3) uint8 in, (images, 2048) float32 out.

    `high` has the largest input of each convolution that shall compute in int8, by its name. The
    others compute in floating point.
    """
    return _Builder(loaded, high).network(images, side)


def build_watched(loaded: Weights, images: int, side: int) -> tuple[ov.Model, list[str]]:
    """Build the network whose results are the largest inputs of its convolutions.

    The results are float32, (images,), in the order of the names.
    """
    builder = _Builder(loaded, {})
    builder.network(images, side)
    tops = [op.reduce_max(node, np.array([1, 2, 3])) for node in builder.inputs.values()]
    return ov.Model(tops, [builder.pixels], "watched"), list(builder.inputs)


class _Builder:
    """Makes the nodes of one graph. `inputs` are those of the convolutions, by name."""

    def __init__(self, loaded: Weights, high: Mapping[str, float]) -> None:
        assert loaded.state is not None
        layout.require_fit(loaded.name, loaded.state)
        self._loaded, self._state, self._high = loaded, loaded.state, high
        self.inputs: dict[str, _Node] = {}

    def network(self, images: int, side: int) -> ov.Model:
        """See `build`."""
        self.pixels = op.parameter([images, side, side, 3], np.uint8, "squares")
        features = self._stem()
        for number, block in enumerate(layout.blocks()):
            if number:  # the stem has rounded the input of the first
                features = self._rounded(features, block.first.name)
            features = self._block(features, block)
        return ov.Model([self._pooled(features)], [self.pixels], "resnet50")

    def _stem(self) -> _Node:
        """The squares, normalised, through the first convolution and pooling.

        The deviation is folded into the weights. The mean is not: the border of the convolution is
        zero after the mean was subtracted.
        """
        mean = np.array(self._loaded.mean, np.float32).reshape(1, 3, 1, 1) * 255
        wide = op.convert(op.transpose(self.pixels, np.array([0, 3, 1, 2])), np.float32)
        centred = op.subtract(wide, op.constant(mean))
        deviation = np.array(self._loaded.std, np.float32).reshape(1, 3, 1, 1) * 255
        kernel, bias = self._folded(layout.stem())
        kernel /= deviation
        found = op.relu(op.add(_convolved(centred, op.constant(kernel), layout.stem()), bias))
        found = self._rounded(found, next(layout.blocks()).first.name)  # bytes are pooled sooner
        pads = {"pads_begin": [1, 1], "pads_end": [1, 1], "kernel_shape": [3, 3]}
        return op.max_pool(found, [2, 2], [1, 1], **pads).output(0)

    def _block(self, features: _Node, block: Block) -> _Node:
        inner = op.relu(self._convolution(features, block.first))
        inner = op.relu(self._convolution(self._rounded(inner, block.second.name), block.second))
        outer = self._convolution(self._rounded(inner, block.third.name), block.third)
        if block.beside is not None:
            is_int8 = block.first.name in self._high
            features = self._convolution(features, block.beside, is_int8)
        return op.relu(op.add(outer, features))

    def _rounded(self, values: _Node, name: str) -> _Node:
        """Round values to the levels of an unsigned byte, from zero to the largest input."""
        self.inputs[name] = values
        if name not in self._high:
            return values
        low, high = (op.constant(np.float32(edge)) for edge in (0, self._high[name]))
        return op.fake_quantize(values, low, high, low, high, _LEVELS)

    def _convolution(
        self, values: _Node, convolution: Convolution, is_int8: bool | None = None
    ) -> _Node:
        if is_int8 is None:
            is_int8 = convolution.name in self._high
        kernel, bias = self._folded(convolution)
        weight = _as_int8(kernel) if is_int8 else op.constant(kernel)
        return op.add(_convolved(values, weight, convolution), bias)

    def _folded(self, convolution: Convolution) -> tuple[np.ndarray, _Node]:
        """The weight and the bias of a convolution with its batch norm, which is linear."""
        gamma, beta, mean, variance = (
            self._state[f"{convolution.norm}.{part}"].astype(np.float32)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + np.float32(_EPSILON))
        kernel = self._state[f"{convolution.name}.weight"] * factor.reshape(-1, 1, 1, 1)
        bias = op.constant((beta - mean * factor).reshape(1, -1, 1, 1))
        return kernel.astype(np.float32, copy=False), bias

    def _pooled(self, features: _Node) -> _Node:
        """The pooling of `network.PowerMean`."""
        power = np.float32(self._loaded.pooling)
        exponent = np.float32(1 / (self._loaded.pooling * self._loaded.root))
        means = op.reduce_mean(op.power(features, op.constant(power)), np.array([2, 3]))
        return op.power(means, op.constant(exponent))


def _convolved(values: _Node, weight: _Node, convolution: Convolution) -> _Node:
    stride, pad = convolution.stride, convolution.shape[-1] // 2
    return op.convolution(values, weight, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])


def _as_int8(kernel: np.ndarray) -> _Node:
    """A weight as int8 with a scale for each output channel."""
    levels, scales = quantized.quantise(kernel)
    wide = op.convert(op.constant(levels), np.float32)
    return op.multiply(wide, op.constant(scales.reshape(-1, 1, 1, 1)))
