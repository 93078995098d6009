"""ResNet-50 weights in a quarter of their size: int8 per output channel, expanded at load.

A convolution's weight W (out, in, h, w) is stored as int8 Q with one float32 scale per output
channel, W ~ Q * scale, scale = max|W| / 127 over the channel: symmetric per-channel quantisation
(Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", 2.1.1).
Everything else (batch norms) stays float32. The network computes with the expanded values.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch

_SCALE = ".int8_scale"


def save(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a state_dict: matrices and kernels as int8 with scales, the rest as float32."""
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if tensor.ndim < 2:
            stored[name] = tensor.float().contiguous() if tensor.is_floating_point() else tensor
            continue
        rows = tensor.float().flatten(1)
        scale = rows.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        levels = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
        stored[name] = levels.view(tensor.shape).contiguous()
        stored[name + _SCALE] = scale
    safetensors.torch.save_file(stored, path, metadata=dict(metadata))


def loads(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read .safetensors bytes, quantised by `save` or plain: (float32 state_dict, metadata).

    Raises SafetensorError when `data` is no such file.
    """
    stored = safetensors.torch.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = dict(header.get("__metadata__", {}))
    scales = {
        name.removesuffix(_SCALE): stored.pop(name)
        for name in list(stored)
        if name.endswith(_SCALE)
    }
    for name, scale in scales.items():
        shape = (-1, *(1 for _ in range(stored[name].ndim - 1)))
        stored[name] = stored[name].float() * scale.view(shape)
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in stored.items()
    }, metadata
