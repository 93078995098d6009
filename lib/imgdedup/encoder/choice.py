"""Chooses what computes the embeddings: torch on a GPU, else OpenVINO, else torch on the CPU."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from imgdedup.console import say
from imgdedup.encoder import weights
from imgdedup.encoder.hardware import may_have_gpu
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.settings import EncoderSettings

if TYPE_CHECKING:
    from imgdedup.encoder.cpu import OpenVinoEncoder
    from imgdedup.encoder.network import TorchEncoder


def create_encoders(
    settings: EncoderSettings, gpus: Sequence[str], threads: int
) -> "Sequence[TorchEncoder | OpenVinoEncoder]":
    """Make the encoders that `EncoderFactory.create` promises.

    torch is imported only for a GPU, for a TorchScript module, for weights that only torch reads,
    and where OpenVINO does not run.
    """
    loaded, threads = weights.load(settings.weights), max(1, threads)
    wants_gpu = settings.device == "cuda" or (
        settings.device == "auto" and (bool(gpus) or may_have_gpu())
    )
    if wants_gpu or loaded.script is not None:
        encoders = _torch_encoders(loaded, settings, gpus, threads)
        if loaded.script is not None or not encoders[0].on_cpu:
            return encoders
    if not runs_openvino():
        return _torch_encoders(loaded, settings, [], threads)
    from imgdedup.encoder.cpu import OpenVinoEncoder

    return [OpenVinoEncoder(loaded, settings, threads)]


def _torch_encoders(
    loaded: Weights, settings: EncoderSettings, gpus: Sequence[str], threads: int
) -> "list[TorchEncoder]":
    from imgdedup.encoder import network

    devices = network.find_devices(settings.device, gpus)
    return [network.TorchEncoder(loaded, settings, device, threads) for device in devices]


@cache
def runs_openvino() -> bool:
    """Whether OpenVINO runs here. If not, a line says once that the CPU is slower without it."""
    try:
        import openvino

        openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        say(f"embed: without OpenVINO, which does not run here and would be faster ({reason})")
        return False
    return True
