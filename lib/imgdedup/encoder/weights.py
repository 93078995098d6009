"""Finding weights: the package's own, a published name, or a file anywhere.

Every source gives its input size and normalisation. Weights that cannot be loaded raise a UserError
that says what to do. Those in .safetensors files are read without torch.
"""

import hashlib
import pkgutil
import zipfile
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError

from safetensors import SafetensorError

from imgdedup import sources
from imgdedup.encoder import quantized, ranges
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.ranges import Ranges
from imgdedup.errors import TRANSIENT, ImageFailure, TryAgain, UserError, first_line

BUILTIN = Path(__file__).with_name("builtin.safetensors")
_MAX_BYTES = 4 << 30


def load(spec: str) -> Weights:
    """Load `builtin`, `sscd`, a torchvision ResNet-50 weights name, or a path or URI."""
    if spec == "builtin":
        return _safetensors(spec, _packaged(BUILTIN.name))
    if is_name(spec):
        from imgdedup.encoder import torch_files

        return torch_files.named(spec)
    return _read(spec)


def is_name(spec: str) -> bool:
    """Whether this is the name of published weights: neither `builtin` nor a file."""
    return spec != "builtin" and not ("/" in spec or "." in spec or Path(spec).exists())


def with_ranges(loaded: Weights, spec: str) -> Weights:
    """The weights with the ranges that lie beside their file, if there are any.

    Raises UserError when the ranges are damaged or of other weights, and TryAgain when a store does
    not answer.
    """
    if loaded.state is None or is_name(spec):
        return loaded
    if spec == "builtin":
        data = _packaged(ranges.beside(BUILTIN.name))
        return replace(loaded, ranges=ranges.loads(data, loaded.digest))
    return replace(loaded, ranges=_ranges(ranges.beside(spec), loaded.digest))


def _packaged(name: str) -> bytes:
    """A file of this package, also where the package is a zip file: Spark ships it so."""
    data = pkgutil.get_data(__package__, name)
    assert data is not None
    return data


def _read(spec: str) -> Weights:
    """The weights in a file; UserError when it cannot be read or holds something else."""
    try:
        data = sources.read_bytes(spec, _MAX_BYTES)
    except ImageFailure as failure:
        raise UserError(
            f"the weights {spec} cannot be read ({failure.code}): set embed.weights, or the "
            'variable IMGDEDUP_WEIGHTS, to a ResNet-50 checkpoint, or to "builtin"'
        ) from None
    name = Path(spec).name
    try:
        if name.endswith(".safetensors"):
            return _safetensors(name, data)
        from imgdedup.encoder import torch_files

        return torch_files.from_file(name, data)
    except (SafetensorError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = first_line(error)
    except (UnpicklingError, KeyError, IndexError, TypeError):  # bytes that are no pickle of ours
        reason = "it does not hold tensors alone"
    raise UserError(
        f"the weights {spec} are neither a state_dict (.pth, .safetensors) nor a TorchScript "
        f"module: {reason}"
    )


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


def _ranges(place: str, digest: str) -> Ranges | None:
    try:
        return ranges.loads(sources.read_bytes(place, _MAX_BYTES), digest)
    except ImageFailure as failure:
        if failure.code in ("missing", "unreadable"):  # a store may refuse to say which
            return None
        if failure.code in TRANSIENT:
            raise TryAgain(f"the ranges {place} of the weights cannot be read now") from None
        reason = failure.code
    except ValueError as error:
        reason = str(error)
    raise UserError(
        f"the ranges {place} of the weights cannot be used ({reason}): make them again with "
        "jobs/calibrate.py, or remove the file"
    )
