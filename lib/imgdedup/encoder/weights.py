"""Finding weights: the package's own, a published name, or a file anywhere.

Every source gives its input size and normalisation. Weights that cannot be loaded raise a UserError
that says what to do.
"""

import hashlib
import io
import os
import sys
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError

from imgdedup import sources
from imgdedup.encoder import quantized
from imgdedup.errors import UserError
from imgdedup.failures import ImageFailure

BUILTIN = Path(__file__).with_name("builtin.safetensors")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SSCD = "sscd"
# The model that the authors of Pizzi et al. 2022, "A Self-Supervised Descriptor for Image Copy
# Detection", recommend first: TorchScript, MIT licence, (n, 3, side, side) to 512 values of length
# 1. They publish no checksum. This one is what a dozen public projects pin for the file.
SSCD_URL = "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt"
SSCD_SHA256 = "9f26bd4c848cc19b73d2ae92eea6e04886f61a7b764ceb7a13aeee62e6a6db56"
# Pixels: "skew_320" in the authors' README, the whole picture squashed to a square.
_SSCD_SIDE = 320
_MAX_BYTES = 4 << 30


@dataclass(frozen=True)
class Weights:
    """A network's parameters and what its input must look like.

    Exactly one of `state` (a ResNet-50 state_dict, float32) and `script` (a TorchScript module)
    is set. `input_size` is pixels; `mean` and `std` are per RGB channel, for values in 0-1.
    `digest` is the SHA-256 of the parameters as stored. `pooling` is the power of the mean over the
    places of a picture. `root` is the degree of the root that is then taken of each value. 1 and 1
    are the plain mean of torchvision's network. A script has its own pooling.
    """

    name: str
    digest: str
    input_size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    pooling: float = 1.0
    root: float = 1.0
    state: dict[str, torch.Tensor] | None = None
    script: torch.jit.ScriptModule | None = None


def load(spec: str) -> Weights:
    """Load `builtin`, `sscd`, a torchvision ResNet-50 weights name, or a path or URI."""
    if spec == "builtin":
        return _safetensors("builtin", BUILTIN.read_bytes())
    if "/" not in spec and "." not in spec and not Path(spec).exists():
        return _sscd() if spec == SSCD else _torchvision(spec)
    try:
        data = sources.read_bytes(spec, _MAX_BYTES)
    except ImageFailure as failure:
        raise UserError(
            f"the weights {spec} cannot be read ({failure.code}): set embed.weights, or the "
            'variable IMGDEDUP_WEIGHTS, to a ResNet-50 checkpoint, or to "builtin"'
        ) from None
    try:
        return _from_file(Path(spec).name, data)
    except (SafetensorError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    except (UnpicklingError, KeyError, IndexError):  # the last two: bytes that are no pickle
        reason = "it does not hold tensors alone"
    raise UserError(
        f"the weights {spec} are neither a state_dict (.pth, .safetensors) nor a TorchScript "
        f"module: {reason}"
    )


def _from_file(name: str, data: bytes) -> Weights:
    if name.endswith(".safetensors"):
        return _safetensors(name, data)
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
    return Weights(name, digest, 224, state={key: value.float() for key, value in state.items()})


def _safetensors(name: str, data: bytes) -> Weights:
    state, metadata = quantized.loads(data)
    return Weights(
        name,
        hashlib.sha256(data).hexdigest(),
        int(metadata.get("input_size", 224)),
        pooling=float(metadata.get("pooling", 1)),
        root=float(metadata.get("root", 1)),
        state=state,
    )


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
    return _from_file(SSCD, data)


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
        state=state,
    )
