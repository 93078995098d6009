"""ResNet-50 weights in a quarter of their size: int8 per output channel, expanded at load.

A convolution's weight W (out, in, h, w) is stored as int8 Q with one float32 scale per output
channel, W ~ Q * scale, scale = max|W| / 127 over the channel: symmetric per-channel quantisation
(Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", 2.1.1).
Everything else (batch norms) stays float32.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

_SCALE = ".int8_scale"
_MOST = 127
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels (int8, in the shape of `weight`) and their scales (float32, (out,)).

    `weight` is float32, (out, ...), at least two axes.
    """
    rows = weight.astype(np.float32, copy=False).reshape(len(weight), -1)
    tops = np.maximum(rows.max(1), -rows.min(1))
    scales = np.maximum(tops, np.finfo(np.float32).tiny) / np.float32(_MOST)
    levels = np.rint(rows / scales[:, None]).clip(-_MOST, _MOST).astype(np.int8)
    return levels.reshape(weight.shape), scales


def save(path: Path, state: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a state_dict: matrices and kernels as int8 with scales, the rest as float32."""
    stored: dict[str, np.ndarray] = {}
    for name, values in state.items():
        if values.ndim < 2:
            floating = np.issubdtype(values.dtype, np.floating)
            stored[name] = values.astype(np.float32) if floating else values
        else:
            stored[name], stored[name + _SCALE] = quantise(values)
    arrays = {name: np.ascontiguousarray(values) for name, values in stored.items()}
    safetensors.numpy.save_file(arrays, path, metadata=dict(metadata))


def loads(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read .safetensors bytes, quantised by `save` or plain: (float32 state_dict, metadata).

    Raises SafetensorError when `data` is no such file, ValueError when it holds other types.
    """
    stored = {name: _array(view) for name, view in safetensors.deserialize(data)}
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    scales = {name: values for name, values in stored.items() if name.endswith(_SCALE)}
    state = {}
    for name in stored.keys() - scales.keys():
        values, scale = stored[name], scales.get(name + _SCALE)
        if scale is not None:
            wide = values.astype(np.float32)
            wide *= scale.reshape(-1, *[1] * (values.ndim - 1))
            state[name] = wide
        elif np.issubdtype(values.dtype, np.floating):
            state[name] = values.astype(np.float32)
        else:
            state[name] = values.copy()
    return state, dict(header.get("__metadata__", {}))


def _array(view: Mapping[str, Any]) -> np.ndarray:
    """The values of one tensor in a file."""
    kind, shape = view["dtype"], view["shape"]
    if kind == "BF16":  # the upper half of a float32; numpy has no such type
        halves = np.frombuffer(view["data"], np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(shape)
    if kind not in _DTYPES:
        raise ValueError(f"it holds tensors of the type {kind}")
    return np.frombuffer(view["data"], _DTYPES[kind]).reshape(shape)
