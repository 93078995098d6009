"""Weights that only torch can read: torchvision's by name, .pth, TorchScript, SSCD by its name."""

import hashlib
import io
import os
import sys
import zipfile
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch

from imgdedup.encoder.parameters import Weights
from imgdedup.errors import UserError

SSCD = "sscd"
# The model that the authors of Pizzi et al. 2022, "A Self-Supervised Descriptor for Image Copy
# Detection", recommend first: TorchScript, MIT licence, (n, 3, side, side) to 512 values of length
# 1. They publish no checksum. This one is what a dozen public projects pin for the file.
SSCD_URL = "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt"
SSCD_SHA256 = "9f26bd4c848cc19b73d2ae92eea6e04886f61a7b764ceb7a13aeee62e6a6db56"
# Pixels: "skew_320" in the authors' README, the whole picture squashed to a square.
_SSCD_SIDE = 320


def named(name: str) -> Weights:
    """Load `sscd` or torchvision's weights of this name, which are downloaded once."""
    return _sscd() if name == SSCD else _torchvision(name)


def from_file(name: str, data: bytes) -> Weights:
    """Read the bytes of a TorchScript module or of a pickled state_dict.

    Raises what torch raises, or ValueError, when the bytes are neither.
    """
    digest = hashlib.sha256(data).hexdigest()
    if _is_torchscript(data):
        script = torch.jit.load(io.BytesIO(data), map_location="cpu").eval()
        side = _SSCD_SIDE if digest == SSCD_SHA256 else 224
        return Weights(name, digest, side, script=script)
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ValueError("the file holds no state_dict")
    return Weights(name, digest, 224, state=_arrays(state))


def _arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().float().numpy() for name, tensor in state.items()}


def _is_torchscript(data: bytes) -> bool:
    """Whether a zip file of torch's is a TorchScript archive rather than a pickled state_dict."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return any("/code/" in name for name in archive.namelist())


def _downloads() -> Path:
    """The folder where torch keeps downloaded weights: in TORCH_HOME, else in the environment."""
    if "TORCH_HOME" not in os.environ:
        torch.hub.set_dir(str(Path(sys.prefix) / "cache" / "torch"))
    return Path(torch.hub.get_dir()) / "checkpoints"


def _sscd() -> Weights:
    path = _downloads() / SSCD_URL.rpartition("/")[2]
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(SSCD_URL, str(path), SSCD_SHA256, progress=False)
        data = path.read_bytes()
    except (OSError, RuntimeError, HTTPException) as error:  # no network, a bad hash, cut off
        raise UserError(
            f"the weights {SSCD} cannot be downloaded from {SSCD_URL} ({error}): fetch that file "
            f"on a machine that can, and put it into {path.parent}, or set embed.weights to its "
            'path, or to "builtin"'
        ) from None
    if hashlib.sha256(data).hexdigest() != SSCD_SHA256:
        raise UserError(
            f"the weights {path} are not those of {SSCD_URL}: remove the file, so that it is "
            "downloaded again"
        )
    return from_file(SSCD, data)


def _torchvision(name: str) -> Weights:
    from torchvision.models import ResNet50_Weights

    if name not in ResNet50_Weights.__members__:
        known = ", ".join(ResNet50_Weights.__members__)
        raise UserError(
            f'embed.weights is "{name}": there is no such file, and the names are builtin, '
            f"{SSCD} and torchvision's {known}"
        )
    weights = ResNet50_Weights[name]
    _downloads()
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError, HTTPException) as error:  # no network, a bad hash, cut off
        raise UserError(
            f"the weights {name} cannot be downloaded from {weights.url} ({error}): fetch that "
            'file on a machine that can, and set embed.weights to its path, or to "builtin"'
        ) from None
    transform = weights.transforms()
    digest = hashlib.sha256(weights.url.encode()).hexdigest()
    return Weights(
        name,
        digest,
        transform.crop_size[0],
        tuple(transform.mean),
        tuple(transform.std),
        state=_arrays(state),
    )
