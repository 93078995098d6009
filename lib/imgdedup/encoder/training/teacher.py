"""Weights that a training imitates."""

import torch
import torch.nn.functional as F
from torch import nn

from imgdedup.encoder import weights
from imgdedup.encoder.network import resnet50_with
from imgdedup.errors import UserError

_AT_ONCE = 32  # views of one forward pass: bounds the memory where the input is large


class Teacher:
    """A network that is used as it is: views in, vectors of length 1 out.

    `name`, `digest`, `side` (pixels of its input) and `dims` (of its vectors) are those of the
    weights. A TorchScript module computes in float32, ResNet-50 in bf16.

    Raises UserError when the weights cannot be loaded, or do not make vectors of pictures.
    """

    def __init__(self, spec: str, device: torch.device) -> None:
        loaded = weights.load(spec)
        self.name, self.digest, self.side = loaded.name, loaded.digest, loaded.input_size
        self._network: nn.Module = loaded.script or resnet50_with(loaded)
        self._network.to(device)
        self._fast = loaded.script is None
        scale = torch.tensor([loaded.mean, loaded.std], device=device)
        self._mean, self._std = scale.view(2, 1, 3, 1, 1)
        try:
            self.dims = self(torch.zeros(2, 3, self.side, self.side, device=device)).shape[1]
        except (RuntimeError, AttributeError, TypeError) as error:
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else "no reason"
            raise UserError(
                f"the teacher {self.name} makes no vectors of pictures of {self.side} x "
                f"{self.side} pixels: {reason}"
            ) from None

    @torch.no_grad()
    def __call__(self, views: torch.Tensor) -> torch.Tensor:
        """The unit vectors (n, dims), float32, of views (n, 3, s, s), 0-1, at its own side."""
        size = (self.side, self.side)
        found = []
        for some in views.split(_AT_ONCE):
            large = F.interpolate(some, size, mode="bilinear", antialias=True)
            with (
                torch.autocast(views.device.type, torch.bfloat16, enabled=self._fast),
                torch.jit.optimized_execution(False),
            ):
                found.append(self._network((large - self._mean) / self._std).flatten(1).float())
        return F.normalize(torch.cat(found), dim=1)
